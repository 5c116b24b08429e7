"""Two processes, plain and sharded with FSDP2, against one: real processes that talk through gloo.

Each launch has a time limit, so processes that wait for one another for ever are a failure and no hang.
"""

import json
import os
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest
import torch
from forked import Child, Forker
from safetensors.torch import load_file

from gazal.config.model import ModelConfig
from gazal.model.load import load_model
from gazal.model.merge import load_merged

WORKER = Path(__file__).with_name("spread_worker.py")
LIMIT = 240
"""Seconds that a launch may take; it takes some ten."""
SAME = ("sft", "one_row", "half", "grpo")


class Launch:
    """``n`` processes that do some tasks, as a launcher starts them."""

    def __init__(self, forker: Forker, folder: Path, mode: str, *tasks: str):
        self.forker, self.said = forker, forker.log.stat().st_size if forker.log.exists() else 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.children: list[Child] = []
        for rank in range(1 if mode == "one" else 2):
            environment = {"PYTHONPATH": str(WORKER.parent), "ACCELERATE_USE_CPU": "true"}
            if mode != "one":
                environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank)}
                environment |= {"LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
            if mode == "fsdp":
                environment |= {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}
            self.children.append(forker([folder / mode, *tasks], WORKER, **environment))

    def wait(self) -> None:
        """Until all are done; when one fails, or time is over, none goes on."""
        end = time.monotonic() + LIMIT
        while (left := [c for c in self.children if c.poll() is None]) and time.monotonic() < end:
            if any(child.status for child in self.children):
                end = min(end, time.monotonic() + 2)
            time.sleep(0.02)
        self.kill()
        said = self.forker.log.read_bytes()[self.said :].decode()[-3000:]
        assert not left, f"two processes wait for each other after {LIMIT} s: {said}"
        assert [child.status for child in self.children] == [0] * len(self.children), said

    def kill(self) -> None:
        for child in self.children:
            if child.poll() is None:
                os.kill(child.pid, signal.SIGKILL)
                child.wait()


@pytest.fixture(scope="module")
def forker(tmp_path_factory):
    if not torch.distributed.is_gloo_available():
        pytest.skip("this torch has no gloo")
    forker = Forker(tmp_path_factory.mktemp("log") / "log.txt")
    yield forker
    forker.close()


@pytest.fixture(scope="module")
def alone(forker, tmp_path_factory):
    """One process; it also writes down the rollouts that all learn from."""
    folder = tmp_path_factory.mktemp("spread")
    Launch(forker, folder, "one", *SAME, "base", "early").wait()
    return folder


@pytest.fixture(scope="module", params=["two", "fsdp"])
def both(request, forker, alone):
    """The same by two processes."""
    Launch(forker, alone, request.param, *SAME, "again").wait()
    return alone / "one", alone / request.param


@pytest.fixture(scope="module")
def live(forker, alone):
    """GRPO from a base to files, sharded, never stopped."""
    Launch(forker, alone, "fsdp", "norms", "early", "live").wait()
    return alone / "fsdp" / "live" / "grpo.part"


def read_steps(folder: Path) -> list[dict]:
    rows = [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if not k.startswith("time/")} for row in rows]


