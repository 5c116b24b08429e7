"""Credit for the tokens of each reasoning step, beside the advantage of the whole reply.

A reply of ten steps with one wrong earns a little less than one without, and its advantage cannot say where.
Where a judge has looked at each step, the tokens of a step are pushed by how it compares with the step of the
same number in the other replies to the case. Steps to one case follow each other in the same order, so that
is like with like, and what every reply gets right pushes nothing.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from gazal.engine.base import Rollout
from gazal.score.steps import weigh_steps
from gazal.train.advantage import compare_steps
from gazal.train.asking import Group

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def find_credits(
    groups: Sequence[Group], weight: float, tokenizer: "PreTrainedTokenizerBase"
) -> list[tuple[float, ...]]:
    """Credit of every token of every rollout, group after group.

    Args:
        groups: Replies that were judged.
        weight: What the credit of a step is multiplied by; 0 gives none.
        tokenizer: That of the rollouts.

    Returns:
        For each rollout as many numbers as it has tokens, 0 outside of steps; empty where ``weight`` is 0.
    """
    if not weight:
        return [()] * sum(len(group.rollouts) for group in groups)
    return [
        _spread(rollout, [weight * value for value in values], tokenizer)
        for group in groups
        for rollout, values in zip(
            group.rollouts, compare_steps([weigh_steps(v) for v in group.verdicts]), strict=True
        )
    ]


def _spread(
    rollout: Rollout, values: Sequence[float], tokenizer: "PreTrainedTokenizerBase"
) -> tuple[float, ...]:
    """The value of the step that each token begins in; 0 elsewhere."""
    credit = [0.0] * len(rollout.tokens)
    if not any(values):
        return tuple(credit)
    starts = find_starts(rollout, tokenizer)
    spans = rollout.trace.reply.spans
    begins = [begin for begin, _ in spans]
    for n, at in enumerate(starts):
        step = bisect_right(begins, at) - 1
        if step >= 0 and at < spans[step][1]:
            credit[n] = values[step]
    return tuple(credit)


def find_starts(rollout: Rollout, tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """Where in a reply's text each token begins; a stop token at its end."""
    pieces = [str(tokenizer.decode([token], skip_special_tokens=False)) for token in rollout.tokens]
    ends = list(accumulate(map(len, pieces)))
    if not rollout.trace.text.startswith("".join(pieces[:-1])):  # Signs that several tokens make up.
        ends = [
            len(str(tokenizer.decode(list(rollout.tokens[: n + 1]), skip_special_tokens=False)))
            for n in range(len(rollout.tokens))
        ]
    return [0, *ends[:-1]]
