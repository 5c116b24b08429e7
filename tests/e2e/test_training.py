"""Training from the command line to files: the whole path, the same bytes, and what a kill leaves behind."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from forked import Forker
from safetensors import safe_open

from gazal.config.load import load_recipe
from gazal.config.model import ModelConfig
from gazal.core.store import read_cases, read_traces
from gazal.model.load import load_model, load_tokenizer
from gazal.train.pretrain import Pretraining

KILLS = int(os.environ.get("GAZAL_KILLS", "3"))
"""In each stage; set it to ten for the acceptance."""


def load_kills():
    place = Path(__file__).parents[2] / "benchmarks" / "kills.py"
    spec = importlib.util.spec_from_file_location("kills", place)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


kills = load_kills()


@pytest.fixture(scope="module")
def forker(tmp_path_factory):
    forker = Forker(tmp_path_factory.mktemp("log") / "log.txt")
    yield forker
    forker.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory, forker):
    """A base made by ``gazal pretrain``, and one whole run on it."""
    folder = tmp_path_factory.mktemp("made")
    base, run = kills.write_recipes(folder, KILLS)
    status, said = forker.run("pretrain", base, "--out", folder / "made")
    assert status == 0, said
    status, said = forker.run("run", run, "--out", folder / "whole")
    assert status == 0, said
    return folder


def test_the_whole_path_leaves_everything_behind(made):
    whole = made / "whole"
    assert sorted(p.name for p in whole.iterdir() if p.is_dir()) == ["cases", "evaluate", "grpo", "sft"]
    for stage in ("sft", "grpo"):
        names = {p.name for p in (whole / stage).iterdir()}
        assert {"adapter", "merged", "manifest.json", "steps.jsonl"} <= names
        assert (whole / stage / "adapter" / "adapter_model.safetensors").exists()
    assert not [p for p in whole.rglob("*") if p.suffix in (".pt", ".bin", ".pkl", ".pth", ".part")]
    manifest = json.loads((whole / "sft" / "manifest.json").read_text())
    assert manifest["counts"]["examples"] + manifest["counts"]["too_long"] == 24
    assert manifest["counts"]["longest"] <= 1024
    results = json.loads((whole / "evaluate" / "results.json").read_text())
    assert results["suites"] == {"world": {"n": 4, "of": None, "limit": None}}
    assert [*results["evaluation"]["world"]] == ["base", "base_likelihood", "sft", "grpo"]
    assert [(p["a"], p["b"]) for p in results["paired"]][-1] == ("sft", "grpo") and len(
        results["paired"]
    ) == 6
    cases = read_cases(whole / "cases" / "evaluate" / "cases.jsonl")
    for name in ("base", "sft", "grpo"):
        replies = read_traces(whole / "evaluate" / f"{name}.jsonl")
        assert [reply.case_id for reply in replies] == [case.id for case in cases]
    rows = [json.loads(line) for line in (whole / "grpo" / "steps.jsonl").read_text().splitlines()]
    assert {"reward/answer", "reward/format", "reward/length", "reward/repetition"} <= rows[0].keys()


def test_a_second_call_makes_nothing_but_the_same_report(made, forker):
    files = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in (made / "whole").rglob("*") if p.is_file()}
    written = [(made / "whole" / name).read_bytes() for name in ("report.html", "summary.json")]
    status, said = forker.run("run", made / "run.yaml", "--out", made / "whole")
    assert status == 0 and "Traceback" not in said
    after = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in (made / "whole").rglob("*") if p.is_file()}
    changed = [p.name for p in files.keys() | after.keys() if files.get(p) != after.get(p)]
    assert set(changed) <= {"recipe.yaml", "report.html", "summary.json"}
    assert written == [(made / "whole" / name).read_bytes() for name in ("report.html", "summary.json")]


def test_the_same_seed_makes_the_same_base(made, forker):
    status, said = forker.run("pretrain", made / "base.yaml", "--out", made / "again")
    assert status == 0, said
    assert kills.find_differences(made / "made" / "base", made / "again" / "base") == []


def test_tokens_that_the_base_never_read_lie_apart(made):
    config = load_recipe(made / "base.yaml", [])
    where = ModelConfig(path=str(made / "made" / "base"))
    model, tokenizer = load_model(where), load_tokenizer(where)
    pretraining = Pretraining(model, tokenizer, config.pretrain, config.seed)
    pretraining.make_batch(config.pretrain.steps - 1, None)
    weight = model.get_input_embeddings().weight.detach().float()
    unseen = [token for token in range(len(weight)) if token not in pretraining.seen]
    lengths = (weight[unseen] - weight[unseen].mean(0)).norm(dim=1)
    assert len(unseen) > 5
    # All of one length, as training leaves none: they were moved.
    assert lengths.std() < 0.05 * lengths.mean(), (len(unseen), lengths.std() / lengths.mean())


def test_another_recipe_is_refused_and_leaves_what_is_there(made, forker):
    status, said = forker.run("run", made / "run.yaml", "--out", made / "whole", "--set", "sft.steps=3")
    assert status == 2 and "was made from other settings" in said and "Traceback" not in said


def test_killed_again_and_again_it_ends_as_if_never_stopped(made, forker):
    """Runs twice with one seed, so it also says: same seed, same bytes, down to the adapter's files."""
    seed = int(os.environ.get("GAZAL_SEED", time.time_ns()))
    for stage in kills.STAGES:
        done = kills.kill_often(
            forker, made / "run.yaml", made / "killed", stage, KILLS, Random(f"{seed}{stage}")
        )
        assert done == KILLS, f"seed {seed}: {stage} was over before it was killed {KILLS} times"
        found = kills.find_differences(made / "whole" / stage, made / "killed" / stage)
        assert found == [], f"seed {seed}: {stage}"
        assert (made / "killed" / stage / "merged" / "model.safetensors").exists()
    status, said = forker.run("run", made / "run.yaml", "--out", made / "killed")
    assert status == 0, said
    for stage in ("cases", "evaluate"):
        assert kills.find_differences(made / "whole" / stage, made / "killed" / stage) == []


