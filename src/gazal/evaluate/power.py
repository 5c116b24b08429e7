"""What a comparison could have shown, and what several comparisons at once allow to be said."""

from collections.abc import Sequence
from math import comb, sqrt

import numpy as np
from scipy.stats import norm

from gazal.errors import DataError

RESAMPLES = 10_000


def find_detectable(n: int, discordant: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Smallest true difference in accuracy that a paired comparison of n cases finds with a given power.

    The two-sided McNemar test with its normal approximation: the difference d solves
    d sqrt(n) = z(1 - alpha / 2) sqrt(q) + z(power) sqrt(q - d^2), where q is the share of discordant cases.

    Args:
        n: Cases, at least 1.
        discordant: Share of cases that one model has right and the other wrong, between 0 and 1.
        alpha: Chance of finding a difference that is none.
        power: Chance of finding it.

    Returns:
        Between 0 and 1; 1 where n is too small to find any.

    Source:
        The formula follows from the variance of a paired difference; tests hold it against simulation.
    """
    if n < 1 or not 0.0 <= discordant <= 1.0:
        raise DataError(f"n {n} and share of discordant cases {discordant}: give n >= 1 and a share.")
    a, b = float(norm.ppf(1.0 - alpha / 2.0)), float(norm.ppf(power))
    low, high = 0.0, min(1.0, sqrt(discordant))
    if high * sqrt(n) < a * sqrt(discordant) + b * sqrt(max(discordant - high * high, 0.0)):
        return 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        needed = a * sqrt(discordant) + b * sqrt(max(discordant - middle * middle, 0.0))
        low, high = (low, middle) if middle * sqrt(n) >= needed else (middle, high)
    return min(1.0, high)


def correct_many(ps: Sequence[float]) -> list[float]:
    """Holm's correction: p values of several comparisons so that one chance finding is as rare as of one.

    Returns:
        Adjusted values in the order given, each at least its own and at most 1.
    """
    adjusted, largest = [0.0] * len(ps), 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=lambda k: ps[k])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[at]))
        adjusted[at] = largest
    return adjusted


def pass_at(n: int, right: int, k: int) -> float:
    """Chance that at least one of k samples is right, from n samples of which some are: unbiased.

    Source:
        Chen et al. 2021, arXiv:2107.03374: 1 - C(n - right, k) / C(n, k).
    """
    if not 1 <= k <= n or not 0 <= right <= n:
        raise DataError(f"pass@{k} of {n} samples with {right} right: k is 1 to n, right 0 to n.")
    return 1.0 - comb(n - right, k) / comb(n, k)


def vote(answers: Sequence[str | None]) -> str | None:
    """The answer that most samples give (maj@k); None where none gives one, or the most are a tie."""
    counts: dict[str, int] = {}
    for answer in answers:
        if answer is not None:
            counts[answer] = counts.get(answer, 0) + 1
    most = max(counts.values(), default=0)
    first = [answer for answer, n in counts.items() if n == most]
    return first[0] if len(first) == 1 else None


def bootstrap_mean(values_N: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap of a mean over cases: samples of one case count as one draw."""
    values = np.asarray(values_N, dtype=float)
    draws = np.random.default_rng(seed).integers(0, values.size, size=(RESAMPLES, values.size))
    low, high = np.quantile(values[draws].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)
