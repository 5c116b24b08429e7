"""What does not hold about one world case, when it is held against its own text."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from gazal.core.case import WORLD_KINDS, Case, Tags, hash_content
from gazal.core.truth import (
    DiagnosisTruth,
    PrognosisTruth,
    RecallTruth,
    TreatmentTruth,
    Truth,
    UncertaintyTruth,
)
from gazal.errors import DataError, GazalError
from gazal.world.draft import LICENCE
from gazal.world.grades import list_grades
from gazal.world.knowledge import load_knowledge
from gazal.world.posterior import KEPT, find_band
from gazal.world.reread import reread
from gazal.world.signature import sign_case

CLOSE = 2e-6
"""Probabilities are kept with 6 decimals, so two routes may differ by rounding."""
LONGEST = 3000
"""Characters of the longest question that is read; the world's own have some 600."""


def refuse_faulty(cases: list[Case]) -> None:
    """Refuse world cases that do not hold: what rests on their truth would be worth nothing.

    Raises:
        DataError: With the first fault found.
    """
    for case in cases:
        if case.truth is not None:
            for what in find_faults(case):
                raise DataError(
                    f"case {case.id} does not hold: {what}. `gazal cases --check` names all faults."
                )


def find_faults(case: Case) -> list[str]:
    """Read a case back and compare; empty when all of it holds.

    Each fault starts with what is wrong: ``id``, ``kind``, ``key``, ``option``, ``text``, ``number``,
    ``truth`` or ``tag``.
    """
    if case.kind not in WORLD_KINDS:
        return [f"kind: {case.kind} is none of the world's"]
    if case.truth is None:
        return ["truth: there is none, so nothing can be checked"]
    faults = list(_check_frame(case))
    try:
        if len(case.question) > LONGEST:
            raise DataError(
                f"text: {len(case.question)} characters are more than any question of the world has"
            )
        truth, answer = reread(case)
    except GazalError as error:
        return [*faults, str(error)]
    if answer != case.answer:
        faults.append(f"key: it says {case.answer}, the text gives {answer}")
    faults += [f"truth: {what}" for what in _compare(case.truth, truth)]
    if case.split != sign_case(truth):
        faults.append(f"id: the case belongs to the split {sign_case(truth)}, not {case.split}")
    expected = _retag(case, truth)
    if case.tags != expected:
        faults.append(f"tag: {case.tags} should be {expected}")
    if case.tags.difficulty not in list_grades(truth):
        faults.append(
            f"tag: the difficulty is {case.tags.difficulty}, the text allows {sorted(list_grades(truth))}"
        )
    return faults


def _check_frame(case: Case) -> Iterator[str]:
    """What every world case has in common."""
    source, _, key = case.id.split("/", 2)
    if source != "world" or key != hash_content(case.context, case.question, case.options):
        yield "id: it is not the hash of the question and its options"
    plain = (case.context, case.aliases, case.unit, case.tolerance, case.licence)
    if plain != ("", (), None, None, LICENCE):
        names = "context, aliases, unit, tolerance and licence"
        yield f"text: {names} are {plain}; a world case has nothing there but {LICENCE}"


def _compare(said: Truth, found: Truth) -> Iterator[str]:
    if type(said) is not type(found):
        yield f"kind is {said.kind}, the text is a case of {found.kind}"
        return
    for field in fields(said):
        a, b = getattr(said, field.name), getattr(found, field.name)
        if field.name == "posterior":
            yield from _compare_mappings("posterior", *_drop_borderline(a, b))
        elif isinstance(a, Mapping) and isinstance(b, Mapping):
            yield from _compare_mappings(field.name, a, b)
            if a.keys() == b.keys() and list(a) != list(b):
                yield f"{field.name} are in another order than in the text"
        elif field.name != "twin" and not _same(a, b):
            yield f"{field.name} is {a!r}, the text gives {b!r}"


def _drop_borderline(
    said: Mapping[str, float], found: Mapping[str, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """Leave out what only one side lists because rounding put it on the other side of `KEPT`."""

    def keep(own: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
        return {name: p for name, p in own.items() if name in other or abs(p - KEPT) > CLOSE}

    return keep(said, found), keep(found, said)


def _compare_mappings(name: str, said: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """Name the first entry that differs and how many more do."""
    keys = [*said, *(key for key in found if key not in said)]
    differ = [key for key in keys if not _same(said.get(key), found.get(key))]
    if differ:
        more = f" (and {len(differ) - 1} more)" if len(differ) > 1 else ""
        entry = f"{said.get(differ[0])!r}, the text gives {found.get(differ[0])!r}"
        yield f"{name} of {differ[0]} is {entry}{more}"


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isfinite(a) and abs(a - b) <= CLOSE
    return a == b


def _retag(case: Case, truth: Truth) -> Tags:
    """The tags that the truth implies, but for the difficulty."""
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
