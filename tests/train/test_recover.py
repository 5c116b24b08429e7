"""What alarms do: say it, stop where one can go on, go back and on with a remedy."""

import json

import pytest
from small import CASES, assert_same, grpo_config, make_grpo, read_weights

from gazal.config.alarms import AlarmsConfig, Remedy
from gazal.errors import Paused
from gazal.train.checkpoint import list_checkpoints
from gazal.train.recover import ROLL_BACKS, train_watched
from gazal.train.step import ALARMS, STEPS, read_lines

NAME = "component_dominates"


def watch(action, **more):
    """An alarm that any reward of several parts raises as soon as it can: at step 3."""
    return AlarmsConfig(window=3, actions={NAME: action}, thresholds={NAME: 1e-6}, **more)


def make(alarms):
    return make_grpo(
        grpo_config(
            steps=7, cases_per_step=2, group_size=4, checkpoint_every=2, learning_rate=1e-3, alarms=alarms
        )
    )


def go(folder, alarms):
    """Train as far as it goes; also says whether it was paused."""
    stage, steps = make(alarms), []
    try:
        for step in train_watched(stage, alarms, folder, "mine"):
            steps.append(step)
    except Paused as pause:
        return stage, steps, str(pause)
    return stage, steps, None


def read_rows(path):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [{k: v for k, v in row.items() if not k.startswith("time/")} for row in rows]


@pytest.fixture(scope="module")
def warned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("warned")
    stage, steps, paused = go(folder, watch("warn"))
    assert paused is None and len(steps) == 7
    return folder, stage


def test_a_warning_is_written_down_with_what_to_read(warned):
    folder, _ = warned
    (alarm,) = [row for row in read_lines(folder / ALARMS) if row["name"] == NAME]
    assert (alarm["step"], alarm["since"], alarm["action"]) == (3, 1, "warn")
    records = [json.loads(line) for line in (folder / "rollouts.jsonl").read_text().splitlines()]
    of_step = sorted((r for r in records if r["step"] == 3), key=lambda r: -r["total"])
    assert alarm["rollouts"] == [f"{r['case_id']}#{r['sample']}" for r in of_step[:3]]
    assert len(list_checkpoints(folder)) == 1


def test_a_paused_run_goes_on_to_the_same_weights_as_one_that_never_stopped(tmp_path, warned):
    _, steps, paused = go(tmp_path, watch("pause"))
    assert len(steps) == 3 and paused is not None
    assert NAME in paused and "rollouts.jsonl" in paused and "same command" in paused
    assert [path.name for path in list_checkpoints(tmp_path)] == ["checkpoint-000003"]
    stage, steps, paused = go(tmp_path, watch("pause"))
    assert paused is None and [step.step for step in steps] == [4, 5, 6, 7]
    folder, whole = warned
    assert read_rows(tmp_path / STEPS) == read_rows(folder / STEPS)
    assert_same(read_weights(stage), read_weights(whole))


def test_a_roll_back_starts_again_before_the_window_with_the_remedy(tmp_path):
    alarms = watch("roll_back", most_roll_backs=1, remedy=Remedy(learning_rate=0.25, kl=0.1))
    stage, steps, paused = go(tmp_path, alarms)
    assert [step.step for step in steps] == [1, 2, 3, 1, 2, 3]
    assert paused is not None and "after 1 roll-backs" in paused
    (record,) = read_lines(tmp_path / ROLL_BACKS)
    assert (record["attempt"], record["from_step"], record["to_step"]) == (1, 3, 0)
    assert record["learning_rate_times"] == 0.25 and record["alarm"]["name"] == NAME
    gone, again = read_rows(tmp_path / "steps.attempt-1.jsonl"), read_rows(tmp_path / STEPS)
    assert [row["step"] for row in gone] == [row["step"] for row in again] == [1, 2, 3]
    for before, after in zip(gone, again, strict=True):
        assert after["learning_rate"] == pytest.approx(0.25 * before["learning_rate"])
    same = ("reward/total", "rollout/tokens", "rollout/right")
    assert [gone[0][name] for name in same] == [
        again[0][name] for name in same
    ]  # The same weights wrote them.
    assert "policy/kl" in again[0] and "policy/kl" not in gone[0]
    _, steps, paused = go(tmp_path, alarms)
    assert paused is None and steps[-1].step == 7
    assert steps[-1].metrics["learning_rate"] < stage._learning_rate


def test_it_goes_back_no_further_than_it_must(tmp_path):
    alarms = AlarmsConfig(window=2, actions={"no_signal": "roll_back"}, most_roll_backs=1)
    stage = make(alarms)
    alarmed = 0

    def watch_step(history):
        nonlocal alarmed
        if history[-1]["step"] == 6 and not alarmed:
            alarmed = 1
            rows = [{**row, "advantage/groups_equal": 1.0} for row in history[-2:]]
            return type(stage).watch(
                stage, [{**row, "advantage/groups_equal": 0.0} for row in history[:-2]] + rows
            )
        return []

    stage.watch = watch_step
    steps = [step.step for step in train_watched(stage, alarms, tmp_path, "mine")]
    (record,) = read_lines(tmp_path / ROLL_BACKS)
    assert record["alarm"]["since"] == 5 and record["to_step"] == 4
    assert steps == [1, 2, 3, 4, 5, 6, 5, 6, 7]


def test_cases_are_asked_by_the_seed_after_a_roll_back_too(tmp_path):
    go(tmp_path, watch("roll_back", most_roll_backs=1))
    records = [json.loads(line) for line in (tmp_path / "rollouts.jsonl").read_text().splitlines()]
    assert {r["step"] for r in records} == {1, 2, 3} and {r["case_id"] for r in records} <= {
        c.id for c in CASES
    }
