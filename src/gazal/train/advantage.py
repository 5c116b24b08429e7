"""How much better than its group was each rollout?

Shapes: P cases, G rollouts per case.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gazal.errors import DataError

EPSILON = 1e-4
"""Added to a group's standard deviation, so that a hair's breadth does not become a unit."""
EQUAL = 1e-8
"""Rewards that differ by no more are equal."""


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
    values_PG = tuple(_compare(rewards_G, scale_advantages) for rewards_G in rewards_PG)
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
    std = math.sqrt(math.fsum((reward - mean) ** 2 for reward in scored) / (len(scored) - 1))
    unit = std + EPSILON if scale else 1.0
    return tuple(0.0 if reward is None else (reward - mean) / unit for reward in rewards_G)
