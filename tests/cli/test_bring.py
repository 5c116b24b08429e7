"""``gazal import``: from a spreadsheet to a trained and evaluated model, in two commands."""

import json
import random
import string
import subprocess
import sys
from pathlib import Path

import pytest

GAZAL = Path(sys.executable).with_name("gazal")
COLOURS = ("red", "blue", "green", "brown")
SHORT = (
    "grpo.reward.length_target=20",
    "sft.steps=2",
    "grpo.steps=1",
    "grpo.cases_per_step=2",
    "grpo.group_size=2",
    "evaluate.limit=3",
)
SMALL = (
    *SHORT,
    "sft.examples.1.n=20",
    "grpo.sampling.max_new_tokens=24",
    "evaluate.sampling.max_new_tokens=24",
)


def gazal(*words, cwd, code=0):
    done = subprocess.run([GAZAL, *map(str, words)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def quiz(tmp_path):
    rows = ["question,A,B,C,D,answer,explanation,site"]
    for n in range(40):
        right = n % 4
        why = f"Paint number {n} was mixed for this. Its colour is {COLOURS[right]}."
        rows.append(
            f"Which colour has paint {n * 7919}?,{','.join(COLOURS)},{'ABCD'[right]},{why},shop {n % 2}"
        )
    (tmp_path / "paint shop.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_two_commands_from_a_spreadsheet_to_a_report(quiz):
    said = gazal("import", "paint shop.csv", cwd=quiz)
    folder = quiz / "data" / "paint shop"
    n_train, n_test = (
        len((folder / f"{name}_cases.jsonl").read_text().splitlines()) for name in ("train", "test")
    )
    assert n_train + n_test == 40 and 6 <= n_test <= 20
    assert "40 questions" in said and "A 10, B 10, C 10, D 10" in said
    assert f"explanations to learn from: {n_train}" in said
    gazal("run", "data/paint shop/recipe.yaml", "--out", "runs/paint",
          *(w for s in SMALL for w in ("--set", s)), cwd=quiz)  # fmt: skip
    results = json.loads((quiz / "runs/paint/evaluate/results.json").read_text())
    assert {"base", "sft", "grpo"} <= results["evaluation"]["paint-shop"].keys()
    assert (quiz / "runs/paint/report.html").is_file()
    again = gazal("import", "paint shop.csv", cwd=quiz, code=2)
    assert "is there already" in again


def test_questions_stay_on_their_side_when_others_are_added_and_too_few_are_refused(quiz):
    gazal("import", "paint shop.csv", "--out", "one", cwd=quiz)
    table = quiz / "paint shop.csv"
    table.write_text(table.read_text() + "What is new?,a,b,c,d,A,,x\n")
    gazal("import", "paint shop.csv", "--out", "two", cwd=quiz)
    one, two = ((quiz / name / "test_cases.jsonl").read_text().splitlines() for name in ("one", "two"))
    assert set(one) <= set(two)
    (quiz / "few.csv").write_text("\n".join(table.read_text().splitlines()[:6]) + "\n")
    assert "4 of each are the least" in gazal("import", "few.csv", cwd=quiz, code=2)
    assert not (quiz / "data" / "few").exists()


def test_the_sides_do_not_hang_on_the_files_name_and_near_copies_may_be_kept(quiz):
    table = (quiz / "paint shop.csv").read_text()
    (quiz / "other.csv").write_text(table.replace("explanation", "explanaton"))
    said = gazal("import", "other.csv", "--out", "other", cwd=quiz)
    gazal("import", "paint shop.csv", "--out", "mine", cwd=quiz)
    one, two = (
        {json.loads(line)["question"] for line in (quiz / name / "test_cases.jsonl").read_text().splitlines()}
        for name in ("other", "mine")
    )
    assert one == two and "Did you mean 'explanation'?" in said
    rng = random.Random(0)
    letters = string.ascii_lowercase
    words = ["".join(rng.choices(letters, k=6)) for _ in range(400)]
    stems = [" ".join(rng.sample(words, 30)) for _ in range(40)]
    asked = [f"{stem} {end}" for stem in stems for end in ("Which is it?", "Which one is it?")]
    twice = ["question,A,B,answer", *(f"{question},{n},other,A" for n, question in enumerate(asked))]
    (quiz / "twice.csv").write_text("\n".join(twice) + "\n")
    said = gazal("import", "twice.csv", "--out", "without", cwd=quiz)
    kept = gazal("import", "twice.csv", "--out", "with", "--keep-alike", cwd=quiz)
    assert "left out: near copies" in said and "left out" not in kept


def test_a_table_is_evaluated_as_it_is_and_scored_by_site(quiz):
    gazal(
        "evaluate", "tiny-base", "--cases", "paint shop.csv", "--max-new-tokens", 8, "--out", "seen", cwd=quiz
    )
    results = json.loads((quiz / "seen/results.json").read_text())
    sites = results["groups"]["paint-shop"]["tiny-base"]["topic"]
    assert {name: found["n"] for name, found in sites.items()} == {"shop 0": 20, "shop 1": 20}
