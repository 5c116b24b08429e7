"""Two models on the same cases: the difference, its interval, and whether it could be chance."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from gazal.errors import DataError

RESAMPLES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """How b does beside a."""

    a: str
    b: str
    suite: str
    n: int
    delta: float
    """Accuracy of b minus accuracy of a."""
    ci95: tuple[float, float]
    """Percentile bootstrap over the cases."""
    p: float
    """Exact McNemar test, two-sided: of the cases that one has right and the other wrong."""
    only_a: int
    """Cases that only a has right."""
    only_b: int
    p_holm: float | None = None
    """``p`` corrected for all pairs of a suite; None for one alone."""
    detectable: float | None = None
    """The smallest true difference that so many cases find four times in five."""


def compare_paired(
    a: str, b: str, right_a: Mapping[str, bool], right_b: Mapping[str, bool], suite: str
) -> Paired:
    """Compare two models by which cases each has right.

    Args:
        a: Name of the one.
        b: Name of the other.
        right_a: Case id to whether a has it right.
        right_b: The same of b, for the same cases.
        suite: What the cases are from.

    Raises:
        DataError: The cases are not the same, or there is none.
    """
    if right_a.keys() != right_b.keys() or not right_a:
        raise DataError(
            f"{suite}: {a} has {len(right_a)} cases and {b} {len(right_b)}; a paired comparison needs the "
            "same cases. Evaluate both on one file of cases."
        )
    n = len(right_a)
    only_a = sum(right and not right_b[case] for case, right in right_a.items())
    only_b = sum(right and not right_a[case] for case, right in right_b.items())
    # Resampling cases changes only how often each of three outcomes comes: b alone, a alone, neither alone.
    shares = np.array([only_b, only_a, n - only_a - only_b]) / n
    drawn = np.random.default_rng(0).multinomial(n, shares, size=RESAMPLES)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / n, (0.025, 0.975))
    differing = only_a + only_b
    return Paired(
        a=a,
        b=b,
        suite=suite,
        n=n,
        delta=(only_b - only_a) / n,
        ci95=(float(low), float(high)),
        p=float(binomtest(only_b, differing).pvalue) if differing else 1.0,
        only_a=only_a,
        only_b=only_b,
    )
