"""Which components does a reward tell replies apart by?"""

import math
from collections.abc import Mapping, Sequence


def share_variance(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Split the variance of a reward over its components.

    Args:
        parts: What each component adds to the reward, by reply; replies that are unscored are empty and do
            not count. Those scored have the same components.

    Returns:
        Component to its covariance with the reward, divided by the reward's variance: the shares add up to 1,
        and one is negative where a component works against the rest. All 0 where rewards do not differ.
    """
    scored = [part for part in parts if part]
    if not scored:
        return {}
    totals = [math.fsum(part.values()) for part in scored]
    mean = math.fsum(totals) / len(totals)
    apart = [total - mean for total in totals]
    variance = math.fsum(a * a for a in apart)
    if variance <= 1e-12 * len(scored):
        return dict.fromkeys(scored[0], 0.0)
    return {
        name: math.fsum(a * part[name] for a, part in zip(apart, scored, strict=True)) / variance
        for name in scored[0]
    }


def find_dead(parts: Sequence[Mapping[str, float]], least: float = 1e-9) -> tuple[str, ...]:
    """Components whose value is the same in every scored reply: they teach nothing."""
    scored = [part for part in parts if part]
    return tuple(
        name
        for name in (scored[0] if scored else ())
        if max(part[name] for part in scored) - min(part[name] for part in scored) <= least
    )