def differ(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """Norm of the difference as a share of the norm, all tensors as one."""
    assert a.keys() == b.keys() and a
    whole = torch.cat([tensor.flatten() for tensor in a.values()])
    return ((whole - torch.cat([b[name].flatten() for name in a])).norm() / whole.norm()).item()


@pytest.mark.parametrize("task", SAME)
def test_two_processes_learn_what_one_does(both, task):
    one, two = (folder / task for folder in both)
    # The gradient before the first step is that of the whole step, the same in both processes to the bit.
    gradients = [load_file(folder / "gradients-0.safetensors") for folder in (one, two)]
    assert differ(*gradients) < 1e-5
    for what in ("gradients", "weights"):
        mine, others = (load_file(two / f"{what}-{rank}.safetensors") for rank in (0, 1))
        assert all(torch.equal(mine[name], others[name]) for name in mine)
    steps, others = read_steps(one), read_steps(two)
    assert len(steps) == len(others) == {"sft": 20, "grpo": 20}.get(task, len(steps)) and len(steps) > 1
    assert others[0]["loss"] == pytest.approx(steps[0]["loss"], rel=1e-5, abs=1e-7)
    assert others[0]["grad_norm"] == pytest.approx(steps[0]["grad_norm"], rel=1e-5)
    for step, other in zip(steps, others, strict=True):
        assert step.keys() == other.keys()
        for name, value in step.items():
            assert other[name] == (None if value is None else pytest.approx(value, abs=1e-3, rel=1e-3)), name
    # Muon turns its matrices in bfloat16, where the last bits of a sum weigh more.
    limit = 5e-3 if task == "one_row" else 1e-4
    assert differ(*(load_file(folder / "weights-0.safetensors") for folder in (one, two))) < limit


def test_the_tasks_are_what_they_should_be(alone):
    """Losses move, clipping acts where it should, and GRPO is off-policy in its second pass."""
    sft, cut = read_steps(alone / "one" / "sft"), read_steps(alone / "one" / "one_row")
    assert sft[-1]["loss"] < sft[0]["loss"] - 0.2
    assert cut[0]["grad_norm"] > 0.1 * 1.5
    norm = torch.cat([g.flatten() for g in load_file(alone / "one/one_row/gradients-0.safetensors").values()])
    assert norm.norm().item() == pytest.approx(0.1, rel=1e-3)
    grpo = read_steps(alone / "one" / "grpo")
    assert max(abs(step["loss"]) for step in grpo) > 1e-3 and max(s["policy/drift"] for s in grpo) > 0
    assert max(step["policy/kl"] for step in grpo) > 1e-5


def test_a_stopped_run_goes_on_as_if_never_stopped_each_process_with_its_random_numbers(both):
    whole, stopped = (both[1] / "again" / name for name in ("whole", "stopped"))
    assert read_steps(whole) == read_steps(stopped) and len(read_steps(whole)) == 6
    weights = [load_file(folder / "weights-0.safetensors") for folder in (whole, stopped)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    saved = load_file(stopped / "checkpoint-000006" / "random.safetensors")
    assert not torch.equal(saved["cpu"], saved["cpu.1"])


def test_a_sharded_run_goes_on_in_one_process_and_the_other_way_round(forker, alone, live):
    launches, ends = [], []
    for begun, ended in (("fsdp", "one"), ("one", "fsdp")):
        (alone / "crossed" / ended).mkdir(parents=True)
        shutil.copytree(alone / begun / "early", alone / "crossed" / ended / "early")
        launches.append(Launch(forker, alone / "crossed", ended, "early"))
    for launch in launches:
        launch.wait()
    whole = load_file(alone / "one" / "sft" / "weights-0.safetensors")
    for ended in ("one", "fsdp"):
        folder = alone / "crossed" / ended / "early"
        assert len(read_steps(folder)) == 20
        ends.append(differ(whole, load_file(folder / "weights-0.safetensors")))
    assert max(ends) < 1e-4, ends


def test_kept_norms_are_never_those_of_other_weights(live):
    for rank in (0, 1):
        apart = json.loads((live.parents[1] / "norms" / f"apart-{rank}.json").read_text())
        assert len(apart) == 4 and max(apart) < 1e-5


def test_ten_steps_of_grpo_sharded_end_with_files_that_a_plain_process_loads(alone, live):
    steps = read_steps(live)
    assert len(steps) == 10 and max(step["policy/engine_gap"] for step in steps) < 1e-4
    assert any(step["grad_norm"] > 0 for step in steps)
    base, merged = (ModelConfig(path=str(path)) for path in (alone / "base", live / "merged"))
    tokens = torch.arange(1, 41).view(1, -1)
    with torch.no_grad():
        logits = [
            model(tokens).logits
            for model in (load_model(base), load_model(merged), load_merged(base, live / "adapter"))
        ]
    assert (logits[1] - logits[0]).abs().max() > 1e-2
    torch.testing.assert_close(logits[1], logits[2], atol=1e-5, rtol=0)


def test_killed_and_continued_sharded_it_ends_as_if_never_stopped(forker, alone, live):
    folder = alone / "killed"
    (folder / "fsdp").mkdir(parents=True)
    shutil.copytree(alone / "base", folder / "base")
    launch, steps = Launch(forker, folder, "fsdp", "live"), folder / "fsdp/live/grpo.part/steps.jsonl"
    end = time.monotonic() + LIMIT
    while not steps.exists() or steps.read_bytes().count(b"\n") < 5:
        assert time.monotonic() < end and any(child.poll() is None for child in launch.children)
        time.sleep(0.01)
    launch.kill()
    assert len(read_steps(steps.parent)) < 10, "it was over before it was killed"
    Launch(forker, folder, "fsdp", "live").wait()
    assert read_steps(steps.parent) == read_steps(live)
    for name in ("rollouts.jsonl", "adapter/adapter_model.safetensors", "merged/model.safetensors"):
        assert (steps.parent / name).read_bytes() == (live / name).read_bytes(), name
