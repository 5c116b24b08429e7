"""Every example runs by the command of its docstring, says what it promises, and is short enough to read."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gazal.model
from gazal.score.table import JUDGES

ROOT = Path(__file__).parents[2]
EXAMPLES = {path.stem: path for path in sorted((ROOT / "examples").glob("*.py"))}
COMMAND = re.compile(r"^    python (examples/\w+\.py)", re.MULTILINE)
FOLDER = Path(gazal.model.__file__).parent / "tiny_base"


def run(name, tmp_path, *words):
    """The command of an example's docstring, from the root of the clone."""
    commands = COMMAND.findall(EXAMPLES[name].read_text())
    assert commands == [f"examples/{name}.py"]
    environment = {key: value for key, value in os.environ.items() if key != "GAZAL_DATA"}
    environment |= {"HF_HUB_OFFLINE": "1", "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, *commands, *words], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_are_five_and_each_is_short():
    assert set(EXAMPLES) == {
        "add_a_benchmark",
        "add_a_judge",
        "add_an_engine",
        "curate_with_datatrove",
        "grpo_with_trl",
    }
    for path in EXAMPLES.values():
        assert len(path.read_text().splitlines()) <= 60, path.name


def test_a_benchmark_is_judged_and_leaves_its_files(tmp_path):
    said = run("add_a_benchmark", tmp_path)
    assert "exam: 2 of 4 right, 0.500 (0.150 to 0.850)" in said
    assert "answer: {'right': 2, 'wrong': 1, 'no_box': 1}" in said
    (folder,) = tmp_path.glob("ward_quiz_*")
    written = {path.name: len(path.read_text().splitlines()) for path in folder.glob("*.jsonl")}
    assert written == {"cases.jsonl": 4, "prompts.jsonl": 4, "replies.jsonl": 4}


def test_a_judge_knows_short_steps_from_long_ones(tmp_path):
    head, *lines = run("add_a_judge", tmp_path).splitlines()
    assert head.split()[4:] == [*JUDGES, "steps"]
    rows = {line[:20].strip(): dict(zip(head.split()[4:], line[20:].split(), strict=True)) for line in lines}
    assert rows["worked solution"]["steps"] == rows["wrong letter"]["steps"] == "1.00"
    assert rows["wrong letter"]["answer"] == "-1.00" and rows["wrong letter"]["consistency"] == "-1.00"
    assert -1.0 < float(rows["two steps in one"]["steps"]) < 1.0 and rows["no thinking"]["steps"] == "-1.00"


def test_an_engine_that_reads_no_question_stays_at_the_floor(tmp_path):
    said = run("add_an_engine", tmp_path)
    found = dict(re.findall(r"^(first|prior) +all +(0\.\d{3}) ", said, re.MULTILINE))
    assert set(found) == {"first", "prior"} and all(0.15 < float(share) < 0.4 for share in found.values())
    kinds = re.findall(r"^prior +(\w+) .*floor 0\.\d+$", said, re.MULTILINE)
    assert kinds == ["diagnosis", "treatment", "uncertainty", "prognosis", "recall"]
    assert re.search(r"^prior - first: [+-]0\.\d{3} \(.*n = 300$", said, re.MULTILINE)


@pytest.mark.skipif(not (FOLDER / "config.json").exists(), reason="the tiny base is not in the package yet")
def test_trl_trains_on_what_the_judges_pay(tmp_path):
    pytest.importorskip("trl")
    said = run("grpo_with_trl", tmp_path)
    steps = re.findall(r"^step \d+: reward (\S+) = (.+); gradient (\S+)$", said, re.MULTILINE)
    assert len(steps) == 3
    for reward, parts, _ in steps:
        names, values = parts.split()[::2], [float(value) for value in parts.split()[1::2]]
        assert sorted(names) == ["answer", "format", "grounding", "length", "repetition"]
        assert sum(values) == pytest.approx(float(reward), abs=3e-3)
    assert all(float(gradient) > 0.0 for *_, gradient in steps)
    moved = re.search(r"^the weights moved by up to (\S+)$", said, re.MULTILINE)
    assert moved and float(moved[1]) > 0.0


def test_datatrove_builds_the_parts_in_processes_of_their_own(tmp_path):
    said = run("curate_with_datatrove", tmp_path)
    assert [line[:12] for line in said.splitlines() if " parts: " in line] == [
        f"{n} of 4 parts" for n in (1, 2, 3, 4)
    ]
    folder = tmp_path / "datatrove-set"
    kept = (folder / "examples.jsonl").read_text().splitlines()
    dropped = (folder / "dropped.jsonl").read_text().splitlines()
    assert len(kept) + len(dropped) == 400 and len(kept) > 380
    assert f"{len(kept):,} examples to learn" in (folder / "card.md").read_text()
