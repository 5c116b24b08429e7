"""Is a model's confidence worth anything: calibration, and what accuracy it would have if it could pass."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.errors import DataError
from gazal.score.answer import judge_answer

BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """Stated confidences against being right."""

    n: int
    """Replies that commit to an answer and state a confidence; the rest do not count."""
    of: int
    """Replies in all."""
    accuracy: float
    mean: float
    """Mean confidence: above the accuracy is overconfident."""
    ece: float
    """Expected calibration error: mean distance of confidence and accuracy over `BINS` bins of equal width,
    each counted by its share of the replies."""
    brier: float
    """Mean of (confidence - right)^2: 0 at best; 0.25 for always one half."""
    aurc: float
    """Area under the risk-coverage curve: share of wrong answers among the k most confident, over all k."""
    curve: Sequence[tuple[float, float]]
    """Coverage and risk at some twenty places: share answered, share of wrong among them."""
    bins: Sequence[tuple[float, float, int]]
    """Of each bin that holds a reply: mean confidence, accuracy, replies."""


def weigh_confidence(cases: Sequence[Case], traces: Sequence[Trace]) -> Confidence | None:
    """Hold stated confidences against being right; None where fewer than two are stated.

    Args:
        cases: What was asked.
        traces: Replies to them; those to other cases are left out.
    """
    by_id = {case.id: case for case in cases}
    found = [
        (trace.confidence, judge_answer(by_id[trace.case_id], trace).why)
        for trace in traces
        if trace.case_id in by_id
    ]
    stated = [(c, why == "right") for c, why in found if c is not None and why in ("right", "wrong")]
    if len(stated) < 2:
        return None
    return measure([c for c, _ in stated], [right for _, right in stated], len(found))


def measure(confidence: Sequence[float], right: Sequence[bool], of: int | None = None) -> Confidence:
    """Calibration and selective prediction of paired values.

    Args:
        confidence: Between 0 and 1.
        right: Whether the answer was.
        of: Replies in all; None for as many as there are.

    Raises:
        DataError: There is none, the lengths differ, or a confidence is no share.
    """
    c, y = np.asarray(confidence, dtype=float), np.asarray(right, dtype=float)
    if c.shape != y.shape or not c.size or not np.all((c >= 0.0) & (c <= 1.0)):
        raise DataError(
            f"{c.size} confidences, {y.size} answers: give as many of each, confidences within 0 and 1."
        )
    place = np.minimum((c * BINS).astype(int), BINS - 1)
    bins = [
        (float(c[place == b].mean()), float(y[place == b].mean()), int((place == b).sum()))
        for b in np.unique(place)
    ]
    risks = find_risks(c, y)
    shown = np.unique(np.linspace(1, c.size, min(20, c.size)).round().astype(int))
    return Confidence(
        n=c.size,
        of=c.size if of is None else of,
        accuracy=float(y.mean()),
        mean=float(c.mean()),
        ece=sum(n * abs(mean - accuracy) for mean, accuracy, n in bins) / c.size,
        brier=float(((c - y) ** 2).mean()),
        aurc=float(risks.mean()),
        curve=[(float(k / c.size), float(risks[k - 1])) for k in shown],
        bins=bins,
    )


def find_risks(c_N: np.ndarray, y_N: np.ndarray) -> np.ndarray:
    """Share of wrong answers among the k most confident, for each k; equal confidences share their errors."""
    order = np.argsort(-c_N, kind="stable")
    c_N, wrong_N = c_N[order], 1.0 - y_N[order]
    _, group_N, counts = np.unique(-c_N, return_inverse=True, return_counts=True)
    mean = np.bincount(group_N, weights=wrong_N) / counts  # In whatever order ties come, the curve is one.
    return np.cumsum(mean[group_N]) / np.arange(1, c_N.size + 1)
