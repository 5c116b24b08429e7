"""``gazal run`` as a person uses it: the dry run, a whole run on a tiny model, ways to get it wrong."""

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from tiny_models import make_model, make_tokenizer

from gazal.model.save import save_model

ROOT = Path(__file__).parents[2]
GAZAL = Path(sys.executable).with_name("gazal")
TINY = """\
name: tiny
model: {path: %s}
adapter: {rank: 2, alpha: 2}
sft:
  examples: [{source: world, n: 6}]
  steps: 2
  learning_rate: 1e-3
  pack_length: 4000
  rows_per_step: 1
"""
GRPO = """\
grpo:
  cases: [{source: world, n: 2, seed: 1}]
  steps: 1
  learning_rate: 1e-3
  cases_per_step: 2
  group_size: 2
  sampling: {max_new_tokens: 4}
evaluate:
  cases: [{source: world, n: 2, split: test}]
  sampling: {temperature: 0, max_new_tokens: 4}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder; every test only reads it."""
    folder = tmp_path_factory.mktemp("models") / "small"
    save_model(make_model(max_position_embeddings=4096), make_tokenizer(), folder)
    return folder


@pytest.fixture
def here(tmp_path, model):
    (tmp_path / "tiny.yaml").write_text(TINY % model)
    (tmp_path / "whole.yaml").write_text(TINY % model + GRPO)
    return tmp_path


def gazal(*words, cwd, **env):
    hidden = ("GAZAL_DATA", "HF_HOME", "HF_HUB_CACHE")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HF_HOME": str(cwd / "hub"), **env}
    return subprocess.run(
        [str(GAZAL), *map(str, words)], capture_output=True, text=True, cwd=cwd, env=environment, check=False
    )


def refuses(done, *parts):
    """Exit status 2 and one line on stderr, which holds every part."""
    assert done.returncode == 2 and done.stderr.startswith("gazal: "), done
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr, done.stderr
    for part in parts:
        assert part in done.stderr, done.stderr


@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["run", "dry run"])
@pytest.mark.parametrize(
    "words, parts",
    [
        (["whole.yaml", "--set", "grpo.group_size=1"], ["grpo.group_size=1", "at least 2"]),
        (["whole.yaml", "--set", "grpo.steps=many"], ["steps is int, got 'many'"]),
        (["tiny.yaml", "--set", "sft.stepz=2"], ["no key stepz", "Did you mean steps?"]),
        (["tiny.yaml", "--set", "steps"], ["not path=value"]),
        (["tiny.yaml", "--set", "grpo.steps=2"], ["this recipe has no grpo stage"]),
        (["odd.yaml"], ["odd.yaml: stft: there is no such key", "Did you mean sft?"]),
        (["broken.yaml"], ["broken.yaml: not a recipe in YAML", "line 2"]),
        (["empty.yaml"], ["empty.yaml: the file is empty"]),
        (["tini.yaml"], ["tini.yaml: no such recipe", "Did you mean tiny.yaml?"]),
        (["."], ["cannot be read"]),
        (["tiny.yaml", "--out", "tiny.yaml"], ["--out", "tiny.yaml"]),
        (["tiny.yaml", "--out", "tiny.yaml/run"], ["--out", "tiny.yaml"]),
        (["tiny.yaml", "--set", "model.path=nowhere"], ["model.path", "nowhere does not exist"]),
        (["tiny.yaml", "--set", "model.path=."], ["has no config.json"]),
        (
            ["tiny.yaml", "--set", "sft.examples=[{source: suite, suite: pubmedqa_explained}]"],
            ["GAZAL_DATA"],
        ),
        (["tiny.yaml", "--set", "sft.examples=[{source: suite, suite: pubmedqa}]"], ["learn from"]),
        (["tiny.yaml", "--set", "sft.examples=[{source: file, cases: no.jsonl, replies: x}]"], ["no.jsonl"]),
    ],
)
def test_wrong_use(here, words, parts, dry):
    (here / "odd.yaml").write_text("name: odd\nstft: {}\n")
    (here / "broken.yaml").write_text("name: broken\nsft: [}\n")
    (here / "empty.yaml").write_text("")
    refuses(gazal("run", *words, *dry, cwd=here), *parts)


