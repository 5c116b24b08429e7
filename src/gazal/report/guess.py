"""How well guessing does: what a score has to be held against."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gazal.core.case import WORLD_KINDS, Case
from gazal.score.tally import find_floor


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """Accuracy without reading the question."""

    share: float
    """Between 0 and 1."""
    how: str
    """In words that follow "than", such as ``guessing from the options``."""


FROM_OPTIONS = "guessing from the options"
AT_RANDOM = "guessing at random"
COMMONEST = "always giving the commonest answer"


def find_guess(cases: Sequence[Case]) -> Guess | None:
    """How well guessing does on some cases; None where they have no options or there are none.

    For a kind of the clinical world it is the measured accuracy of a classifier that sees the options alone.
    For exam questions it is one in so many options; for yes, no or maybe, the share of the commonest answer.
    """
    kinds = dict.fromkeys(case.kind for case in cases)
    found = [
        (guess, n) for kind in kinds if (guess := _guess_kind(cases, kind)) for n in [_count(cases, kind)]
    ]
    if not found or sum(n for _, n in found) < len(cases):
        return None
    hows = dict.fromkeys(guess.how for guess, _ in found)
    share = sum(guess.share * n for guess, n in found) / len(cases)
    return Guess(share=share, how=next(iter(hows)) if len(hows) == 1 else AT_RANDOM)


def _guess_kind(cases: Sequence[Case], kind: str) -> Guess | None:
    own = [case for case in cases if case.kind == kind]
    floor = find_floor(kind) if kind in WORLD_KINDS else None
    if floor is not None:
        return Guess(share=floor, how=FROM_OPTIONS)
    if not all(case.options for case in own):
        return None
    if kind == "abstract":
        # Yes, no and maybe mean the same in every case, so the commonest is a fair guess.
        commonest = Counter(case.options[case.answer] for case in own).most_common(1)[0][1]
        return Guess(share=commonest / len(own), how=COMMONEST)
    return Guess(share=sum(1 / len(case.options) for case in own) / len(own), how=AT_RANDOM)


def _count(cases: Sequence[Case], kind: str) -> int:
    return sum(case.kind == kind for case in cases)
