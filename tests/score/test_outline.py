"""What the report draws of a reward, against what replies are paid."""

import itertools

import pytest
from hypothesis import given, settings
from test_compose import ANSWERS, make_scores, rewards

from gazal.config.reward import SHAPERS, RewardConfig
from gazal.score.compose import find_class, weigh
from gazal.score.outline import outline_reward


def test_the_default_reward():
    outline = outline_reward(RewardConfig(gates={"format": 0.5, "rubric": 0.2}))
    assert [(term.name, term.weight, term.gate) for term in outline.terms] == [
        ("format", 0.2, 0.5),
        ("length", 0.1, None),
        ("repetition", 0.1, None),
        ("grounding", 0.3, None),
        ("rubric", 0.0, 0.2),
    ]
    assert [term.moves for term in outline.terms] == pytest.approx([0.05, 0.025, 0.025, 0.075, 0.0])
    assert outline.terms[1].counts_in == ("right",) and len(outline.terms[0].counts_in) == 4
    bands = [(b.name, b.low, b.least, b.middle, b.most, b.high) for b in outline.bands]
    assert bands[0][0] == "unanswered" and bands[0][1:] == pytest.approx((-1, -0.9, -0.75, -0.6, -0.5))
    assert bands[3][0] == "right" and bands[3][1:] == pytest.approx((0.5, 0.575, 0.75, 0.925, 1.0))


@given(rewards())
@settings(max_examples=100, deadline=None)
def test_it_says_what_the_best_and_the_worst_reply_of_each_class_earn(reward):
    bands = {band.name: band for band in outline_reward(reward).bands}
    for one, other in itertools.pairwise(bands.values()):
        assert one.high <= other.low + 1e-12
    for answer in ANSWERS:
        best, worst = make_scores(answer, [1.0] * len(SHAPERS)), make_scores(answer, [-1.0] * len(SHAPERS))
        band = bands[find_class(best["answer"])]
        assert band.low < band.least <= band.middle <= band.most < band.high
        assert sum(weigh(best, reward).values()) == pytest.approx(band.most)
        assert sum(weigh(worst, reward).values()) == pytest.approx(band.least)
