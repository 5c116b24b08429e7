"""What an example must be by itself: well-formed, right, step by step where there is truth, readable."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gazal.cases.table import SUITES
from gazal.core.example import Example
from gazal.core.score import Score
from gazal.score.table import JUDGES

_TELLS = re.compile(
    r"\b(?:answer|option|choice|key)\s*(?:is|was|=|:)\s*[(\[*]*([A-J])\b(?![\w'])",
    re.IGNORECASE,
)
HELD_BACK = ("test", "validation", "dev")
"""Splits that nothing is learnt from, but for public sets that are known to be for training."""
_LETTERS = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Filters that a user may move."""

    least_chars: int = 10
    """Of the question."""
    most_chars: int = 20_000
    """Of question and reply together."""
    latin: float = 0.9
    """Least share of the letters that are Latin: drops other scripts."""


def find_fault(example: Example, scores: Mapping[str, Score], limits: Limits) -> tuple[str, str] | None:
    """The first reason not to learn from an example, and what was seen; None where there is none."""
    return next(_list_faults(example, scores, limits), None)


def judge(example: Example) -> dict[str, Score]:
    """What the judges say that let an example through: of steps, too, where its case has a truth."""
    names = ("answer", "format", *(("grounding", "process") if example.case.truth is not None else ()))
    case, trace = example.case, example.trace
    return {name: JUDGES[name](case, trace) for name in names}


def _list_misjudged(scores: Mapping[str, Score]) -> Iterator[tuple[str, str]]:
    """Gates: right, in format, and no step that the truth contradicts."""
    for name in ("answer", "format"):
        if scores[name].value != 1.0:
            yield scores[name].why, f"{name}: {scores[name].why}"
    for name in ("grounding", "process"):
        steps = scores[name].steps if name in scores else ()
        wrong = next((n for n, step in enumerate(steps, 1) if step.support == "contradicted"), None)
        if wrong is not None:
            yield "wrong_step", f"step {wrong}: {steps[wrong - 1].why}"


def _list_faults(example: Example, scores: Mapping[str, Score], limits: Limits) -> Iterator[tuple[str, str]]:
    case, whole = example.case, f"{example.case.context}\n{example.case.question}"
    n = len(whole) + len(example.reply)
    if len(case.question) < limits.least_chars:
        yield "too_short", f"a question of {len(case.question)} characters"
    if n > limits.most_chars:
        yield "too_long", f"{n:,} characters; {limits.most_chars:,} are the most"
    suite = SUITES.get(case.id.partition("/")[0])
    if case.split in HELD_BACK and not (suite is not None and suite.use == "training"):
        yield "evaluation_split", f"{case.id} is kept for evaluation"
    yield from _list_misjudged(scores)
    letters = [] if whole.isascii() else _LETTERS.findall(whole)
    latin = sum(letter.isascii() or "\u00c0" <= letter <= "\u024f" for letter in letters)
    if letters and latin < limits.latin * len(letters):
        yield "other_script", f"{latin / len(letters):.0%} of its letters are Latin"
    told = _TELLS.search(case.question)
    if told and told[1].upper() == case.answer:
        yield "tells_its_key", f"the question says {told[0]!r}"
