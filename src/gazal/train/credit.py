"""Credit for the tokens of each reasoning step, beside the advantage of the whole reply.

A reply of ten steps with one wrong earns a little less than one without, and its advantage cannot say where.
Where a judge has looked at each step, the tokens of a step are pushed by how it compares with the step of the
same number in the other replies to the case. Steps to one case follow each other in the same order, so that
is like with like, and what every reply gets right pushes nothing.

Finer still: of each computation that the judge of process works out again, the tokens at which its outcome
stands are pushed by whether it holds, beside the same computation in the other replies. All other tokens,
which are most of them and add most of the noise, are left alone.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import TYPE_CHECKING

from gazal.config.grpo import GRPOConfig
from gazal.core.case import Case
from gazal.engine.base import Rollout
from gazal.score.process import find_checks
from gazal.score.steps import weigh_steps
from gazal.train.advantage import compare_steps
from gazal.train.asking import Group

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PRIOR = 2.0
"""Replies' worth of what the batch says of a kind of computation."""


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


def add_credits(
    groups: Sequence[Group], config: GRPOConfig, tokenizer: "PreTrainedTokenizerBase"
) -> list[tuple[float, ...]]:
    """Of each token of every rollout, what its step and what its computation earn by themselves."""
    of_steps = find_credits(groups, config.step_credit, tokenizer)
    of_computations = find_computation_credits(groups, config.computation_credit, tokenizer)
    if not (config.step_credit and config.computation_credit):
        return of_steps if config.step_credit else of_computations
    return [
        tuple(a + b for a, b in zip(*both, strict=True))
        for both in zip(of_steps, of_computations, strict=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """One computation of a reply."""

    name: str
    holds: bool
    begin: int
    """In the reply's text."""
    end: int

    @property
    def family(self) -> str:
        """Computations that are about as hard, whatever the case."""
        return self.name.partition(" ")[0]


def find_computation_credits(
    groups: Sequence[Group], weight: float, tokenizer: "PreTrainedTokenizerBase"
) -> list[tuple[float, ...]]:
    """Credit of the tokens at which the outcomes of computations stand.

    Args:
        groups: Replies to cases with a truth; of others nothing is known.
        weight: What it is multiplied by; 0 gives none.
        tokenizer: That of the rollouts.

    Returns:
        As `find_credits`. An outcome that holds counts 1, one that does not 0, less how often the same
        computation holds in the other replies of its group and, where few state it, in the batch.
    """
    replies = [(group.case, rollout) for group in groups for rollout in group.rollouts]
    if not weight:
        return [()] * len(replies)
    found = [list(_list_outcomes(case, rollout)) for case, rollout in replies]
    families: dict[str, list[bool]] = {}
    for outcome in chain.from_iterable(found):
        families.setdefault(outcome.family, []).append(outcome.holds)
    shares = {family: sum(held) / len(held) for family, held in families.items()}
    credits, start = list[tuple[float, ...]](), 0
    for group in groups:
        mine = found[start : start + len(group.rollouts)]
        start += len(group.rollouts)
        for g, (rollout, outcomes) in enumerate(zip(group.rollouts, mine, strict=True)):
            others = [outcome for n, listed in enumerate(mine) if n != g for outcome in listed]
            values = [(o, weight * (o.holds - _expect(o, others, shares))) for o in outcomes]
            credits.append(_place(rollout, values, tokenizer))
    return credits


def _list_outcomes(case: Case, rollout: Rollout) -> Iterator[_Outcome]:
    reply, text = rollout.trace.reply, rollout.trace.text
    for step, (begin, _), checks in zip(
        reply.steps, reply.spans, find_checks(case, rollout.trace), strict=False
    ):
        at = text.find(step, begin)
        for check in checks:
            if check.at is not None:
                name, (first, last) = check.name, check.at
                yield _Outcome(name=name, holds=check.holds, begin=at + first, end=at + last)


def _expect(outcome: _Outcome, others: Sequence[_Outcome], shares: Mapping[str, float]) -> float:
    """How likely it was to hold: the other replies to the case, and as much as two of them from the batch."""
    held = [other.holds for other in others if other.name == outcome.name]
    return (sum(held) + PRIOR * shares[outcome.family]) / (len(held) + PRIOR)


def _place(
    rollout: Rollout, values: Sequence[tuple[_Outcome, float]], tokenizer: "PreTrainedTokenizerBase"
) -> tuple[float, ...]:
    """Each value on the tokens that begin within its outcome, or that it begins in."""
    credit = [0.0] * len(rollout.tokens)
    starts = _find_starts(rollout, tokenizer) if values else []
    for outcome, value in values:
        first = bisect_right(starts, outcome.begin) - 1
        for n in range(max(first, 0), len(starts)):
            if starts[n] >= outcome.end:
                break
            credit[n] += value
    return tuple(credit)


def _spread(
    rollout: Rollout, values: Sequence[float], tokenizer: "PreTrainedTokenizerBase"
) -> tuple[float, ...]:
    """The value of the step that each token begins in; 0 elsewhere."""
    credit = [0.0] * len(rollout.tokens)
    if not any(values):
        return tuple(credit)
    starts = _find_starts(rollout, tokenizer)
    spans = rollout.trace.reply.spans
    begins = [begin for begin, _ in spans]
    for n, at in enumerate(starts):
        step = bisect_right(begins, at) - 1
        if step >= 0 and at < spans[step][1]:
            credit[n] = values[step]
    return tuple(credit)


def _find_starts(rollout: Rollout, tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """Where in the text each token begins; a stop token at its end."""
    pieces = [str(tokenizer.decode([token], skip_special_tokens=False)) for token in rollout.tokens]
    ends = list(accumulate(map(len, pieces)))
    if not rollout.trace.text.startswith("".join(pieces[:-1])):  # Signs that several tokens make up.
        ends = [
            len(str(tokenizer.decode(list(rollout.tokens[: n + 1]), skip_special_tokens=False)))
            for n in range(len(rollout.tokens))
        ]
    return [0, *ends[:-1]]
