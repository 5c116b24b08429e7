"""Uncertainty cases: the post-test probability from the four cells of the two-by-two table."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from gazal.core.case import Case
from gazal.core.truth import Truth, UncertaintyTruth
from gazal.errors import DataError
from gazal.world.kinds import uncertainty
from gazal.world.kinds.decisions import GAP, write_share
from gazal.world.knowledge import Knowledge
from gazal.world.records import Test
from gazal.world.reread.words import (
    find_letter,
    find_name,
    read_options,
    read_whole_patient,
    take,
    take_last,
)
from gazal.world.text import Patient, match_sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the sentences of an uncertainty case say, before anything is worked out."""

    patient: Patient
    condition: str
    pretest: float
    other: float | None
    stated: Mapping[str, str] | None
    test: str
    result: str
    limits: Mapping[str, str] | None
    asked: str | None
    """The condition that the question asks for, if it names one."""


def reread_uncertainty(knowledge: Knowledge, case: Case) -> tuple[Truth, str]:
    """Work out the truth and key of an uncertainty case from its text."""
    words = _read_words(case.question)
    name = find_name({t.name: key for key, t in knowledge.tests.items()}, words.test, "test")
    test = knowledge.tests[name]
    _check_words(words, test, knowledge.conditions[test.condition].name)
    positive = words.result in test.positive
    # Plain enumeration of the four cells of the two-by-two table.
    cells = {
        (ill, hit): (words.pretest if ill else 1 - words.pretest) * _chance(test, ill, hit)
        for ill in (True, False)
        for hit in (True, False)
    }
    posttest = cells[True, positive] / (cells[True, positive] + cells[False, positive])
    limits = words.limits is not None
    truth = UncertaintyTruth(
        form="decision" if limits else "post_test",
        test=name,
        age=words.patient.age,
        sex=words.patient.sex,
        pretest=words.pretest,
        other_pretest=words.other,
        positive=positive,
        result=words.result,
        sensitivity=test.sensitivity,
        specificity=test.specificity,
        stated=words.stated is not None,
        posttest=round(posttest, 6),
        test_below=test.test_below if limits else None,
        treat_above=test.treat_above if limits else None,
        candidates=_read_actions(case, test) if limits else _read_posts(case, test, words),
    )
    return truth, find_letter(truth.candidates, _decide(test, posttest) if limits else f"{posttest:.6f}")


def _read_words(question: str) -> Words:
    opening, rest = take(uncertainty.OPENING, question, "opening")
    before, rest = take((*uncertainty.BOTH, *uncertainty.PRETEST), rest, "pre-test probability")
    stated = match_sentence(uncertainty.STATED, rest)
    result, rest = take(uncertainty.RESULT, stated[1] if stated else rest, "result")
    limits = match_sentence(uncertainty.THRESHOLDS, rest)
    wordings = uncertainty.ASK_DECISION if limits else uncertainty.ASK_POST
    ask = take_last(wordings, limits[1] if limits else rest)
    return Words(
        patient=read_whole_patient(opening["patient"]),
        condition=opening["condition"],
        pretest=_read_share(before["pretest"]),
        other=_read_share(before["other"]) if "other" in before else None,
        stated=stated[0] if stated else None,
        test=result["test"],
        result=result["result"],
        limits=limits[0] if limits else None,
        asked=ask.get("condition"),
    )


def _check_words(words: Words, test: Test, condition: str) -> None:
    """Hold what the text says of the test against the knowledge."""
    if words.result not in (*test.positive, *test.negative):
        raise DataError(f"text: {words.result!r} is no result of the {test.name}")
    if {words.condition, words.asked or condition} != {condition}:
        raise DataError(f"text: the {test.name} is a test for {condition}")
    if words.stated:
        given = (_read_share(words.stated["sensitivity"]), _read_share(words.stated["specificity"]))
        if (words.stated["test"], *given) != (test.name, test.sensitivity, test.specificity):
            raise DataError(f"number: sensitivity or specificity is not that of the {test.name}")
    if words.limits:
        given = (_read_share(words.limits["treat"]), _read_share(words.limits["below"]))
        if (words.limits["action"], *given) != (test.action, test.treat_above, test.test_below):
            raise DataError(f"number: the thresholds are not those of the {test.name}")


def _read_actions(case: Case, test: Test) -> dict[str, str]:
    actions = {text: name for name, text in uncertainty.ACTIONS.items()}
    return read_options(case, {test.action[0].upper() + test.action[1:]: "treat", **actions}, n=3)


def _decide(test: Test, posttest: float) -> str:
    for limit in (test.test_below, test.treat_above):
        room = math.log(posttest / (1 - posttest)) - math.log(limit / (1 - limit))
        if abs(room) < GAP - 1e-9:
            raise DataError(f"key: {posttest:.3f} is too close to the threshold {limit}")
    return "treat" if posttest >= test.treat_above else "test" if posttest >= test.test_below else "wait"


def _chance(test: Test, ill: bool, hit: bool) -> float:
    p = test.sensitivity if ill else 1 - test.specificity
    return p if hit else 1 - p


def _read_posts(case: Case, test: Test, words: Words) -> dict[str, str]:
    """The four post-test probabilities behind the options; looks for the second base rate if need be."""
    for guess in uncertainty.GRID if words.other is None else [words.other]:
        posts = []
        for p in (words.pretest, guess):
            for hit in (True, False):
                ill, well = p * _chance(test, True, hit), (1 - p) * _chance(test, False, hit)
                posts.append(ill / (ill + well))
        posts.sort()
        if [write_share(p) for p in posts] == list(case.options.values()):
            return dict(zip(case.options, (f"{p:.6f}" for p in posts), strict=True))
    raise DataError(f"option: {list(case.options.values())} do not follow from the figures in the text")


def _read_share(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,2}(?:\.[0-9])?)%", text)
    if not found or write_share(float(found[1]) / 100) != text:
        raise DataError(f"number: {text!r} is no percentage as the world writes them")
    share = round(float(found[1]) / 100, 6)
    if not 0.0 < share < 1.0:
        raise DataError(f"number: {text} leaves no doubt")
    return share
