"""Which cases accuracy is over: counterfactual pairs are asked for themselves."""

from collections.abc import Sequence

from gazal.core.case import Case


def find_counted(cases: Sequence[Case], pairs: Sequence[tuple[str, str]]) -> list[Case]:
    """The cases that accuracy is over: of each kind those in no pair; if there is none, firsts of pairs."""
    paired = {case_id for pair in pairs for case_id in pair}
    firsts = {first for first, _ in pairs}
    alone = {case.kind for case in cases if case.id not in paired}
    return [c for c in cases if (c.id not in paired if c.kind in alone else c.id in firsts)]
