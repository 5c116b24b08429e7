"""Which evaluation items stand in what a model was trained on, and what it scores with and without them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gazal.core.case import Case
from gazal.core.example import EXAMPLES, parse_example
from gazal.core.pairs import find_pairs
from gazal.core.store import CASES, read_cases, read_objects
from gazal.core.trace import Trace
from gazal.errors import DataError
from gazal.evaluate.counted import find_counted
from gazal.evaluate.groups import weigh_apart
from gazal.evaluate.results import split_suites

LEARNT = ("sft", "grpo", "truth")
"""Folders of a run's cases that a stage was shown; the truth channel is asked, and never learnt from."""


def read_trained(path: Path) -> Iterator[Case]:
    """The cases that a run, a curated set or a file of cases holds.

    Raises:
        DataError: There is none of these at the path.
    """
    if path.is_file():
        yield from read_cases(path)
    elif (path / EXAMPLES).is_file():
        for number, value in read_objects(path / EXAMPLES):
            yield parse_example(value, f"{path / EXAMPLES}, line {number}").case
    elif found := [p for name in LEARNT if (p := path / "cases" / name / CASES).is_file()]:
        for file in found:
            yield from read_cases(file)
    else:
        raise DataError(f"{path}: no run with cases, no curated set and no file of cases. Check the path.")


def find_leaked(cases: Sequence[Case], trained: Iterator[Case]) -> dict[str, dict[str, str]]:
    """Evaluation item to the training case that it stands in: ``id``, ``question`` and ``how`` it was told.

    The world's cases are worded alike by design and told apart by their findings and numbers, and its splits
    share none: of them only the same id counts.
    """
    from gazal.cases.overlap import Overlap

    overlap, leaked = Overlap(case for case in cases if case.truth is None), dict[str, dict[str, str]]()
    ids = {case.id for case in cases}
    for case in trained:
        if case.id in ids:
            leaked.setdefault(case.id, {"id": case.id, "question": case.question, "how": "same id"})
        match = overlap.find_case(case)
        if match is not None:
            leaked.setdefault(match.case_id, {"id": case.id, "question": case.question, "how": match.how})
    return leaked


def weigh_contamination(
    cases: Sequence[Case], replies: Mapping[str, Sequence[Trace]], leaked: Mapping[str, dict[str, str]]
) -> dict[str, Any]:
    """By suite: the items found (``pairs``) and each model's accuracy on ``all``, ``seen``, ``unseen``."""
    found: dict[str, Any] = {}
    for suite, asked in split_suites(cases).items():
        counted = find_counted(asked, find_pairs(asked))
        mine = {case.id for case in counted if case.id in leaked}
        models = {name: weigh_apart(counted, traces, mine) for name, traces in replies.items()}
        found[suite] = {
            "items": len(mine),
            "pairs": [{"case_id": key, **leaked[key]} for key in sorted(mine)],
            "models": {name: {k: asdict(o) for k, o in apart.items()} for name, apart in models.items()},
        }
    return found
