"""Scores by what a case is: what it asks for, whom it is about, where it comes from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gazal.core.case import WORLD_KINDS, Case
from gazal.core.trace import Trace
from gazal.score.commitment import judge_leniently
from gazal.score.tally import find_wilson

FEWEST = 10
"""Cases of a group below which nothing is said of it."""
VIGNETTE_WORDS = 45
_PATIENT = re.compile(
    r"\b\d{1,3}[- ](?:year|month|week|day)s?[- ]old\b|\b(?:patient|woman|man|boy|girl|infant|child)\b",
    re.IGNORECASE,
)
_AGE = re.compile(r"\b(\d{1,3})[- ]year[- ]old\b", re.IGNORECASE)
_FEMALE = re.compile(r"\b(?:woman|girl|female|she|her)\b", re.IGNORECASE)
_MALE = re.compile(r"\b(?:man|boy|male|he|his)\b", re.IGNORECASE)
BANDS = ((18, "under 18"), (40, "18 to 39"), (65, "40 to 64"), (200, "65 and over"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOutcome:
    """One model on the cases of one group, lenient protocol."""

    n: int
    right: int
    accuracy: float
    ci95: tuple[float, float]
    """Wilson interval."""


def find_groups(case: Case) -> dict[str, str]:
    """What a case belongs to, by the name of the division.

    ``demand``: ``recall`` or ``reasoning``. Of the world's kinds recall is the one that asks a fact; a public
    question is called reasoning where it tells of a patient in `VIGNETTE_WORDS` words or more or comes with a
    text, else recall. A rule that anybody can apply, not a judgement of what an item takes.
    """
    tags, text = case.tags, case.question
    found = {
        "demand": find_demand(case),
        "age": tags.age_band or _read_age(text),
        "sex": tags.sex or _read_sex(text),
        "specialty": tags.specialty,
        "difficulty": tags.difficulty,
        "topic": tags.topic,
    }
    return {name: value for name, value in found.items() if value}


def find_demand(case: Case) -> str:
    """``recall`` or ``reasoning``, by the rule of `find_groups`."""
    if case.kind in WORLD_KINDS:
        return "recall" if case.kind == "recall" else "reasoning"
    told = len(case.question.split()) >= VIGNETTE_WORDS and _PATIENT.search(case.question)
    return "reasoning" if told or case.context else "recall"


def find_flawed(cases: Sequence[Case]) -> dict[str, str]:
    """Case id to what is wrong with it as an item, by rules that anybody can apply.

    ``repeats another``: an earlier case has the same question and options, in whatever order and case.
    ``two options alike``: two of its options have the same text: two letters are equally right or wrong.
    """
    seen: set[tuple[str, ...]] = set()
    found: dict[str, str] = {}
    for case in cases:
        texts = [_plain(text) for text in case.options.values()]
        key = (_plain(case.context), _plain(case.question), *sorted(texts))
        if len(set(texts)) < len(texts):
            found[case.id] = "two options alike"
        elif key in seen:
            found[case.id] = "repeats another"
        seen.add(key)
    return found


def weigh_groups(cases: Sequence[Case], traces: Sequence[Trace]) -> dict[str, dict[str, GroupOutcome]]:
    """Division to group to outcome, of groups with `FEWEST` cases or more and divisions that divide.

    Args:
        cases: Those that accuracy is over.
        traces: One reply to a case; others are left out.
    """
    by_id, flawed = {case.id: case for case in cases}, find_flawed(cases)
    rights: dict[str, dict[str, list[bool]]] = {}
    for trace in traces:
        if (case := by_id.get(trace.case_id)) is None:
            continue
        right = judge_leniently(case, trace).why == "right"
        groups = find_groups(case) | {"item": flawed.get(case.id, "as it should be")}
        for division, group in groups.items():
            rights.setdefault(division, {}).setdefault(group, []).append(right)
    found = {
        division: {name: _weigh(r) for name, r in sorted(groups.items()) if len(r) >= FEWEST}
        for division, groups in rights.items()
    }
    return {division: groups for division, groups in found.items() if len(groups) > 1}


def weigh_apart(cases: Sequence[Case], traces: Sequence[Trace], leaked: set[str]) -> dict[str, Any]:
    """Accuracy with and without items that stand in a training set.

    Args:
        cases: Those that accuracy is over.
        traces: One reply to a case.
        leaked: Ids of the items that do.
    """
    by_id = {case.id: case for case in cases}
    rights: dict[bool, list[bool]] = {True: [], False: []}
    for trace in traces:
        if trace.case_id in by_id:
            why = judge_leniently(by_id[trace.case_id], trace).why
            rights[trace.case_id in leaked].append(why == "right")
    every = [*rights[True], *rights[False]]
    return {
        name: _weigh(r)
        for name, r in (("all", every), ("seen", rights[True]), ("unseen", rights[False]))
        if r
    }


def _weigh(rights: Sequence[bool]) -> GroupOutcome:
    n, right = len(rights), sum(rights)
    return GroupOutcome(n=n, right=right, accuracy=right / n, ci95=find_wilson(right, n))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _read_age(text: str) -> str | None:
    found = _AGE.search(text)
    return next((name for below, name in BANDS if int(found[1]) < below), None) if found else None


def _read_sex(text: str) -> str | None:
    """Only where a stem speaks of one sex alone, and of a patient's age or sex at all."""
    female, male = bool(_FEMALE.search(text)), bool(_MALE.search(text))
    return None if female == male else "female" if female else "male"
