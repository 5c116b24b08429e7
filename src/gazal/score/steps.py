"""Reasoning steps: how many are read, and what each is worth by the judge that knows most of it."""

from collections.abc import Mapping, Sequence

from gazal.core.score import StepScore, Support, Verdict

MOST_STEPS = 100
"""Steps that are read, so that a hundred thousand take no longer. No case calls for more than some 20."""
WORTH: Mapping[Support, float] = {"supported": 1.0, "unknown": 0.0, "contradicted": -1.0}
JUDGES = ("process", "grounding")
"""Those that look at steps; the first that has an opinion counts."""


def mark_unread(scores: Sequence[StepScore], n: int) -> tuple[StepScore, ...]:
    """An entry for each of ``n`` steps where only the first were read."""
    return (
        *scores,
        *[StepScore(support="unknown", why=f"not among the first {MOST_STEPS}")] * (n - len(scores)),
    )


def weigh_steps(verdict: Verdict) -> list[float]:
    """The worth of each step, from -1 (contradicted) to 1 (supported); none where no judge looked."""
    for name in JUDGES:
        if name in verdict.scores and (steps := verdict.scores[name].steps):
            return [WORTH[step.support] for step in steps]
    return []
