"""Items that stand in a training set are found, edited ones too, and scored apart."""

import json
from random import Random

import pytest

from gazal.core.case import Case
from gazal.core.example import Example, Lineage, write_example
from gazal.core.store import write_cases
from gazal.core.trace import Trace
from gazal.errors import DataError
from gazal.evaluate.contamination import find_leaked, read_trained, weigh_contamination
from gazal.world.generate import make_cases

pytest.importorskip("rapidfuzz")
STARTS, MIDDLES = (
    ("bra", "clo", "dri", "fla", "gre", "kne", "pli", "sto", "tra", "wro"),
    ("mo", "ni", "su", "de", "ka"),
)
ENDS = ("xin", "tol", "ver", "mab", "zid", "pril", "gan", "lor")
WORDS = [a + b + c for a in STARTS for b in MIDDLES for c in ENDS]


def make(n, split):
    rng = Random(f"{split}{n}")
    stem = f"A patient takes {' '.join(rng.sample(WORDS, 14))}. Which of them is stopped first?"
    options = dict(zip("ABCD", rng.sample(WORDS, 4), strict=True))
    return Case(
        id=f"mine/{split}/{n}", kind="exam", question=stem, options=options, answer="A", licence="MIT"
    )


TESTED = [make(n, "test") for n in range(60)]
TRAINED = [make(n, "train") for n in range(60)]


def copy(case, **changes):
    fields = {name: getattr(case, name) for name in ("kind", "question", "options", "answer", "licence")}
    return Case(**{**fields, "id": f"mine/train/{case.id}", **changes})


def test_copies_are_found_and_scored_apart():
    leaks = [copy(TESTED[3]), copy(TESTED[5], question="Once more: " + TESTED[5].question)]
    leaked = find_leaked(TESTED, iter([*TRAINED, *leaks, TESTED[9]]))
    assert leaked.keys() == {TESTED[3].id, TESTED[5].id, TESTED[9].id}
    assert leaked[TESTED[9].id]["how"] == "same id"
    right = {TESTED[3].id, TESTED[5].id, TESTED[9].id, TESTED[0].id}
    texts = {c.id: c.answer if c.id in right else next(x for x in c.options if x != c.answer) for c in TESTED}
    replies = {"m": [Trace(case_id=key, text=f"Answer: {letter}") for key, letter in texts.items()]}
    found = weigh_contamination(TESTED, replies, leaked)["mine"]
    assert found["items"] == 3 and len(found["pairs"]) == 3
    outcomes = {part: (o["right"], o["n"]) for part, o in found["models"]["m"].items()}
    assert outcomes == {"all": (4, 60), "seen": (3, 3), "unseen": (1, 57)}


def test_a_file_a_set_and_a_run_are_read(tmp_path):
    write_cases(tmp_path / "cases.jsonl", TRAINED[:3])
    folder = tmp_path / "set"
    folder.mkdir()
    lineage = Lineage(source="world", row="0", licence="MIT")
    lines = [write_example(Example(case=case, reply="x", lineage=lineage)) for case in TRAINED[:2]]
    (folder / "examples.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    run = tmp_path / "run" / "cases" / "sft"
    run.mkdir(parents=True)
    write_cases(run / "cases.jsonl", TRAINED[:4])
    read = [len(list(read_trained(p))) for p in (tmp_path / "cases.jsonl", folder, tmp_path / "run")]
    assert read == [3, 2, 4]
    with pytest.raises(DataError, match="no run with cases"):
        list(read_trained(tmp_path / "nothing"))
    assert json.loads(lines[0])["id"] == TRAINED[0].id


def test_worlds_cases_are_worded_alike_and_are_no_leak():
    world = list(make_cases(n=40, seed=1, split="test"))
    assert find_leaked(world, make_cases(n=200, seed=2, split="train")) == {}
    assert find_leaked(world, iter(world[:2])).keys() == {world[0].id, world[1].id}
