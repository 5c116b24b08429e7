"""The arithmetic of tests and thresholds, and which tests can lead to which decision."""

import math
from functools import cache
from itertools import permutations

from gazal.world.knowledge import load_knowledge

ACTION_NAMES = ("treat", "test", "wait")
GAP = 0.5
"""Options, and thresholds against the post-test probability, lie at least this far apart in log-odds."""
EASY_GAP = 0.9


def update(pretest: float, sensitivity: float, specificity: float, positive: bool) -> float:
    """Post-test probability by Bayes' rule."""
    if positive:
        with_it, without = pretest * sensitivity, (1.0 - pretest) * (1.0 - specificity)
    else:
        with_it, without = pretest * (1.0 - sensitivity), (1.0 - pretest) * specificity
    return with_it / (with_it + without)


def log_odds(p: float) -> float:
    """log(p / (1 - p)), in nats."""
    return math.log(p / (1.0 - p))


def write_share(p: float) -> str:
    """Write a probability as a percentage: whole from 1 to 99 %, with one decimal outside."""
    percent = 100.0 * p
    return f"{percent:.0f}%" if 1.0 <= percent <= 99.0 else f"{percent:.1f}%"


def decide(posttest: float, test_below: float, treat_above: float) -> str:
    """``treat``, ``test`` or ``wait``."""
    return "treat" if posttest >= treat_above else "wait" if posttest < test_below else "test"


@cache
def list_decidable() -> tuple[str, ...]:
    """Tests for which each of the three actions can be right."""
    return tuple(
        name
        for name in load_knowledge().tests
        if all(
            any(list_pretests(name, r, action, EASY_GAP) for r in (True, False)) for action in ACTION_NAMES
        )
    )


@cache
def list_hinges(name: str, action: str, other: str, gap: float) -> tuple[tuple[float, bool], ...]:
    """(pre-test probability, result) that lead to one action where the opposite result leads to another."""
    return tuple(
        (p, result)
        for result in (True, False)
        for p in list_pretests(name, result, action, gap)
        if p in list_pretests(name, not result, other, gap)
    )


@cache
def list_turnable(gap: float) -> tuple[str, ...]:
    """Tests whose result can turn each of the three actions into each other one."""
    pairs = list(permutations(ACTION_NAMES, 2))
    return tuple(
        name for name in load_knowledge().tests if all(list_hinges(name, *pair, gap) for pair in pairs)
    )


@cache
def list_pretests(name: str, positive: bool, action: str, gap: float) -> tuple[float, ...]:
    """Whole-percent pre-test probabilities that lead to an action, at least ``gap`` from both thresholds."""
    test, fits = load_knowledge().tests[name], []
    for percent in range(1, 91):
        post = update(percent / 100, test.sensitivity, test.specificity, positive)
        if decide(post, test.test_below, test.treat_above) == action and all(
            abs(log_odds(post) - log_odds(limit)) >= gap for limit in (test.test_below, test.treat_above)
        ):
            fits.append(percent / 100)
    return tuple(fits)
