"""A set from real questions, a teacher and the world: one command each, then SFT without another step."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from served_model import say, serve

from gazal.cases.table import load_suite
from gazal.core.chat import write_prompt, write_reply

pytest.importorskip("rensa")
GAZAL = Path(sys.executable).with_name("gazal")
SUITES = ("medqa_train_4opt", "medqa_dev_5opt", "medmcqa_train", "pubmedqa_train")
LIMIT = 12
RECIPE = """
name: mine
model: {path: tiny-base, dtype: float32}
adapter: {rank: 4, alpha: 4}
sft:
  examples: [{source: curated, path: sets/mine}]
  steps: 2
  learning_rate: 1.0e-3
  pack_length: 2048
  rows_per_step: 2
  micro_rows: 1
"""
pytestmark = pytest.mark.skipif(not os.environ.get("GAZAL_DATA"), reason="GAZAL_DATA names the public sets")


def gazal(*words, cwd):
    done = subprocess.run([GAZAL, *map(str, words)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def student():
    """Knows the keys, as a large teacher often does, and errs on each third question."""
    known = {write_prompt(case): case for name in SUITES for case in load_suite(name)}

    def answer(body, before):
        case = known["\n\n".join(body["messages"][0]["content"].split("\n\n")[1:])]
        letters = [*case.options]
        right = sum(map(ord, case.id)) % 3 > 0
        chosen = case.answer if right else letters[(letters.index(case.answer) + 1) % len(letters)]
        steps = ["The question is read to its end.", f"What it asks points to {case.options[chosen]}."]
        return say(write_reply(steps, "So it is.", chosen))

    return answer


def test_real_questions_become_a_set_that_trains(student, tmp_path):
    suites = [word for name in SUITES for word in ("--suite", name)]
    with serve(student) as service:
        asked = ("--endpoint", service.url, "--model", "org/teacher", "--samples", 1, "--limit", LIMIT)
        told = gazal("synth", *asked, *suites, "--out", "sets/taught", "--json", cwd=tmp_path)
        assert len(service.asked) == len(SUITES) * LIMIT
    taught = json.loads(told.splitlines()[-1])
    assert taught["kept"] + sum(taught["dropped"].values()) == len(SUITES) * LIMIT
    assert taught["dropped"]["no_sample_passes"] > 4 and len(taught["source"]) == len(SUITES)
    words = ("sets/taught/examples.jsonl", "--world", 40, "--set", "pubmedqa_explained", "--cap", "source=45")
    gazal("curate", *words, "--out", "sets/mine", cwd=tmp_path)
    card = (tmp_path / "sets" / "mine" / "card.md").read_text()
    assert all(f"| {name} |" in card for name in (*SUITES, "world", "pubmedqa_explained", "org/teacher"))
    assert "Held against evaluation sets" in card and "medqa_4opt" in card and "| enough |" in card
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    gazal("sft", "recipe.yaml", "--out", "runs/mine", cwd=tmp_path)
    steps = [json.loads(line) for line in (tmp_path / "runs/mine/sft/steps.jsonl").read_text().splitlines()]
    assert len(steps) == 2