def test_targets_are_checked_before_anything_is_made(here):
    done = gazal("run", "tiny.yaml", "--dry-run", "--set", "adapter.targets=[w_proj]", cwd=here)
    refuses(done, "adapter.targets: 'w_proj' is no linear layer")


@pytest.mark.parametrize("verb", ["pretrain", "grpo"])
def test_a_stage_that_the_recipe_lacks(here, verb):
    refuses(gazal(verb, "tiny.yaml", cwd=here), f"recipe tiny: has no stage {verb}. Its stages: cases, sft.")
    assert not (here / "runs").exists()


def test_a_whole_run_says_only_its_own_progress_and_is_made_once(here):
    done = gazal("run", "whole.yaml", "--out", "out", cwd=here)
    assert done.returncode == 0 and done.stdout.startswith("world: 2 cases\n"), done
    assert done.stdout.endswith("\nreport: out/report.html\n") and (here / "out" / "report.html").exists()
    said = done.stderr.splitlines()
    assert said[0] == "writing to out"
    names = ("cases ", "sft ", "grpo ", "evaluate ", "report ")
    assert all(line.startswith(names) for line in said[1:]) and len(said) >= 5, said
    again = gazal("run", "whole.yaml", "--out", "out", cwd=here)
    assert (again.returncode, again.stdout) == (0, done.stdout)
    assert again.stderr == "writing to out\nreport 1/1: out/report.html\n"
    plan = gazal("run", "whole.yaml", "--out", "out", "--dry-run", cwd=here)
    assert "cases done, sft done, grpo done, evaluate done" in plan.stdout


def test_a_run_folder_of_another_recipe_is_left_as_it_was(here):
    assert gazal("run", "tiny.yaml", "--out", "out", cwd=here).returncode == 0
    kept = {path: path.read_bytes() for path in (here / "out").rglob("*") if path.is_file()}
    done = gazal("run", "tiny.yaml", "--out", "out", "--set", "sft.steps=3", cwd=here)
    refuses(done, "out/sft: was made from other settings", "Name another --out")
    done = gazal("run", "tiny.yaml", "--out", "out", "--set", "seed=4", cwd=here)
    refuses(done, "out/cases: was made from other")
    assert {path: path.read_bytes() for path in (here / "out").rglob("*") if path.is_file()} == kept


def test_a_stage_that_is_added_later_is_kept_in_the_recipe(here):
    assert gazal("run", "tiny.yaml", "--out", "out", cwd=here).returncode == 0
    first = (here / "out" / "recipe.yaml").read_text()
    (here / "tiny.yaml").write_text((here / "tiny.yaml").read_text() + "about: Said later.\n")
    assert gazal("run", "tiny.yaml", "--out", "out", cwd=here).returncode == 0
    assert "Said later." in (here / "out" / "recipe.yaml").read_text() != first


def test_the_dry_run_says_what_will_be_done_and_writes_nothing(here):
    before = sorted(here.iterdir())
    done = gazal("run", "whole.yaml", "--dry-run", cwd=here)
    assert done.returncode == 0 and not done.stderr, done
    for part in (
        "tiny",
        "cases to do, sft to do, grpo to do, evaluate to do",
        "context 4,096",
        "DoRA, rank 2",
        "scale 1.41",
        "6 of world, train",
        "2 x 1 rows x 4,000 tokens = 8,000 tokens at most",
        "1 x 2 cases x 2 = 4",
        "3 (base, sft, grpo) x 2 cases = 6 replies",
        "grpo: writing",
        "whole.yaml: checked, nothing would make it fail",
    ):
        assert part in done.stdout, done.stdout
    assert sorted(here.iterdir()) == before


