"""Alarms: each is raised by what it is for, by nothing else, and once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gazal.config.alarms import ALARMS, THRESHOLDS, AlarmsConfig
from gazal.train.monitor import SIGNALS, find_alarms, find_new_alarms, measure

QUIET = AlarmsConfig(window=3)
CALM = {
    "reward/total": 0.3,
    "reward_std/total": 0.4,
    "reward_spread/total": 0.4,
    "reward_std/format": 0.1,
    "reward_share/answer": 0.9,
    "reward_share/format": 0.1,
    "reward_dead/format": 0.0,
    "score/format": 0.5,
    "rollout/right": 0.5,
    "rollout/tokens": 100.0,
    "rollout/most_tokens": 300.0,
    "rollout/truncated": 0.01,
    "rollout/unparsed": 0.02,
    "rollout/abstained": 0.01,
    "rollout/surprise": 0.2,
    "rollout/duplicates": 0.1,
    "rollout/position": 0.05,
    "advantage/groups_equal": 0.1,
    "advantage/follows_right": 0.9,
    "policy/drift": 0.001,
    "truth/right": 0.4,
    "truth/pairs_right": 0.2,
}


def history(n=12, **last):
    """Calm steps, of which the named metrics go in a straight line to what they are at the end."""
    rows = []
    for step in range(1, n + 1):
        row = {"step": float(step), **CALM}
        for name, end in last.items():
            key = name.replace("__", "/")
            row[key] = CALM[key] + (end - CALM[key]) * min(1.0, max(0, step - 3) / (n - 5))
        if step % 3 != 1:
            row["truth/right"] = row["truth/pairs_right"] = None
        rows.append(row)
    return rows


PLANTED = {
    "reward_ignores_answer": {"advantage__follows_right": 0.1},
    "reward_outruns_accuracy": {"reward__total": 0.7},
    "reward_outruns_truth": {"reward__total": 0.8, "rollout__right": 0.9},
    "truth_falls": {"truth__right": 0.1},
    "component_dominates": {"reward_share__format": 0.98},
    "component_saturates": {"score__format": 1.0, "reward_std__format": 0.0},
    "length_to_cap": {"rollout__tokens": 280.0},
    "length_collapses": {"rollout__tokens": 10.0},
    "truncated_jump": {"rollout__truncated": 0.5},
    "unparsed_jump": {"rollout__unparsed": 0.5},
    "abstained_jump": {"rollout__abstained": 0.6},
    "entropy_collapses": {"rollout__surprise": 0.01},
    "duplicates": {"rollout__duplicates": 0.9},
    "no_signal": {"advantage__groups_equal": 1.0},
    "policy_blow_up": {"policy__drift": 0.15},
    "position_bias": {"rollout__position": 0.6},
}


def test_there_is_one_for_every_name():
    assert set(PLANTED) == set(ALARMS) == set(SIGNALS) == set(THRESHOLDS)


def test_calm_steps_raise_nothing_and_everything_is_measured():
    assert find_alarms(history(), QUIET) == []
    assert set(measure(history(), 3)) == set(ALARMS) - {"component_saturates"}  # None has come near.


@pytest.mark.parametrize("name", ALARMS)
def test_what_it_is_for_raises_it_once_and_says_since_when(name):
    rows = history(**PLANTED[name])
    found = [alarm for alarm in find_alarms(rows, QUIET) if alarm.name == name]
    assert len(found) == 1
    (alarm,) = found
    assert alarm.value >= alarm.threshold == THRESHOLDS[name]
    assert 4 <= alarm.since <= alarm.step <= 12 and alarm.since == alarm.step - 2
    assert alarm.what and alarm.action == "warn"


@pytest.mark.parametrize("name", ALARMS)
def test_nothing_else_raises_it(name):
    related = {
        "reward_outruns_accuracy": {"reward_outruns_truth"},
        "reward_outruns_truth": {"reward_outruns_accuracy", "truth_falls"},
    }.get(name, set())
    for other in set(ALARMS) - {name} - related:
        assert name not in {alarm.name for alarm in find_alarms(history(**PLANTED[other]), QUIET)}, other


def test_accuracy_that_rises_with_the_reward_is_no_alarm():
    rows = history(reward__total=0.7, rollout__right=0.95, truth__right=0.8)
    assert find_alarms(rows, QUIET) == []


def test_it_is_raised_again_only_after_it_was_calm():
    up, down = history(rollout__truncated=0.5), history()
    rows = [{**row, "step": float(n)} for n, row in enumerate([*up, *up[-3:], *down, *up], 1)]
    steps = [a.step for a in find_alarms(rows, QUIET) if a.name == "truncated_jump"]
    assert len(steps) == 2 and steps[0] <= 12 and steps[1] > 27


def test_off_is_off_and_thresholds_can_be_set():
    rows = history(rollout__truncated=0.5)
    assert find_alarms(rows, AlarmsConfig(window=3, actions={"truncated_jump": "off"})) == []
    assert find_alarms(rows, AlarmsConfig(window=3, thresholds={"truncated_jump": 0.9})) == []
    assert find_alarms(rows, AlarmsConfig(window=3, action="pause"))[0].action == "pause"


def test_rows_without_rollouts_and_missing_metrics_say_nothing():
    assert find_alarms([], QUIET) == []
    assert find_alarms([{"step": float(n)} for n in range(1, 9)], QUIET) == []
    every_other = [row if n % 2 else {"step": row["step"]} for n, row in enumerate(history(24))]
    assert find_alarms(every_other, QUIET) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.fixed_dictionaries({k: st.none() | st.floats(0.0, 2.0) for k in CALM}), max_size=14))
def test_whatever_the_history_step_by_step_is_the_same_as_at_once(rows):
    rows = [{"step": float(n), **row} for n, row in enumerate(rows, 1)]
    whole = find_alarms(rows, QUIET)
    assert whole == find_alarms(rows, QUIET)
    assert whole == [a for n in range(1, len(rows) + 1) for a in find_new_alarms(rows[:n], QUIET)]


def test_a_rise_is_measured_over_all_replies_not_within_groups():
    """Where the replies to a case hardly differ, another draw of cases is no rise of the reward."""
    rows = [row | {"reward_std/total": 0.01} for row in history(reward__total=0.45)]
    assert "reward_outruns_accuracy" not in {alarm.name for alarm in find_alarms(rows, QUIET)}
    narrow = [row | {"reward_spread/total": 0.05} for row in rows]
    assert "reward_outruns_accuracy" in {alarm.name for alarm in find_alarms(narrow, QUIET)}
