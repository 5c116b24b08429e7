"""What a reward tells replies apart by, against numpy and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gazal.score.shares import deviate_within, find_dead, share_variance

NAMES = ("answer", "format", "length")
replies = st.just({}) | st.fixed_dictionaries({name: st.floats(-1.0, 1.0) for name in NAMES})
batches = st.lists(st.lists(replies, max_size=5), max_size=4)


def centre(groups):
    """Differences from the group's mean, [replies, components], by numpy."""
    rows = [np.array([[part[n] for n in NAMES] for part in group if part]) for group in groups]
    found = [row - row.mean(axis=0) for row in rows if len(row)]
    return np.concatenate(found) if found else np.zeros((0, 3))


@given(batches)
@settings(max_examples=200, deadline=None)
def test_shares_are_covariances_with_the_total_and_add_up_to_1(groups):
    shares, rows = share_variance(groups), centre(groups)
    totals = rows.sum(axis=1)
    if not len(rows):
        assert shares == {}
    elif totals @ totals <= 1e-12:
        assert set(shares) == set(NAMES) and all(abs(share) < math.inf for share in shares.values())
    else:
        assert sum(shares.values()) == pytest.approx(1.0)
        expected = rows.T @ totals / (totals @ totals)
        assert [shares[name] for name in NAMES] == pytest.approx(expected.tolist(), abs=1e-6)


@given(batches)
@settings(max_examples=200, deadline=None)
def test_deviations_are_those_within_groups(groups):
    rows, scored = centre(groups), [sum(bool(part) for part in group) for group in groups]
    freedom = sum(n - 1 for n in scored if n)
    found = deviate_within(groups)
    assert set(found) == (set(NAMES) if len(rows) else set())
    if freedom > 0:
        expected = np.sqrt((rows**2).sum(axis=0) / freedom)
        assert [found[name] for name in NAMES] == pytest.approx(expected.tolist(), abs=1e-9)


def test_what_differs_only_from_case_to_case_counts_for_nothing():
    easy = [{"answer": 0.75, "format": 0.1}, {"answer": 0.75, "format": -0.1}]
    hard = [{"answer": -0.25, "format": 0.1}, {"answer": -0.25, "format": 0.1}, {}]
    assert share_variance([easy, hard]) == {"answer": 0.0, "format": pytest.approx(1.0)}
    assert find_dead([easy, hard]) == ("answer",)
    assert (
        share_variance([[*easy, *hard]])["answer"] > 0.9
    )  # Over all replies it would seem to be everything.
    assert find_dead([[*easy, *hard]]) == ()


def test_a_component_that_works_against_the_rest_has_a_negative_share():
    group = [{"answer": 1.0, "length": -0.2}, {"answer": 0.0, "length": 0.2}]
    assert share_variance([group]) == pytest.approx({"answer": 1 / 0.6, "length": -0.4 / 0.6})
    assert find_dead([group]) == ()


@pytest.mark.parametrize("groups", [[], [[]], [[{}, {}]], [[{}], []]])
def test_where_nothing_is_scored_nothing_is_said(groups):
    assert share_variance(groups) == deviate_within(groups) == {}
    assert find_dead(groups) == ()


def test_equal_rewards_have_no_shares_and_all_is_dead():
    group = [{"answer": 0.75, "format": 0.1}] * 3
    assert share_variance([group]) == {"answer": 0.0, "format": 0.0}
    assert find_dead([group]) == ("answer", "format")
    assert find_dead([[{"answer": 0.75, "format": 0.1}], group]) == ("answer", "format")
