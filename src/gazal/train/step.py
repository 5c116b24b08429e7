"""A Step: what one optimizer step showed; and the file that keeps them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gazal.errors import TrainingError

STEPS = "steps.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One optimizer step."""

    step: int
    """From 1."""
    of: int
    metrics: Mapping[str, float | None]
    """``group/name`` to number; None where there was nothing to measure. ``time/...`` in seconds."""


def append_lines(path: Path, records: list[dict[str, Any]]) -> None:
    """Append records to a JSON-lines file.

    Raises:
        TrainingError: The disk is full or the folder is gone. Checkpoints on disk stay good.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.writelines(
                json.dumps(record, ensure_ascii=True, allow_nan=False) + "\n" for record in records
            )
    except OSError as error:
        raise TrainingError(
            f"{path}: cannot be written ({error.strerror}). Make room, then run the same command again: it "
            "goes on from the last checkpoint."
        ) from error


def cut_lines(path: Path, after: int) -> None:
    """Take out the records of steps after a checkpoint: they will be made again, and a torn last line with them."""
    if not path.exists():
        return
    kept = []
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            if line.endswith(b"\n") and json.loads(line)["step"] <= after:
                kept.append(line)
        except (ValueError, KeyError):
            break
    path.write_bytes(b"".join(kept))
