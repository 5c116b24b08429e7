"""Hold every world case of a file against its own text, and every twin against its partner."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gazal.core.case import Case
from gazal.core.store import parse_case
from gazal.core.truth import DiagnosisTruth, PrognosisTruth, TreatmentTruth, Truth, UncertaintyTruth
from gazal.errors import DataError
from gazal.world.faults import find_faults

_SHAPE = {"id", "kind", "question", "options", "answer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something about a case that does not hold."""

    line: int
    case_id: str
    what: str
    """Starts with ``record``, ``twin``, or one of the words of `gazal.world.faults.find_faults`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The outcome of checking a file."""

    n: int
    faults: tuple[Fault, ...]
    """In the order of the lines."""


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
        case = _parse(path, line, value)
        if isinstance(case, Fault):
            faults.append(case)
        elif case.id in cases:
            what = f"id: stands already in line {cases[case.id][0]}"
            faults.append(Fault(line=line, case_id=case.id, what=what))
        else:
            cases[case.id] = (line, case)
            faults += [Fault(line=line, case_id=case.id, what=what) for what in find_faults(case)]
    faults += _check_twins(cases, {fault.case_id for fault in faults})
    return Checked(n=n, faults=tuple(sorted(faults, key=lambda fault: fault.line)))


def _parse(path: Path, line: int, value: dict[str, Any]) -> Case | Fault:
    where = f"{path}, line {line}"
    try:
        case = parse_case(value, where)
    except DataError as error:
        if not value.keys() >= _SHAPE:
            raise
        return Fault(
            line=line, case_id=f"{value['id']!s:.80}", what=f"record: {str(error).removeprefix(where)[2:]}"
        )
    if case.truth is None and not case.id.startswith("world/"):
        raise DataError(f"{where}: {case.id} is no case of the clinical world; only those can be checked.")
    return case


def _check_twins(cases: Mapping[str, tuple[int, Case]], bad: set[str]) -> Iterator[Fault]:
    """Twins stand in one file, point at each other, and differ in what they say and in nothing else."""
    for line, case in cases.values():
        twin = case.truth.twin if case.truth else None
        if twin is None:
            continue
        if twin.id not in cases:
            yield Fault(line=line, case_id=case.id, what=f"twin: {twin.id} is not in this file")
            continue
        place, other = cases[twin.id]
        back = other.truth.twin.id if other.truth and other.truth.twin else None
        if back != case.id:
            yield Fault(line=place, case_id=other.id, what=f"twin: {case.id} names it, but it names {back}")
        elif not bad & {case.id, other.id}:
            yield from (Fault(line=line, case_id=case.id, what=what) for what in _compare_twins(case, other))


def _compare_twins(case: Case, other: Case) -> Iterator[str]:
    assert case.truth is not None and case.truth.twin is not None and other.truth is not None
    said, change = case.truth.twin.change, find_change(case.truth, other.truth)
    if change is None or change != said:
        yield f"twin: it says {said!r}, the cases show {change!r}"
    elif case.answer == other.answer or dict(case.options) != dict(other.options):
        yield "twin: it does not flip the key over the same options"


def find_change(here: Truth, there: Truth) -> str | None:
    """The one thing in which two cases differ, seen from ``here``; None when it is not exactly one."""
    before, after = _describe(here), _describe(there)
    if before.keys() != after.keys():
        return None
    changed = [name for name in before if before[name] != after[name]]
    name = changed[0] if len(changed) == 1 else None
    return None if name is None or name.startswith("/") else f"{name}: {before[name]} -> {after[name]}"


def _describe(truth: Truth) -> dict[str, object]:
    """What a case says, by finding, fact, result or item; what no twin may change starts with ``/``."""
    match truth:
        case DiagnosisTruth():
            states = {**dict.fromkeys(truth.shown, "shown"), **dict.fromkeys(truth.denied, "denied")}
            return {"/": (truth.age, truth.sex), **states}
        case TreatmentTruth():
            states = {name: "holds" if name in truth.holds else "does not hold" for name in truth.facts}
            return {"/": (truth.problem, truth.age, truth.sex), **states}
        case UncertaintyTruth():
            same = (
                truth.form,
                truth.test,
                truth.age,
                truth.sex,
                truth.pretest,
                truth.other_pretest,
                truth.stated,
            )
            return {"/": same, "result": "positive" if truth.positive else "negative"}
        case PrognosisTruth():
            return {"/": (truth.score, truth.age, truth.sex), **truth.values}
        case _:
            return {"/": truth}
