"""The randomness of a reply: its own, and the same for ever."""

import numpy as np
import pytest

from gazal.engine.noise import draw_noise


def test_more_numbers_begin_with_the_same_ones():
    assert draw_noise(3, "a/b/c", 1, 7).tolist() == draw_noise(3, "a/b/c", 1, 400)[:7].tolist()


@pytest.mark.parametrize("other", [(4, "a/b/c", 1), (3, "a/b/d", 1), (3, "a/b/c", 2), (31, "a/b/c", 0)])
def test_another_seed_case_or_sample_is_another_draw(other):
    assert not set(draw_noise(3, "a/b/c", 1, 50)) & set(draw_noise(*other, 50))


def test_numbers_never_change_between_versions():
    # A continued run must draw what an uninterrupted one would have drawn.
    expected = [0.8364926750363437, 0.6640257625640474, 0.09914456318194342]
    assert draw_noise(0, "world/train/0a1b", 3, 3).tolist() == expected


def test_uniform_over_cases():
    drawn = np.concatenate([draw_noise(0, f"a/b/{number}", 0, 5) for number in range(2000)])
    assert drawn.min() >= 0.0 and drawn.max() < 1.0
    counts = np.histogram(drawn, bins=20, range=(0.0, 1.0))[0]
    assert ((counts - 500) ** 2 / 500).sum() < 43.8  # chi-square, 19 degrees of freedom, p = 0.001
