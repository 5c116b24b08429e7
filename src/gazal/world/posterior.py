"""The exact posterior over all conditions given what a vignette shows: by matrix products.

Findings are independent given the condition, age band and sex are evidence like any other, and what is
not mentioned counts for nothing. `gazal.world.check` computes the same by plain enumeration.

Shapes: C conditions, F findings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from gazal.core.truth import Sex
from gazal.errors import DataError
from gazal.world.knowledge import Knowledge
from gazal.world.records import AGE_BANDS, Band

KEPT = 0.001
"""Conditions below this probability are left out of a truth unless they are an option."""
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihoods:
    """The knowledge as arrays, in nats."""

    conditions: tuple[str, ...]
    row: Mapping[str, int]
    """Condition id to its row."""
    column: Mapping[str, int]
    """Finding id to its column."""
    shown_FC: Floats
    """log P(finding present | condition)."""
    denied_FC: Floats
    """log P(finding absent | condition)."""
    prior_C: Mapping[tuple[Band, Sex], Floats]
    """(age band, sex) to log P(condition, band, sex) up to a constant; -inf where it cannot be."""


def find_band(age: int) -> Band:
    """The age band that a year of age lies in.

    Raises:
        DataError: If the world has no patients of that age.
    """
    for band, (first, last) in AGE_BANDS.items():
        if first <= age <= last:
            return band
    raise DataError(f"number: the world has no patient of {age} years")


def build_likelihoods(knowledge: Knowledge) -> Likelihoods:
    """Turn the knowledge into arrays, once."""
    conditions, findings = tuple(knowledge.conditions), tuple(knowledge.findings)
    p_FC = np.array([[knowledge.likelihood(f, c) for c in conditions] for f in findings])
    prior_C = {}
    for band in AGE_BANDS:
        for sex in get_args(Sex):
            weights = [_prior(knowledge, name, band, sex) for name in conditions]
            with np.errstate(divide="ignore"):
                prior_C[band, sex] = np.log(np.array(weights))
    return Likelihoods(
        conditions=conditions,
        row={name: n for n, name in enumerate(conditions)},
        column={name: n for n, name in enumerate(findings)},
        shown_FC=np.log(p_FC),
        denied_FC=np.log1p(-p_FC),
        prior_C=prior_C,
    )


def normalise(log_KC: Floats) -> Floats:
    """Turn log-probabilities up to a constant into probabilities, row by row."""
    odds_KC = np.exp(log_KC - log_KC.max(axis=1, keepdims=True))
    return odds_KC / odds_KC.sum(axis=1, keepdims=True)


def draw_subsets(generator: np.random.Generator, weight_KF: Floats, n_K: NDArray[np.int64]) -> Flags:
    """Choose n of F per row without replacement, in proportion to exp(weight) (Gumbel top-k)."""
    noisy_KF = weight_KF - np.log(generator.standard_exponential((len(n_K), weight_KF.shape[-1])))
    rank_KF = (-noisy_KF).argsort(axis=1).argsort(axis=1)
    return (rank_KF < n_K[:, None]) & np.isfinite(noisy_KF)


def _prior(knowledge: Knowledge, name: str, band: Band, sex: str) -> float:
    condition = knowledge.conditions[name]
    share = condition.age.get(band, 0.0) / sum(condition.age.values())
    return condition.weight * share * (condition.female if sex == "female" else 1.0 - condition.female)
