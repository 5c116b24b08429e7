"""A Check: one computation that a step states, held against the same one worked out from the case's truth."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gazal.core.case import Case
from gazal.score.lexicon import split_words

CHOICE = "choice"
_OPTION = re.compile(r"\boption ([A-J])\b")
_AND_WHAT = re.compile(r"(?:[\s,:(]+(?:is|are))?[\s,:(]*$")


@dataclass(frozen=True, slots=True)
class Check:
    """One computation, as a step states it."""

    name: str
    """What was computed, such as ``posttest``; the same name again is the same computation."""
    holds: bool
    why: str
    """For a person, what should stand there."""
    at: tuple[int, int] | None = None
    """Where in the step its outcome stands: what would read otherwise had it come out otherwise."""
    silent: bool = False
    """Whether it is told only where it does not hold."""


def find_rest(listed: str, known: Iterable[str]) -> str:
    """What is left of an enumeration when all known entries are taken out of it; empty where nothing is."""
    words = f" {' '.join(split_words(listed))} "
    for entry in sorted((" ".join(split_words(text)) for text in known), key=len, reverse=True):
        words = words.replace(f" {entry} ", "  ")
    return " ".join(word for word in words.split() if word != "and")


def check_choice(case: Case, step: str) -> Iterator[Check]:
    """``..., option B``: the letter goes with the text before it, and it is what the computations lead to."""
    if "option " not in step:  # Most steps name none.
        return
    for found in _OPTION.finditer(step):
        letter, before = found[1], _AND_WHAT.sub("", step[: found.start()])
        text, key = case.options.get(letter), case.options[case.answer]
        if text is None or not before.lower().endswith(text.lower()):
            yield Check(CHOICE, False, f"option {letter} is {text!r}", found.span())
        else:
            holds = letter == case.answer
            why = "as computed" if holds else f"it comes to {key}, not to {text}"
            yield Check(CHOICE, holds, why, (len(before) - len(text), found.end()))
