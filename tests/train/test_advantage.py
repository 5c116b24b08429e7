"""Advantages: what a group teaches, and what it must not."""

import math
import statistics

import numpy as np
import pytest

from gazal.errors import DataError
from gazal.train.advantage import (
    EPSILON,
    compute_advantages,
    compute_component_advantages,
    correlate_right,
)


def test_each_rollout_against_its_own_group():
    out = compute_advantages([[1.0, 0.0, 0.5], [-1.0, 1.0]])
    assert out.values_PG == ((0.5, -0.5, 0.0), (-1.0, 1.0))
    assert out.frac_zero_std == 0.0 and out.mean_abs == pytest.approx(3.0 / 5)


def test_divided_by_the_group_s_own_deviation():
    rewards = [0.9, -0.2, 0.4, 0.4]
    (values,) = compute_advantages([rewards], scale_advantages=True).values_PG
    unit = statistics.stdev(rewards) + EPSILON
    assert values == pytest.approx([(r - statistics.mean(rewards)) / unit for r in rewards])


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("reward", [0.1, 0.7, -1.0, 1 / 3, 0.0])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 6, 7, 11])
def test_equal_rewards_teach_exactly_nothing(scale, reward, n):
    out = compute_advantages([[reward] * n, [0.0, 1.0]], scale_advantages=scale)
    assert out.values_PG[0] == (0.0,) * n and out.frac_zero_std == 0.5


@pytest.mark.parametrize("scale", [True, False])
def test_rounding_noise_is_not_blown_up(scale):
    out = compute_advantages([[0.3, 0.1 + 0.2, 0.3, 0.3]], scale_advantages=scale)
    assert 0.3 != 0.1 + 0.2 and out.values_PG == ((0.0,) * 4,) and out.frac_zero_std == 1.0


@pytest.mark.parametrize("scale", [True, False])
def test_an_unscored_rollout_neither_teaches_nor_moves_the_mean(scale):
    with_gap = compute_advantages([[1.0, None, 0.0, 0.5]], scale_advantages=scale).values_PG[0]
    without = compute_advantages([[1.0, 0.0, 0.5]], scale_advantages=scale).values_PG[0]
    assert with_gap[1] == 0.0 and (with_gap[0], *with_gap[2:]) == without
    assert without[0] > 0.0 > without[1]


def test_a_group_with_one_scored_rollout_or_none_teaches_nothing():
    out = compute_advantages([[None, 0.4, None], [None, None], [0.0, 1.0], []])
    assert out.values_PG[0] == (0.0,) * 3 and out.values_PG[1] == (0.0, 0.0)
    assert out.frac_zero_std == 0.75
    assert compute_advantages([]).mean_abs == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_reward_that_is_no_number_is_refused_by_its_place(bad):
    with pytest.raises(DataError, match=r"case 1, rollout 2: (nan|-?inf) is not a finite number"):
        compute_advantages([[0.0, 1.0], [0.5, 0.2, bad]])


WEIGHTS = {"answer": 1.0, "format": 0.2}


def test_a_component_counts_by_its_weight_and_not_by_its_spread():
    group = [{"answer": a, "format": f} for a, f in ((1.0, 0.5), (1.0, 0.4), (-1.0, 0.5), (-1.0, 0.4))]
    near = [{**c, "format": c["format"] / 50} for c in group]
    (wide,) = compute_component_advantages([group], WEIGHTS).values_PG
    (tight,) = compute_component_advantages([near], WEIGHTS).values_PG
    # Both components split the group in halves, so their shares are as their weights.
    assert (wide[0] - wide[1]) / (wide[0] - wide[2]) == pytest.approx(0.2, rel=2e-3)
    assert tight == pytest.approx(wide, rel=0.1)
    by_sum = compute_advantages([[c["answer"] + 0.2 * c["format"] for c in near]]).values_PG[0]
    assert (by_sum[0] - by_sum[1]) / (by_sum[0] - by_sum[2]) < 0.001


def test_the_batch_s_deviation_divides_all_groups_alike():
    apart = [{"answer": 1.0, "format": 0.0}, {"answer": 0.0, "format": 1.0}]
    groups = [apart, [{"answer": 0.3, "format": 0.7}] * 2]
    out = compute_component_advantages(groups, WEIGHTS)
    assert out.values_PG[1] == (0.0, 0.0) and out.frac_zero_std == 0.5
    half = 0.5 / (math.sqrt(0.5) + EPSILON)
    sums = [0.8 * half, -0.8 * half, 0.0, 0.0]
    assert out.values_PG[0] == pytest.approx([s / (statistics.stdev(sums) + EPSILON) for s in sums[:2]])
    assert out.mean_abs == pytest.approx(sum(map(abs, out.values_PG[0])) / 4)


def test_components_that_cancel_out_and_rollouts_without_any_teach_exactly_nothing():
    (values,) = compute_component_advantages(
        [[{"a": 0.1 + 0.2, "b": 0.0}, {"a": 0.0, "b": 0.3}, {}]], {"a": 1.0, "b": 1.0}
    ).values_PG
    assert values == (0.0, 0.0, 0.0)
    (values,) = compute_component_advantages([[{"a": 1.0}, {}, {"a": 0.0}]], {"a": 1.0}).values_PG
    assert values[1] == 0.0 and values[0] > 0.0 > values[2]
    assert compute_component_advantages([[{}, {}], []], WEIGHTS).values_PG == ((0.0, 0.0), ())


def test_a_component_that_is_no_number_is_refused():
    with pytest.raises(DataError, match="case 0, rollout 1: nan"):
        compute_component_advantages([[{"answer": 1.0}, {"answer": math.nan}]], {"answer": 1.0})


def test_advantages_that_follow_right_answers_and_such_that_do_not():
    right = [[True, False, False, True], [False, True, True, True], [False, True, False, False]]
    paid = [[float(r) for r in group] for group in right]
    assert correlate_right(compute_advantages(paid).values_PG, right) == pytest.approx(1.0)
    against = [[-r for r in group] for group in paid]
    assert correlate_right(compute_advantages(against).values_PG, right) == pytest.approx(-1.0)
    assert correlate_right([[0.0] * 4] * 3, right) == 0.0
    tiny = compute_advantages([[1e-6 * r for r in group] for group in paid]).values_PG
    assert correlate_right(tiny, right) == pytest.approx(1.0)


def test_the_correlation_is_that_of_values_taken_from_their_group_s_mean():
    rng = np.random.default_rng(0)
    right = [[bool(x) for x in rng.random(8) < 0.5] for _ in range(20)]
    values = [list(rng.normal(size=8) + 5.0 * n + 0.7 * np.array(group)) for n, group in enumerate(right)]
    a = np.concatenate([np.array(v) - np.mean(v) for v in values])
    b = np.concatenate([np.array(r, float) - np.mean(r) for r in right])
    assert correlate_right(values, right) == pytest.approx(np.corrcoef(a, b)[0, 1])


def test_groups_that_are_all_right_or_all_wrong_say_nothing_nor_do_a_few():
    same, mixed = ([9.0, -9.0], [False, False]), ([0.5, -0.5], [True, False])
    assert correlate_right([], []) is None
    for groups in ([same] * 5, [mixed] * 2 + [same] * 5):
        assert correlate_right(*zip(*groups, strict=True)) is None
    assert correlate_right(*zip(same, *[mixed] * 3, strict=True)) == pytest.approx(1.0)
