"""How much better than its group was each rollout?

Shapes: P cases, G rollouts per case.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gazal.errors import DataError

EPSILON = 1e-4
"""Added to a group's standard deviation, so that a hair's breadth does not become a unit."""
EQUAL = 1e-8
"""Rewards that differ by no more are equal."""
FEWEST_MIXED = 3
"""Groups of right and wrong replies that a correlation is told of: one skewed group says too little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advantages:
    """One advantage per rollout, and what the monitors read."""

    values_PG: tuple[tuple[float, ...], ...]
    """In the order and the shape of the rewards."""
    frac_zero_std: float
    """Share of groups that teach nothing: all rewards equal, or fewer than two of them."""
    mean_abs: float
    """Mean size over all rollouts."""


def compute_advantages(
    rewards_PG: Sequence[Sequence[float | None]], *, scale_advantages: bool = False
) -> Advantages:
    """Compare each rollout's reward with the mean of its group.

    Args:
        rewards_PG: Rewards by case; groups may differ in size. None is unscored: it does not count into
            the group's mean, and its own advantage is 0.
        scale_advantages: Divide by the group's standard deviation. It makes groups whose rewards hardly
            differ as loud as those that are split.

    Returns:
        Advantages. A group whose rewards are all equal gives exactly 0.

    Raises:
        DataError: If a reward is not a finite number.

    Source:
        Shao et al. 2024 (GRPO), arXiv:2402.03300; without the division: Liu et al. 2025 (Dr. GRPO),
        arXiv:2503.20783.
    """
    for p, rewards_G in enumerate(rewards_PG):
        for g, reward in enumerate(rewards_G):
            if reward is not None and not math.isfinite(reward):
                raise DataError(
                    f"rewards of case {p}, rollout {g}: {reward} is not a finite number. "
                    "A judge that has nothing to go by returns None."
                )
    return _sum_up(tuple(_compare(rewards_G, scale_advantages) for rewards_G in rewards_PG))


def compute_component_advantages(
    components_PG: Sequence[Sequence[Mapping[str, float]]], weights: Mapping[str, float]
) -> Advantages:
    """Compare each rollout with its group in every component of the reward, then add up.

    Each component is normalised within its group before the weighted sum, so what a component counts is its
    weight and not how far its values happen to lie apart. The sums are then divided by their standard
    deviation over the batch, so that more components do not mean larger steps.

    Args:
        components_PG: Component to value, not weighted, by case and rollout. A rollout without components
            is unscored: it does not count into its group, and its own advantage is 0.
        weights: Component to weight.

    Returns:
        Advantages. A group whose rollouts are equal in every component gives exactly 0.

    Raises:
        DataError: If a value is not a finite number.

    Source:
        Liu et al. 2026 (GDPO), arXiv:2601.05242, abstract; the formulas are those of TRL 1.16
        (``multi_objective_aggregation="normalize_then_sum"``), and tests hold this against it.
    """
    sums_PG: list[list[float | None]] = [[None if not c else 0.0 for c in group] for group in components_PG]
    for name, weight in weights.items():
        columns_PG = [[c[name] if c else None for c in group] for group in components_PG]
        values_PG = compute_advantages(columns_PG, scale_advantages=True).values_PG
        for sums_G, values_G in zip(sums_PG, values_PG, strict=True):
            sums_G[:] = [None if s is None else s + weight * v for s, v in zip(sums_G, values_G, strict=True)]
    scored = [value for sums_G in sums_PG for value in sums_G if value is not None]
    # Each group adds up to 0, so the mean over the batch is 0, too: there is none to take off.
    unit = (_deviate(scored) if len(scored) > 1 else 0.0) + EPSILON
    return _sum_up(
        tuple(
            tuple(0.0 if value is None or abs(value) <= EQUAL else value / unit for value in sums_G)
            for sums_G in sums_PG
        )
    )


def compare_steps(worth_GS: Sequence[Sequence[float]]) -> list[list[float]]:
    """Compare each step with those of the same number in the other replies of its group.

    Args:
        worth_GS: What each step is worth, by reply; replies may differ in their number of steps.

    Returns:
        Worth minus the mean worth of that number's steps, over the replies that have one.
    """
    longest = max(map(len, worth_GS), default=0)
    columns = [[worth[s] for worth in worth_GS if s < len(worth)] for s in range(longest)]
    means = [math.fsum(column) / len(column) for column in columns]
    return [[value - means[s] for s, value in enumerate(worth_S)] for worth_S in worth_GS]


def correlate_right(values_PG: Sequence[Sequence[float]], right_PG: Sequence[Sequence[bool]]) -> float | None:
    """Do advantages follow right answers? Pearson correlation within the groups that hold right and wrong.

    Args:
        values_PG: Advantages by case.
        right_PG: Whether each reply is right.

    Returns:
        Between -1 and 1, each value taken from its group's mean; 0 where such groups have no advantages; None
        where fewer than `FEWEST_MIXED` groups hold both.
    """
    both = varied = product = 0.0
    n_mixed = 0
    for values_G, right_G in zip(values_PG, right_PG, strict=True):
        if len({*right_G}) < 2:
            continue
        n_mixed += 1
        value, share = math.fsum(values_G) / len(values_G), sum(right_G) / len(right_G)
        for a, right in zip(values_G, right_G, strict=True):
            both += (right - share) ** 2
            varied += (a - value) ** 2
            product += (right - share) * (a - value)
    if n_mixed < FEWEST_MIXED:
        return None
    return product / math.sqrt(both * varied) if varied > EQUAL**2 else 0.0


def _sum_up(values_PG: tuple[tuple[float, ...], ...]) -> Advantages:
    flat = [value for values_G in values_PG for value in values_G]
    return Advantages(
        values_PG=values_PG,
        frac_zero_std=sum(not any(values_G) for values_G in values_PG) / max(len(values_PG), 1),
        mean_abs=math.fsum(map(abs, flat)) / max(len(flat), 1),
    )


def _compare(rewards_G: Sequence[float | None], scale: bool) -> tuple[float, ...]:
    scored = [reward for reward in rewards_G if reward is not None]
    if len(scored) < 2 or max(scored) - min(scored) <= EQUAL:
        return (0.0,) * len(rewards_G)
    mean = math.fsum(scored) / len(scored)
    unit = _deviate(scored) + EPSILON if scale else 1.0
    return tuple(0.0 if reward is None else (reward - mean) / unit for reward in rewards_G)


def _deviate(values: Sequence[float]) -> float:
    """The sample's standard deviation, of two values or more."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
