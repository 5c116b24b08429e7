"""Hold every world case of a file against its own text: key, options, numbers, negations, truth, twin."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from gazal.core.case import Case, Tags, hash_content
from gazal.core.store import parse_case, read_objects
from gazal.core.truth import (
    DiagnosisTruth,
    PrognosisTruth,
    RecallTruth,
    TreatmentTruth,
    Truth,
    UncertaintyTruth,
)
from gazal.errors import DataError, GazalError
from gazal.world.knowledge import load_knowledge
from gazal.world.posterior import KEPT, find_band
from gazal.world.reread import reread
from gazal.world.signature import sign_case

CLOSE = 2e-6
"""Probabilities are kept with 6 decimals, so two routes may differ by rounding."""
_SHAPE = {"id", "kind", "question", "options", "answer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something about a case that does not hold."""

    line: int
    case_id: str
    what: str
    """Starts with ``key``, ``option``, ``text``, ``number``, ``truth``, ``tag``, ``id`` or ``twin``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The outcome of checking a file."""

    n: int
    faults: tuple[Fault, ...]


def check_file(path: Path) -> Checked:
    """Check every case of a file; see `check_lines`."""
    return check_lines(path, read_objects(path))


def check_lines(path: Path, lines: Iterable[tuple[int, dict[str, Any]]]) -> Checked:
    """Check cases as `gazal.core.store.read_objects` reads them from a file.

    Raises:
        DataError: If the file cannot be read, or a line is no case of the world at all.
    """
    cases: dict[str, tuple[int, Case]] = {}
    faults: list[Fault] = []
    n = 0
    for line, value in lines:
        n += 1
        where = f"{path}, line {line}"
        try:
            case = parse_case(value, where)
        except DataError as error:
            if not value.keys() >= _SHAPE:
                raise
            faults.append(
                Fault(line=line, case_id=str(value["id"]), what=str(error).removeprefix(f"{where}: "))
            )
            continue
        if case.truth is None and not case.id.startswith("world/"):
            raise DataError(
                f"{where}: {case.id} is no case of the clinical world; only those can be checked."
            )
        if case.id in cases:
            faults.append(
                Fault(line=line, case_id=case.id, what=f"id: stands already in line {cases[case.id][0]}")
            )
            continue
        cases[case.id] = (line, case)
        faults += [Fault(line=line, case_id=case.id, what=what) for what in find_faults(case)]
    bad = {fault.case_id for fault in faults}
    faults += _check_twins(cases, bad)
    return Checked(n=n, faults=tuple(sorted(faults, key=lambda fault: fault.line)))


def find_faults(case: Case) -> list[str]:
    """What does not hold about one case; empty when all of it does."""
    if case.truth is None:
        return [f"truth: a case of kind {case.kind!r} without truth cannot be checked"]
    faults = []
    source, split, key = case.id.split("/", 2)
    if source != "world" or key != hash_content(case.context, case.question, case.options):
        faults.append("id: it is not the hash of the question and its options")
    try:
        truth, answer = reread(case)
    except GazalError as error:
        return [*faults, str(error)]
    if answer != case.answer:
        faults.append(f"key: it says {case.answer}, the text gives {answer}")
    faults += [f"truth: {what}" for what in _compare(case.truth, truth)]
    if split != sign_case(truth):
        faults.append(f"id: the case belongs to the split {sign_case(truth)}, not {split}")
    expected = _retag(case, truth)
    if case.tags != expected:
        faults.append(f"tag: {case.tags} should be {expected}")
    return faults


def _compare(said: Truth, found: Truth) -> Iterator[str]:
    if type(said) is not type(found):
        yield f"kind is {said.kind}, the text is a case of {found.kind}"
        return
    for field in fields(said):
        a, b = getattr(said, field.name), getattr(found, field.name)
        if field.name == "twin":
            continue
        if field.name == "posterior":
            a, b = _pad(a, b), _pad(b, a)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            yield from _compare_mappings(field.name, a, b)
        elif not _same(a, b):
            yield f"{field.name} is {a!r}, the text gives {b!r}"