def test_the_comparison_sees_a_difference(made, tmp_path):
    shutil.copytree(made / "whole" / "sft", tmp_path / "sft")
    steps = tmp_path / "sft" / "steps.jsonl"
    rows = [json.loads(line) for line in steps.read_text().splitlines()]
    rows[2]["loss"] += 1e-12
    steps.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "sft" / "adapter" / "adapter_config.json").unlink()
    found = kills.find_differences(made / "whole" / "sft", tmp_path / "sft")
    assert found == ["adapter/adapter_config.json", "steps.jsonl"]


def test_an_evaluation_that_was_begun_with_other_settings_is_not_gone_on_with(made, forker, tmp_path):
    """Replies of an earlier temperature must not be counted as this one's."""
    shutil.copytree(made / "whole", tmp_path / "run")
    (tmp_path / "run" / "evaluate").rename(tmp_path / "run" / "evaluate.part")
    words = (
        "run",
        made / "run.yaml",
        "--out",
        tmp_path / "run",
        "--set",
        "evaluate.sampling.max_new_tokens=4",
    )
    status, said = forker.run(*words)
    assert status == 2 and "was begun from other settings" in said and "evaluate.part" in said


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_a_state_to_go_on_from(made, forker, tmp_path, sent):
    out = tmp_path / "run"
    log = forker.log.stat().st_size
    running = forker(["sft", made / "run.yaml", "--out", out])
    while running.poll() is None and kills.count_steps(out, "sft") < 4:
        time.sleep(0.005)
    os.kill(running.pid, sent)
    status, said = running.wait(), forker.log.read_bytes()[log:].decode()
    assert status == 128 + sent, said
    assert "Traceback" not in said and len(said.splitlines()) < 8
    assert kills.count_steps(out, "sft") >= 4
    status, said = forker.run("sft", made / "run.yaml", "--out", out)
    assert status == 0, said
    assert kills.find_differences(made / "whole" / "sft", out / "sft") == []


def test_a_whole_run_by_two_processes_writes_everything_once(made):
    """Sharded, as a user starts it; ``tests/train/test_several_processes.py`` compares what two learn."""
    flags = ["--use_fsdp", "--fsdp_version=2", "--num_processes=2", "--num_machines=1"]
    flags += ["--mixed_precision=no", "--dynamo_backend=no"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        flags.append(f"--main_process_port={free.getsockname()[1]}")
    module = ["-m", "gazal.cli.main", "run", str(made / "run.yaml"), "--out", str(made / "two")]
    done = subprocess.run(
        [sys.executable, "-m", "accelerate.commands.launch", *flags, *module],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("report: ") == 1 and done.stderr.count("writing to") == 1, (
        done.stdout + done.stderr
    )
    names = {p.relative_to(made / "whole") for p in (made / "whole").rglob("*") if p.is_file()}
    assert names == {p.relative_to(made / "two") for p in (made / "two").rglob("*") if p.is_file()}
    for stage in ("sft", "grpo"):
        one, two = (made / run / stage / "steps.jsonl" for run in ("whole", "two"))
        steps = [[json.loads(line)["step"] for line in path.read_text().splitlines()] for path in (one, two)]
        assert steps[0] == steps[1]
        (checkpoint,) = (made / "two" / stage).glob("checkpoint-*")
        with safe_open(checkpoint / "random.safetensors", framework="pt") as file:
            assert {"cpu", "cpu.1"} <= set(file.keys()), "both took part"
