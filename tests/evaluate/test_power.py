"""Statistics against closed forms, scipy, scikit-learn and simulation."""

import itertools

import numpy as np
import pytest
from scipy.stats import false_discovery_control, norm
from sklearn.metrics import brier_score_loss

from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.errors import DataError
from gazal.evaluate.compare import compare_paired
from gazal.evaluate.confidence import find_risks, measure, weigh_confidence
from gazal.evaluate.power import correct_many, find_detectable
from gazal.score.tally import find_wilson


def test_holm_by_hand():
    assert correct_many([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert correct_many([]) == [] and correct_many([0.9, 0.8]) == [1.0, 1.0]
    ps = [0.001, 0.02, 0.3]
    assert all(a >= b - 1e-12 for a, b in zip(correct_many(ps), false_discovery_control(ps), strict=True))


def test_the_detectable_difference_is_found_with_its_power():
    rng, n, q = np.random.default_rng(0), 600, 0.2
    d = find_detectable(n, q)
    draws = rng.multinomial(n, [(q + d) / 2, (q - d) / 2, 1 - q], size=1500)
    found = [compare_fast(int(b), int(c)) < 0.05 for b, c, _ in draws]
    assert 0.74 < np.mean(found) < 0.86  # The exact test is a little shy of the approximation.
    assert find_detectable(4 * n, q) == pytest.approx(d / 2, rel=0.05)
    assert find_detectable(1, 0.1) == 1.0


def compare_fast(b, c):
    """Two-sided p of McNemar without continuity correction."""
    return 2 * norm.sf(abs(b - c) / max(np.sqrt(b + c), 1e-9))


def test_intervals_cover_what_they_promise():
    rng, p, n = np.random.default_rng(1), 0.7, 200
    wilson = [
        low <= p <= high for low, high in (find_wilson(int(k), n) for k in rng.binomial(n, p, size=600))
    ]
    assert 0.92 < np.mean(wilson) < 0.98
    covered = []
    for _ in range(150):
        b, c, _ = rng.multinomial(300, [0.15, 0.1, 0.75])
        right_a = {str(k): k >= b for k in range(300)}
        right_b = {str(k): k < b or k >= b + c for k in range(300)}
        low, high = compare_paired("a", "b", right_a, right_b, "s").ci95
        covered.append(low <= 0.05 <= high)
    assert 0.88 < np.mean(covered) <= 1.0


def test_calibration_by_hand_and_by_scikit_learn():
    found = measure([0.9, 0.8, 0.35, 0.3], [True, False, True, False])
    assert found.ece == pytest.approx(0.25 * 0.1 + 0.25 * 0.8 + 0.5 * abs(0.325 - 0.5))
    assert found.brier == pytest.approx(brier_score_loss([1, 0, 1, 0], [0.9, 0.8, 0.35, 0.3]))
    assert found.aurc == pytest.approx(np.mean([0, 1 / 2, 1 / 3, 2 / 4])) and found.curve[-1] == (1.0, 0.5)
    assert (found.n, found.accuracy) == (4, 0.5)


def test_ties_do_not_depend_on_their_order():
    c = np.array([0.8, 0.8, 0.8, 0.2])
    for y in itertools.permutations([1.0, 0.0, 1.0]):
        assert find_risks(c, np.array([*y, 0.0])) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0.5])


def test_a_perfectly_calibrated_model_has_no_error():
    rng = np.random.default_rng(2)
    c = rng.uniform(0, 1, size=40_000)
    assert measure(c.tolist(), (rng.uniform(size=c.size) < c).tolist()).ece < 0.015


@pytest.mark.parametrize("bad", [([], []), ([0.5], [True, False]), ([1.5], [True]), ([float("nan")], [True])])
def test_no_shares_are_refused(bad):
    with pytest.raises(DataError):
        measure(*bad)


def test_only_replies_that_commit_and_state_a_confidence_count():
    case = Case(
        id="own/test/1", kind="exam", question="Q?", options={"A": "x", "B": "y"}, answer="A", licence="MIT"
    )
    end = "</think>\n## Clinical Assessment\nSo.\n**Answer:** \\boxed{A}\n**Confidence:** "
    traces = [
        Trace(case_id=case.id, text=text, sample=n)
        for n, text in enumerate((end + "0.9", end + "2", "no", end))
    ]
    assert weigh_confidence([case], traces) is None
    both = weigh_confidence([case], [*traces, Trace(case_id=case.id, text=end + "0.7", sample=9)])
    assert both is not None and (both.n, both.of, both.mean) == (2, 5, pytest.approx(0.8))