def test_the_dry_run_lists_every_problem_at_once(here):
    words = ["--set", "grpo.sampling.max_new_tokens=4096", "--set", "sft.pack_length=4097"]
    words += ["--set", "evaluate.cases=[{source: suite, suite: pubmedqa}, {source: suite, suite: pubmedq}]"]
    words += ["--set", "grpo.cases=[{source: world, n: 2}, {source: world, n: 3}]"]
    done = gazal("run", "whole.yaml", "--dry-run", *words, cwd=here)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    said = done.stderr.splitlines()
    assert said[0] == "gazal: recipe tiny: 5 things would make the run fail:" and len(said) == 6
    for start in (
        "  sft.pack_length: 4,097 is more than the model's context of 4,096",
        "  grpo.sampling.max_new_tokens: 4,096 leaves no room for a prompt",
        "  evaluate.cases.0: GAZAL_DATA is not set",
        "  evaluate.cases.1: suite 'pubmedq' is not known. Did you mean pubmedqa?",
        "  grpo.cases.1: gives cases that came from an earlier source already",
    ):
        assert any(line.startswith(start) for line in said), (start, said)


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_the_dry_run_says_that_vllm_is_not_installed_unless_a_server_has_it(here):
    words = ["run", "whole.yaml", "--dry-run", "--set", "grpo.engine.kind=vllm"]
    refuses(gazal(*words, cwd=here), "grpo.engine.kind: vllm is not installed")
    done = gazal(*words, "--set", "grpo.engine.address=http://127.0.0.1:8000", cwd=here)
    assert done.returncode == 0 and "note: grpo.engine is vllm: the memory of grpo" in done.stdout


def test_the_dry_run_says_what_grpo_s_options_come_to_and_refuses_too_few_cases(here):
    options = ["grpo.dynamic_sampling=2", "grpo.advantage=per_component", "grpo.mask_truncated=true"]
    words = [word for option in options for word in ("--set", option)]
    done = gazal("run", "whole.yaml", "--dry-run", *words, "--set", "grpo.cases_per_step=1", cwd=here)
    assert done.returncode == 0, done
    said = " ".join(done.stdout.split())
    for part in (
        "other cases in place of groups without a signal, up to 2 times a step: at most",
        "; advantages per component; nothing from replies that are cut off",
    ):
        assert part in said, done.stdout
    done = gazal("run", "whole.yaml", "--dry-run", *words, cwd=here)
    assert done.returncode == 2 and "grpo.dynamic_sampling has no other to put in a place" in done.stderr, (
        done
    )
    done = gazal("run", "whole.yaml", "--dry-run", "--set", "grpo.cases_per_step=3", cwd=here)
    assert done.returncode == 2 and "asks for 3 different ones" in done.stderr, done


def test_the_dry_run_finds_missing_weights_and_templates(here):
    folder = here / "holed"
    save_model(make_model(), make_tokenizer(), folder)
    words = ["run", "tiny.yaml", "--dry-run", "--set", f"model.path={folder}", "--set", "sft.pack_length=99"]
    assert gazal(*words, cwd=here).returncode == 0
    (folder / "chat_template.jinja").unlink()
    refuses(gazal(*words, cwd=here), "has no chat template")
    (folder / "model.safetensors").unlink()
    refuses(gazal(*words, cwd=here), "has no model.safetensors")


def test_the_dry_run_goes_on_without_the_sizes_of_a_model(here):
    done = gazal("run", "whole.yaml", "--dry-run", "--set", "model.path=nobody/own-model", cwd=here)
    assert done.returncode == 0 and "unknown until it is downloaded" in done.stdout, done


def test_the_dry_run_warns_where_memory_is_short(here):
    done = gazal("run", "whole.yaml", "--dry-run", "--set", "model.path=Qwen/Qwen3-32B", cwd=here)
    assert done.returncode == 0 and "32,762,123,264 parameters (published sizes), 131 GB" in done.stdout
    assert "131.0 GB to fetch" in done.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_recipes_are_checked_in_seconds_without_heavy_libraries(here, model, path):
    code = (
        "import sys\nfrom gazal.cli.main import app\n"
        "try:\n    app(sys.argv[1:], standalone_mode=False)\nfinally:\n"
        "    print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    words = ["run", str(path), "--dry-run"]
    words += ["--set", f"model.path={model}"] if path.stem in ("demo", "real-questions") else []
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=here, check=False
    )
    assert time.monotonic() - start < 10, "3 s where nothing else runs"
    loaded = set(
        next(line for line in done.stderr.splitlines() if line.startswith("['")).strip("[]").split(", ")
    )
    assert "'pydantic'" in loaded and not loaded & {"'torch'", "'transformers'", "'peft'", "'accelerate'"}
    assert "memory, estimated" in done.stdout
