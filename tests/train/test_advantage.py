"""Advantages: what a group teaches, and what it must not."""

import math
import statistics

import pytest

from gazal.errors import DataError
from gazal.train.advantage import EPSILON, compute_advantages


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
