"""A Step: what one optimizer step showed; and the file that keeps them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gazal.errors import TrainingError
from gazal.train.monitor import Alarm

STEPS, ROLLOUTS, ALARMS = "steps.jsonl", "rollouts.jsonl", "alarms.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One optimizer step."""

    step: int
    """From 1."""
    of: int
    metrics: Mapping[str, float | None]
    """``group/name`` to number; None where there was nothing to measure. ``time/...`` in seconds."""
    alarms: tuple[Alarm, ...] = ()
    """What this step raised."""

    @property
    def stops(self) -> bool:
        """Whether an alarm asks for more than to be read."""
        return any(alarm.action in ("pause", "roll_back") for alarm in self.alarms)


def append_lines(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Append records to a JSON-lines file.

    Raises:
        TrainingError: The disk is full or the folder is gone. Checkpoints on disk stay good.
    """
    if not records:
        return
    try:
        with path.open("a", encoding="utf-8") as file:
            file.writelines(
                json.dumps(dict(record), ensure_ascii=True, allow_nan=False) + "\n" for record in records
            )
    except OSError as error:
        raise _refuse(path, error) from error


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON-lines file of ours, or none where there is none."""
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def cut_lines(path: Path, after: int) -> None:
    """Take out the records of steps after a checkpoint, which will be made again, and a torn last line.

    Raises:
        TrainingError: The disk is full. The file stays as it was.
    """
    if not path.exists():
        return
    whole, kept = path.read_bytes(), list[bytes]()
    for line in whole.splitlines(keepends=True):
        try:
            if line.endswith(b"\n") and json.loads(line)["step"] <= after:
                kept.append(line)
        except (ValueError, KeyError, TypeError):
            break
    if len(left := b"".join(kept)) == len(whole):
        return
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(left)
        part.replace(path)  # Whole or not at all: the steps before the checkpoint are not made again.
    except OSError as error:
        raise _refuse(path, error) from error


def _refuse(path: Path, error: OSError) -> TrainingError:
    return TrainingError(
        f"{path}: cannot be written ({error.strerror}). Make room, then run the same command again: it goes "
        "on from the last checkpoint."
    )
