"""An example from its row to the gradient: curated, learnt from without another step, told by one command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rensa")
GAZAL = Path(sys.executable).with_name("gazal")
RECIPE = """
name: mine
model: {path: tiny-base, dtype: float32}
adapter: {rank: 4, alpha: 4}
sft:
  examples: [{source: curated, path: sets/mine}]
  steps: 1
  learning_rate: 1.0e-3
  pack_length: 1024
  rows_per_step: 2
  micro_rows: 2
"""


def gazal(*words, cwd):
    done = subprocess.run([GAZAL, *map(str, words)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("life")
    row = {"question": "Which of the two is it?", "options": ["this", "that"], "answer": "that"}
    rows = [row | {"reasoning": "One thing holds.\nAnother follows."}, row | {"reasoning": "Short."}]
    (folder / "theirs.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (folder / "recipe.yaml").write_text(RECIPE)
    gazal("curate", "theirs.jsonl", "--licence", "MIT", "--world", 6, "--out", "sets/mine", cwd=folder)
    gazal("sft", "recipe.yaml", "--out", "runs/mine", cwd=folder)
    return folder


def test_a_set_is_learnt_from_and_each_example_tells_its_life(run):
    lines = (run / "sets" / "mine" / "examples.jsonl").read_text().splitlines()
    kept = [json.loads(line) for line in lines]
    assert {row["lineage"]["source"] for row in kept} == {"theirs", "world"} and len(kept) == 7
    for row in kept:
        told = gazal("show", row["id"], "--run", "runs/mine", cwd=run)
        lineage = row["lineage"]
        assert f"from: {lineage['source']}, row {lineage['row']}" in told
        assert f"licence {lineage['licence']}" in told and "judged: answer right" in told
        assert "kept in: sets/mine" in told and "SFT" in told


def test_what_was_left_out_tells_why(run):
    (row,) = map(json.loads, (run / "sets" / "mine" / "dropped.jsonl").read_text().splitlines())
    told = gazal("show", row["row"], "--set", "sets/mine", cwd=run)
    assert "left out of sets/mine: no_reasoning" in told and "theirs.jsonl, line 2" in told


def test_the_card_names_the_command_that_makes_it_again(run):
    card = (run / "sets" / "mine" / "card.md").read_text()
    assert "`gazal curate theirs.jsonl --world 6 --licence MIT --out sets/mine`" in card
