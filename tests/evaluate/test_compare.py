"""Paired comparison against numbers worked out by hand."""

from math import comb, sqrt

import pytest

from gazal.errors import DataError
from gazal.evaluate.compare import compare_paired


def make(n_both, n_a, n_b, n_none):
    outcomes = (
        [(True, True)] * n_both + [(True, False)] * n_a + [(False, True)] * n_b + [(False, False)] * n_none
    )
    right_a = {f"case {n}": a for n, (a, _) in enumerate(outcomes)}
    right_b = {f"case {n}": b for n, (_, b) in reversed(list(enumerate(outcomes)))}
    return right_a, right_b


def mcnemar(only_a, only_b):
    """Both tails of a fair coin, written out."""
    n, k = only_a + only_b, min(only_a, only_b)
    return min(1.0, 2 * sum(comb(n, i) for i in range(k + 1)) / 2**n)


@pytest.mark.parametrize(
    ("counts", "p"),
    [((40, 2, 10, 8), 158 / 4096), ((0, 5, 0, 3), 1 / 16), ((3, 1, 1, 0), 1.0), ((10, 1, 8, 1), 20 / 512)],
)
def test_by_hand(counts, p):
    (_, n_a, n_b, _), n = counts, sum(counts)
    found = compare_paired("base", "sft", *make(*counts), "world")
    assert (found.a, found.b, found.suite, found.n) == ("base", "sft", "world", n)
    assert (found.only_a, found.only_b) == (n_a, n_b)
    assert found.delta == pytest.approx((n_b - n_a) / n)
    assert found.p == pytest.approx(p) == pytest.approx(mcnemar(n_a, n_b))


def test_the_interval_is_that_of_the_difference_of_pairs():
    counts = (400, 60, 140, 400)
    found, n = compare_paired("a", "b", *make(*counts), "world"), sum(counts)
    spread = sqrt((200 / n - (80 / n) ** 2) / n)
    assert found.ci95 == pytest.approx((0.08 - 1.96 * spread, 0.08 + 1.96 * spread), abs=0.002)
    low, high = compare_paired("b", "a", *reversed(make(*counts)), "world").ci95
    assert (-high, -low) == pytest.approx(found.ci95, abs=0.003)


def test_the_same_replies_do_not_differ():
    right, _ = make(3, 0, 0, 2)
    found = compare_paired("a", "b", right, dict(right), "world")
    assert (found.delta, found.ci95, found.p) == (0.0, (0.0, 0.0), 1.0)


def test_it_says_the_same_each_time():
    assert compare_paired("a", "b", *make(5, 4, 9, 2), "w") == compare_paired(
        "a", "b", *make(5, 4, 9, 2), "w"
    )


@pytest.mark.parametrize("b", [{}, {"case 0": True}, {"case 0": True, "case 1": True, "case 9": False}])
def test_other_cases_are_refused(b):
    with pytest.raises(DataError, match=r"a has 3 cases and b \d; .* Evaluate both on one file"):
        compare_paired("a", "b", {"case 0": True, "case 1": False, "case 2": True}, b, "world")


def test_no_case_is_refused():
    with pytest.raises(DataError):
        compare_paired("a", "b", {}, {}, "world")
