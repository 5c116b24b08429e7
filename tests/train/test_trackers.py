"""What a tracker is told is what steps.jsonl holds, also after a run was stopped and went on."""

import json
import struct
import time

import pytest
from small import make_sft, sft_config
from typer.testing import CliRunner

from gazal.cli.main import app
from gazal.errors import ConfigError
from gazal.train.loop import train
from gazal.train.trackers import Trackers, open_trackers


def read_events(folder):
    """(name, step) to value, as TensorBoard would show them: what comes later in the files stands."""
    from tensorboardX.proto.event_pb2 import Event

    seen = {}
    for path in sorted(folder.rglob("events.out.*"), key=lambda path: path.stat().st_mtime_ns):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            event = Event.FromString(data[at + 12 : at + 12 + length])
            at += 12 + length + 4
            # What is told twice would stand twice in TensorBoard.
            told = [(value.tag, event.step) for value in event.summary.value]
            assert not seen.keys() & told, "told again, and what was told before is not purged"
            if event.session_log.status == 1:  # START: what stands from this step on is forgotten.
                seen = {key: value for key, value in seen.items() if key[1] < event.step}
            seen |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
    return seen


def run(config, folder, out, until=None):
    folder.mkdir(parents=True, exist_ok=True)
    with open_trackers(["tensorboard"], out, "small") as trackers:
        for step in train(make_sft(config), folder, "mine"):
            trackers.log("sft", step.step, step.metrics)
            if step.step == until:
                break


def test_the_tracker_holds_what_steps_hold_after_a_stop(tmp_path):
    config = sft_config(steps=6, checkpoint_every=2)
    run(config, tmp_path / "sft.part", tmp_path, until=5)
    first = read_events(tmp_path / "track" / "small-sft")
    assert max(step for _, step in first) == 5
    time.sleep(1.1)  # Its files are named by the second.
    run(config, tmp_path / "sft.part", tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "sft.part" / "steps.jsonl").read_text().splitlines()]
    expected = {(name, row["step"]): value for row in rows for name, value in row.items() if name != "step"}
    found = read_events(tmp_path / "track" / "small-sft")
    assert len(rows) == 6 and expected.keys() == found.keys()
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-6), key


def test_each_stage_has_a_run_of_its_own(tmp_path):
    with open_trackers(["tensorboard"], tmp_path, "demo") as trackers:
        trackers.log("sft", 1, {"loss": 2.0})
        trackers.log("sft", 2, {"loss": 1.5, "nothing": None})
        trackers.log("grpo", 1, {"loss": 0.5})
    assert read_events(tmp_path / "track" / "demo-sft") == {("loss", 1): 2.0, ("loss", 2): 1.5}
    assert read_events(tmp_path / "track" / "demo-grpo") == {("loss", 1): 0.5}


@pytest.mark.parametrize(
    ("name", "message"), [("tensorbord", "unknown. Use tensorboard, wandb"), ("wandb", "pip install wandb")]
)
def test_a_tracker_that_is_not_there_is_refused_before_anything_runs(tmp_path, monkeypatch, name, message):
    import gazal.train.trackers

    monkeypatch.setattr(gazal.train.trackers, "get_available_trackers", lambda: ["tensorboard"])
    with pytest.raises(ConfigError, match=message):
        Trackers([name], tmp_path, "demo")
    assert not list(tmp_path.iterdir())


def test_the_command_line_refuses_one_that_is_unknown(tmp_path):
    done = CliRunner().invoke(
        app, ["run", "recipes/demo.yaml", "--out", str(tmp_path / "run"), "--track", "paper"]
    )
    assert done.exit_code != 0 and not (tmp_path / "run" / "cases").exists()
