"""Credit for the tokens at which the outcomes of computations stand.

Of each computation that the judge of process works out again, only these tokens are pushed, by whether it
holds, beside the same computation in the other replies to the case. All other tokens, which are most of them
and add most of the noise, are left alone.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gazal.config.grpo import GRPOConfig
from gazal.core.case import Case
from gazal.engine.base import Rollout
from gazal.score.process import find_checks
from gazal.train.asking import Group
from gazal.train.credit import find_credits, find_starts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PRIOR = 2.0
"""Replies' worth of what the other groups say of a kind of computation."""
Votes = Mapping[str, float]
"""Name of a computation to how often a reply that states it has it right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """One computation of a reply."""

    name: str
    holds: bool
    silent: bool
    begin: int
    """In the reply's text."""
    end: int


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
        computation holds in the other replies of its group and, where few state it, one of its kind in the
        other groups. What is told only where it is wrong is held against 1.
    """
    if not weight:
        return [()] * sum(len(group.rollouts) for group in groups)
    found = [[list(_list_outcomes(group.case, r)) for r in group.rollouts] for group in groups]
    votes = [[_vote(outcomes) for outcomes in replies] for replies in found]
    counts = [_count(replies) for replies in votes]
    right, stated = (sum((count[k] for count in counts), Counter[str]()) for k in (0, 1))
    credits = list[tuple[float, ...]]()
    for group, replies, voted, count in zip(groups, found, votes, counts, strict=True):
        kinds = {kind: (right[kind] - count[0][kind], n - count[1][kind]) for kind, n in stated.items()}
        for g, (rollout, outcomes) in enumerate(zip(group.rollouts, replies, strict=True)):
            others = [vote for n, vote in enumerate(voted) if n != g]
            values = [(o, weight * (o.holds - _expect(o, others, kinds))) for o in outcomes]
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
                begins, ends = at + check.at[0], at + check.at[1]
                yield _Outcome(
                    name=check.name, holds=check.holds, silent=check.silent, begin=begins, end=ends
                )


def _vote(outcomes: Sequence[_Outcome]) -> Votes:
    """One vote of a reply on each of its computations, however often it says it."""
    held: dict[str, list[bool]] = {}
    for outcome in outcomes:
        if not outcome.silent:
            held.setdefault(outcome.name, []).append(outcome.holds)
    return {name: sum(values) / len(values) for name, values in held.items()}


def _count(replies: Sequence[Votes]) -> tuple[Counter[str], Counter[str]]:
    """By kind of computation, votes that it holds and votes in all."""
    right, stated = Counter[str](), Counter[str]()
    for vote in replies:
        for name, value in vote.items():
            right[_name_kind(name)] += value  # pyright: ignore[reportArgumentType]
            stated[_name_kind(name)] += 1
    return right, stated


def _name_kind(name: str) -> str:
    """Computations that are about as hard, whatever the case: ``under``, ``drug``, ``sum``."""
    return name.partition(" ")[0]


def _expect(outcome: _Outcome, others: Sequence[Votes], kinds: Mapping[str, tuple[float, int]]) -> float:
    """How likely it was to hold; where nothing is known of it, that which it did."""
    if outcome.silent:
        return 1.0
    held = [vote[outcome.name] for vote in others if outcome.name in vote]
    right, n = kinds[_name_kind(outcome.name)]
    if n:
        return (sum(held) + PRIOR * right / n) / (len(held) + PRIOR)
    return sum(held) / len(held) if held else float(outcome.holds)


def _place(
    rollout: Rollout, values: Sequence[tuple[_Outcome, float]], tokenizer: "PreTrainedTokenizerBase"
) -> tuple[float, ...]:
    """Each value on the tokens that begin within its outcome, or that it begins in."""
    credit = [0.0] * len(rollout.tokens)
    starts = find_starts(rollout, tokenizer) if values else []
    for outcome, value in values:
        first = bisect_right(starts, outcome.begin) - 1
        for n in range(max(first, 0), len(starts)):
            if starts[n] >= outcome.end:
                break
            credit[n] += value
    return tuple(credit)
