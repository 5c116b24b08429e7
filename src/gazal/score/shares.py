"""Which components does a reward tell replies apart by?

Replies are compared within their group, the replies to one case, because GRPO learns from nothing else: what
differs from case to case alone (all replies to an easy one are right) moves no weight.
"""

import math
from collections.abc import Mapping, Sequence

Parts = Mapping[str, float]
"""What each component adds to a reply's reward; empty where it is unscored."""
ALIKE = 1e-9
"""Values that differ by no more are the same."""


def deviate_within(groups: Sequence[Sequence[Parts]]) -> dict[str, float]:
    """The standard deviation of each component within groups, all taken together.

    Args:
        groups: Replies by case. Unscored ones do not count; those scored have the same components.

    Returns:
        Component to deviation; all 0 where no group has two scored replies.
    """
    centred = [_centre(group) for group in groups]
    freedom = sum(max(len(group) - 1, 0) for group in centred)
    return {
        name: math.sqrt(math.fsum(part[name] ** 2 for group in centred for part in group) / max(freedom, 1))
        for name in _list_names(centred)
    }


def share_variance(groups: Sequence[Sequence[Parts]]) -> dict[str, float]:
    """Split the variance of a reward within groups over its components.

    Args:
        groups: As of `deviate_within`.

    Returns:
        Component to its covariance with the reward, divided by the reward's variance: the shares add up to 1,
        and one is negative where a component works against the rest. All 0 where rewards do not differ.
    """
    centred = [part for group in groups for part in _centre(group)]
    totals = [math.fsum(part.values()) for part in centred]
    variance = math.fsum(total * total for total in totals)
    names = _list_names([centred])
    if variance <= ALIKE**2 * len(centred):
        return dict.fromkeys(names, 0.0)
    return {
        name: math.fsum(total * part[name] for total, part in zip(totals, centred, strict=True)) / variance
        for name in names
    }


def find_dead(groups: Sequence[Sequence[Parts]]) -> tuple[str, ...]:
    """Components that are the same in all scored replies of each group: they teach nothing."""
    scored = [[part for part in group if part] for group in groups]
    return tuple(
        name
        for name in _list_names(scored)
        if all(
            max(part[name] for part in group) - min(part[name] for part in group) <= ALIKE
            for group in scored
            if group
        )
    )


def _centre(group: Sequence[Parts]) -> list[dict[str, float]]:
    """Scored replies as differences from their group's mean."""
    scored = [part for part in group if part]
    if not scored:
        return []
    means = {name: math.fsum(part[name] for part in scored) / len(scored) for name in scored[0]}
    return [{name: part[name] - mean for name, mean in means.items()} for part in scored]


def _list_names(groups: Sequence[Sequence[Parts]]) -> tuple[str, ...]:
    return next((tuple(part) for group in groups for part in group if part), ())