def _pad(own: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """A posterior with what only the other one lists: it is then at most `KEPT`."""
    return {name: own.get(name, min(KEPT, other.get(name, KEPT))) for name in sorted({*own, *other})}


def _compare_mappings(name: str, said: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """Name the entry that differs and how many more do; the order of entries counts."""
    keys = [*said, *(key for key in found if key not in said)]
    differ = [key for key in keys if not _same(said.get(key), found.get(key))]
    if differ:
        more = f" (and {len(differ) - 1} more)" if len(differ) > 1 else ""
        entry = f"{said.get(differ[0])!r}, the text gives {found.get(differ[0])!r}"
        yield f"{name} of {differ[0]} is {entry}{more}"
    elif list(said) != list(found):
        yield f"{name} are in another order than in the text"


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isfinite(a) and abs(a - b) <= CLOSE
    return a == b


def _retag(case: Case, truth: Truth) -> Tags:
    """The tags that the truth implies; the difficulty is what it was asked for and stays."""
    knowledge, difficulty = load_knowledge(), case.tags.difficulty
    band, sex = (None, None) if isinstance(truth, RecallTruth) else (find_band(truth.age), truth.sex)
    tags = Tags(difficulty=difficulty, age_band=band, sex=sex)
    match truth:
        case DiagnosisTruth():
            best = max(truth.posterior, key=lambda name: truth.posterior[name])
            return replace(tags, specialty=knowledge.conditions[best].specialty)
        case TreatmentTruth():
            return replace(tags, specialty=knowledge.treatments[truth.problem].specialty, topic=truth.problem)
        case UncertaintyTruth():
            condition = knowledge.conditions[knowledge.tests[truth.test].condition]
            return replace(tags, specialty=condition.specialty, topic=truth.form)
        case PrognosisTruth():
            return replace(tags, topic=truth.score)
        case RecallTruth():
            return replace(tags, topic=truth.relation)


def _check_twins(cases: Mapping[str, tuple[int, Case]], bad: set[str]) -> Iterator[Fault]:
    for line, case in cases.values():
        if case.truth is None or case.truth.twin is None or case.id in bad:
            continue
        twin = case.truth.twin
        if twin.id not in cases:
            yield Fault(line=line, case_id=case.id, what=f"twin: {twin.id} is not in this file")
        elif twin.id not in bad:
            other = cases[twin.id][1]
            assert other.truth is not None
            change = find_change(case.truth, other.truth)
            if change is None or change != twin.change:
                yield Fault(
                    line=line,
                    case_id=case.id,
                    what=f"twin: it says {twin.change!r}, the cases show {change!r}",
                )
            elif case.answer == other.answer or dict(case.options) != dict(other.options):
                yield Fault(
                    line=line, case_id=case.id, what="twin: it does not flip the key over the same options"
                )


def find_change(here: Truth, there: Truth) -> str | None:
    """The one thing in which two cases differ, seen from ``here``; None when it is not exactly one."""
    match here, there:
        case DiagnosisTruth(), DiagnosisTruth():
            states = [
                {**dict.fromkeys(truth.shown, "shown"), **dict.fromkeys(truth.denied, "denied")}
                for truth in (here, there)
            ]
        case TreatmentTruth(), TreatmentTruth():
            states = [
                {name: "holds" if name in truth.holds else "does not hold" for name in truth.facts}
                for truth in (here, there)
            ]
        case UncertaintyTruth(), UncertaintyTruth():
            states = [{"result": "positive" if truth.positive else "negative"} for truth in (here, there)]
        case PrognosisTruth(), PrognosisTruth():
            states = [dict(truth.values) for truth in (here, there)]
        case _:
            return None
    before, after = states
    if before.keys() != after.keys():
        return None
    changed = [name for name in before if before[name] != after[name]]
    name = changed[0] if len(changed) == 1 else None
    return None if name is None else f"{name}: {before[name]} -> {after[name]}"
