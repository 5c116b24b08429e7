"""The folder of one stage of a run: worked on as ``<stage>.part``, renamed when whole, made once.

``manifest.json`` holds what it was made from and its fingerprint. A stage that is there with the same
fingerprint is not made again; with another one it is left alone and the run stops.
"""

import hashlib
import json
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gazal import __version__
from gazal.core.manifest import hash_file
from gazal.errors import DataError

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFolder:
    """Where a stage works and what it is made from."""

    final: Path
    made_from: Mapping[str, Any]
    """Settings, seed, versions and the hashes of inputs, as JSON values."""
    start: float = field(default_factory=time.monotonic)

    @property
    def part(self) -> Path:
        """Where it works."""
        return self.final.with_name(f"{self.final.name}.part")

    @property
    def fingerprint(self) -> str:
        """First 16 hex digits of the sha256 of what it is made from."""
        return hashlib.sha256(json.dumps(self.made_from, sort_keys=True).encode()).hexdigest()[:16]


def open_stage(
    final: Path, settings: Mapping[str, Any], seed: int, inputs: Mapping[str, Path] | None = None
) -> StageFolder | None:
    """Start or continue a stage; None where it is done already.

    Args:
        final: Its folder, such as ``runs/demo/sft``.
        settings: The part of the recipe that decides what comes out.
        seed: The run's.
        inputs: Name to file or folder that it reads.

    Raises:
        DataError: The folder was made from something else, or an input is missing.
    """
    hashes = {name: hash_input(path) for name, path in (inputs or {}).items()}
    made_from = {"settings": dict(settings), "seed": seed, "inputs": hashes, "gazal": __version__}
    stage = StageFolder(final=final, made_from=made_from)
    manifest = final / MANIFEST
    if not final.exists():
        _begin(stage)
        return stage
    try:
        found = json.loads(manifest.read_text())
        known = found["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(f"{manifest}: missing or torn. Delete {final} to make it again.") from None
    if known != stage.fingerprint:
        raise DataError(
            f"{final}: was made from other {_find_difference(found, made_from)}. Name another --out, or "
            f"delete {final} and what came after it."
        )
    return None


def _begin(stage: StageFolder) -> None:
    """Make the folder to work in, or find that it was begun from the same."""
    manifest = stage.part / MANIFEST
    try:
        stage.part.mkdir(parents=True, exist_ok=True)
        if not manifest.exists():
            new = manifest.with_suffix(".part")
            new.write_text(json.dumps({**stage.made_from, "fingerprint": stage.fingerprint}, indent=2) + "\n")
            new.replace(manifest)
        found = json.loads(manifest.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{stage.part}: cannot be worked in ({error}). Name another --out.") from None
    if found["fingerprint"] != stage.fingerprint:
        raise DataError(
            f"{stage.part}: was begun from other {_find_difference(found, stage.made_from)}. Name another "
            f"--out, or delete {stage.part} to begin again."
        )


def close_stage(stage: StageFolder, counts: Mapping[str, Any]) -> None:
    """Write the manifest and give the folder its name.

    Args:
        stage: What `open_stage` gave.
        counts: What went in and came out.
    """
    record = {
        "stage": stage.final.name,
        **stage.made_from,
        "fingerprint": stage.fingerprint,
        "counts": dict(counts),
        "seconds": round(time.monotonic() - stage.start, 1),
        "peak_rss_mb": read_peak_memory(),
    }
    try:
        (stage.part / MANIFEST).write_text(json.dumps(record, indent=2) + "\n")
        stage.part.replace(stage.final)
    except OSError as error:
        raise DataError(f"{stage.final}: cannot be written ({error.strerror}). Make room.") from error


def hash_input(path: Path) -> str:
    """The sha256 of a file, or of the names and contents of all files of a folder.

    Raises:
        DataError: There is nothing of that name.
    """
    if path.is_file():
        return hash_file(path)
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder. Check the path.")
    lines = [
        f"{found.relative_to(path).as_posix()} {hash_file(found)}"
        for found in sorted(path.rglob("*"))
        if found.is_file() and found.name != MANIFEST and "__pycache__" not in found.parts
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read_peak_memory() -> float:
    """Most memory that this process has held so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024.0 if sys.platform != "darwin" else 1024.0**2), 1)


def _find_difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    return " and ".join(name for name, value in wanted.items() if found.get(name) != value) or "things"
