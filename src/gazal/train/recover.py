"""What alarms ask for: to go on, to stop where one can go on from, or to go back and on with a remedy."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gazal.config.alarms import AlarmsConfig
from gazal.errors import Paused
from gazal.model.processes import is_main, wait_for_all
from gazal.train.checkpoint import list_checkpoints
from gazal.train.grpo import GRPO
from gazal.train.loop import train
from gazal.train.monitor import Alarm
from gazal.train.step import STEPS, Step, append_lines, read_lines

ROLL_BACKS = "roll_backs.jsonl"


def train_watched(grpo: GRPO, alarms: AlarmsConfig, folder: Path, fingerprint: str) -> Iterator[Step]:
    """Train, and do what alarms ask for.

    Args:
        grpo: The stage.
        alarms: What they may do.
        folder: As for `train`. ``roll_backs.jsonl`` says what was gone back on, and the steps of each such
            attempt are kept as ``steps.attempt-<n>.jsonl``.
        fingerprint: As for `train`.

    Yields:
        As `train`; steps that were gone back on come again.

    Raises:
        Paused: An alarm asks for it, or for one roll-back too many. The newest checkpoint is of its step.
    """
    while True:
        n = len(read_lines(folder / ROLL_BACKS))
        grpo.apply_remedy(n)
        asked: Alarm | None = None
        for step in train(grpo, folder, fingerprint):
            yield step
            asked = find_strongest(step)
            if asked is not None:
                break
        if asked is None:
            return
        if asked.action == "pause" or n >= alarms.most_roll_backs:
            raise _pause(asked, folder, n)
        _roll_back(asked, alarms, folder, n + 1)


def find_strongest(step: Step) -> Alarm | None:
    """The alarm to act on: a pause before a roll-back."""
    order = {"pause": 0, "roll_back": 1}
    asking = [alarm for alarm in step.alarms if alarm.action in order]
    return min(asking, key=lambda alarm: order[alarm.action], default=None)


def _pause(alarm: Alarm, folder: Path, n: int) -> Paused:
    rolled = f" after {n} roll-backs" if n else ""
    return Paused(
        f"step {alarm.step}: paused{rolled} by alarm {alarm.name}: {alarm.what}. Read the rollouts "
        f"{', '.join(alarm.rollouts)} of step {alarm.step} in {folder / 'rollouts.jsonl'}. The same command "
        "goes on from here."
    )


def _roll_back(alarm: Alarm, alarms: AlarmsConfig, folder: Path, n: int) -> None:
    """Leave the newest checkpoint from before the alarm's window; else the oldest that there is."""
    wait_for_all()
    if is_main():
        found = {int(path.name.rpartition("-")[2]): path for path in list_checkpoints(folder)}
        target = max((step for step in found if step < alarm.since), default=min(found))
        for step, path in found.items():
            if step > target:
                shutil.rmtree(path)
        steps = read_lines(folder / STEPS)
        gone = [row for row in steps if int(row["step"]) > target]
        append_lines(folder / f"steps.attempt-{n}.jsonl", gone)
        append_lines(folder / ROLL_BACKS, [_describe(alarm, alarms, target, n)])
    wait_for_all()


def _describe(alarm: Alarm, alarms: AlarmsConfig, target: int, n: int) -> dict[str, Any]:
    remedy = alarms.remedy
    return {
        "attempt": n,
        "from_step": alarm.step,
        "to_step": target,
        "alarm": json.loads(json.dumps(asdict(alarm))),
        "learning_rate_times": remedy.learning_rate**n,
        "kl": remedy.kl,
    }
