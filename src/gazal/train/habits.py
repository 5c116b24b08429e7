"""What a policy falls into when it stops reading cases: no readable answer, one text, a favourite letter."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

from gazal.score.choice import read_choice
from gazal.score.tally import UNPARSED
from gazal.train.asking import Group

SHINGLE = 5
"""Words that make up a piece of a text when two are compared."""


def describe_habits(groups: Sequence[Group]) -> dict[str, float | None]:
    """Shares over all replies.

    Returns:
        ``rollout/unparsed``: without an answer that can be read. ``rollout/duplicates``: mean likeness
        (Jaccard, pieces of five words) of two replies to one case. ``rollout/position``: by how much the
        favourite letter is chosen more often than it is the key; None where nobody chose one.
    """
    verdicts = [verdict for group in groups for verdict in group.verdicts]
    unparsed = [verdict.scores["answer"].why in UNPARSED for verdict in verdicts]
    return {
        "rollout/unparsed": fmean(unparsed),
        "rollout/duplicates": fmean(_find_likeness(group) for group in groups),
        "rollout/position": _find_bias(groups),
    }


def _find_likeness(group: Group) -> float:
    texts = [_cut(rollout.trace.text) for rollout in group.rollouts]
    return (
        fmean(len(a & b) / max(1, len(a | b)) for a, b in combinations(texts, 2)) if len(texts) > 1 else 0.0
    )


def _cut(text: str) -> frozenset[str]:
    words = text.split()
    return frozenset(" ".join(words[n : n + SHINGLE]) for n in range(max(1, len(words) - SHINGLE + 1)))


def _find_bias(groups: Sequence[Group]) -> float | None:
    chosen = [
        str(letter)
        for group in groups
        for rollout in group.rollouts
        if (letter := read_choice(rollout.trace.answer or "", group.case.options)) in group.case.options
    ]
    if not chosen:
        return None
    keys = Counter(group.case.answer for group in groups for _ in group.rollouts)
    n = len(chosen)
    return max(count / n - keys[letter] / keys.total() for letter, count in Counter(chosen).items())
