"""Counterfactual pairs: two cases that differ in one thing, and so in their key."""

from collections.abc import Sequence

from gazal.core.case import Case


def find_pairs(cases: Sequence[Case]) -> list[tuple[str, str]]:
    """Ids of counterfactual pairs of which both are there, the earlier first."""
    seen: set[str] = set()
    pairs = []
    for case in cases:
        twin = getattr(case.truth, "twin", None)
        if twin is not None and twin.id in seen:
            pairs.append((twin.id, case.id))
        seen.add(case.id)
    return pairs
