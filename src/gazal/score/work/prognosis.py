"""A bedside score: what each item is worth, the running sum, the total and its class."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gazal.core.truth import PrognosisTruth
from gazal.score.lexicon import split_words
from gazal.score.patterns import compile_pattern
from gazal.score.work.check import CHOICE, Check
from gazal.world.kinds.prognosis import write_item
from gazal.world.knowledge import load_knowledge
from gazal.world.records import AgeItem, SexItem

_SIGNED = r"([-\u2212+]?\d{1,9}(?:\.\d{1,9})?)"
_ITEM = compile_pattern(rf"\bfor ([^\n]{{1,200}}?):\s*{_SIGNED} points?\b(?:,? {_SIGNED} so far)?", " point")
_TOTAL = compile_pattern(
    rf"\btotal (?:of|is|=) ?{_SIGNED}(?: points?)?(?: means,? ([^.;\n]{{1,200}}))?", "total "
)


Items = Mapping[tuple[str, ...], str]
"""Words of an item as the question shows it, to its id."""


@dataclass(slots=True)
class Running:
    """How far the steps before have come: the sum that they stated, and each item that went into it."""

    total: float = 0.0


def list_needed(truth: PrognosisTruth) -> dict[str, int]:
    """What has to be computed, and how often each counts."""
    return dict.fromkeys([*(f"item {name}" for name in truth.points), "total", CHOICE], 1)


def check_step(truth: PrognosisTruth, items: Items, step: str, running: Running) -> Iterator[Check]:
    """The computations of one step; ``running`` goes on from step to step."""
    for found in _ITEM.finditer(step):
        yield from _check_item(truth, items, found, running)
    for found in _TOTAL.finditer(step):
        stated = _read(found[1])
        holds = stated == truth.total
        if holds and found[2]:
            holds = split_words(found[2]) == split_words(truth.risk_class)
        why = f"a total of {truth.total:g} means {truth.risk_class}"
        yield Check("total", holds, why, (found.start(1), found.end()))


def name_items(truth: PrognosisTruth) -> Items:
    """Words of each item as the question shows it, to its id."""
    known = load_knowledge().scores[truth.score].items
    named: dict[tuple[str, ...], str] = {}
    for name in truth.points:
        if isinstance(known[name], AgeItem):
            named[split_words(f"age {truth.age}")] = name
        elif isinstance(known[name], SexItem):
            named[split_words(f"{truth.sex} sex")] = name
        else:
            named[split_words(write_item(known[name], truth.values[name]))] = name
    return named


def _check_item(
    truth: PrognosisTruth,
    items: Items,
    found: re.Match[str],
    running: Running,
) -> Iterator[Check]:
    text, points, so_far = found.groups()
    name = items.get(split_words(text or ""))
    worth = _read(points)
    running.total += worth
    if name is None:
        why = f"{text}: no item of the score that this case shows"
        yield Check(f"item {text}", False, why, found.span(1), silent=True)
    else:
        right = truth.points[name]
        why = f"{text}: {right:g} point{'' if abs(right) == 1 else 's'}"
        yield Check(f"item {name}", worth == right, why, found.span(2))
    if so_far is not None:
        stated, here = _read(so_far), running.total
        if abs(stated - here) > 1e-9:
            yield Check(
                f"running sum at {name}", False, f"that is {here:g} so far", found.span(3), silent=True
            )
        running.total = stated  # Each step is judged by itself: a slip is not counted again.


def _read(text: str | None) -> float:
    return float((text or "0").replace("\u2212", "-"))
