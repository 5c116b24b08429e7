"""What a step says of its reward's components: means that add up, and what tells replies of a group apart."""

import math
import statistics

import pytest
from small import CASES, make_case, solve

from gazal.config.reward import RewardConfig
from gazal.core.score import Verdict
from gazal.score.compose import compose
from gazal.train.components import describe_components

REWARD = RewardConfig(consistency=0.1)


def verdict(parts):
    return Verdict(
        case_id="t/t/1", sample=0, scores={}, total=sum(parts.values()) if parts else None, parts=parts
    )


def judge(case, *letters):
    traces = [solve(case, letter) for letter in letters]
    return [compose(case, trace, REWARD, max_new_tokens=120) for trace in traces]


def test_means_add_up_and_deviations_are_within_groups():
    groups = [
        [verdict({"answer": a, "format": f}) for a, f in [(0.75, 0.1), (0.75, -0.1), (-0.25, 0.1)]],
        [verdict({"answer": a, "format": f}) for a, f in [(-0.25, 0.0), (-0.25, 0.0)]] + [verdict({})],
    ]
    seen = describe_components(groups)
    assert seen["reward/answer"] == pytest.approx(0.15) and seen["reward/format"] == pytest.approx(0.02)
    assert seen["reward/total"] == pytest.approx(seen["reward/answer"] + seen["reward/format"])
    pooled = math.sqrt((2 * statistics.variance([0.75, 0.75, -0.25]) + 0.0) / 3)
    assert seen["reward_std/answer"] == pytest.approx(pooled)
    pooled = math.sqrt((2 * statistics.variance([0.85, 0.65, -0.15]) + 0.0) / 3)
    assert seen["reward_std/total"] == pytest.approx(pooled)
    assert seen["reward_spread/total"] == pytest.approx(statistics.pstdev([0.85, 0.65, -0.15, -0.25, -0.25]))
    assert seen["reward_share/answer"] + seen["reward_share/format"] == pytest.approx(1.0)
    assert (seen["reward_dead/answer"], seen["reward_dead/format"], seen["reward_dead/n"]) == (0.0, 0.0, 0.0)


def test_what_is_the_same_within_every_group_is_dead_however_cases_differ():
    groups = [
        [verdict({"answer": 0.75, "format": f}) for f in (0.1, -0.1)],
        [verdict({"answer": -0.25, "format": 0.1}) for _ in range(2)],
    ]
    seen = describe_components(groups)
    assert (seen["reward_dead/answer"], seen["reward_dead/format"], seen["reward_dead/n"]) == (1.0, 0.0, 1.0)
    assert (seen["reward_share/answer"], seen["reward_share/format"]) == (0.0, pytest.approx(1.0))
    assert seen["reward_std/answer"] == 0.0


def test_every_component_of_real_verdicts_has_its_numbers_and_no_other():
    seen = describe_components([judge(case, "A", "B", "A") for case in CASES[:3]])
    names = {"answer", *REWARD.weights}
    for group in ("reward_std", "reward"):
        assert {k for k in seen if k.startswith(f"{group}/")} == {f"{group}/{n}" for n in (*names, "total")}
    assert {k for k in seen if k.startswith("reward_share/")} == {f"reward_share/{n}" for n in names}
    assert {k for k in seen if k.startswith("reward_dead/")} == {f"reward_dead/{n}" for n in (*names, "n")}
    shares = [value for key, value in seen.items() if key.startswith("reward_share/")]
    assert sum(shares) == pytest.approx(1.0) and seen["reward_share/answer"] > 0.5
    dead = [
        key
        for key, value in seen.items()
        if key.startswith("reward_dead/") and value and key != "reward_dead/n"
    ]
    assert seen["reward_dead/n"] == len(dead) and "reward_dead/grounding" in dead
    for key in dead:
        assert seen[key.replace("dead", "share")] == pytest.approx(0.0)


def test_nothing_is_said_where_nothing_is_scored():
    assert describe_components([[verdict({})], []]) == {"reward/total": None}


def test_equal_rewards_have_no_shares():
    seen = describe_components([judge(make_case(0), "B", "B")])
    assert seen["reward_std/total"] == 0.0 and seen["reward_dead/n"] == 1 + len(REWARD.weights)
    assert {value for key, value in seen.items() if key.startswith("reward_share/")} == {0.0}
