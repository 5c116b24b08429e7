"""What a comparison could have shown, and what several comparisons at once allow to be said."""

from collections.abc import Sequence
from math import sqrt

from scipy.stats import norm

from gazal.errors import DataError


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
