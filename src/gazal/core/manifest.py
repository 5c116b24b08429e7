"""What made a file: enough to make it again, and to notice that it changed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gazal import __version__
from gazal.core.store import write_lines


def hash_file(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def name_manifest(path: Path) -> Path:
    """Where the manifest of a file stands."""
    return path.with_name(f"{path.name}.manifest.json")


def write_manifest(
    path: Path, stage: str, made_by: Mapping[str, Any], counts: Mapping[str, int], seconds: float
) -> Path:
    """Write ``<path>.manifest.json`` beside a file; returns where.

    Args:
        path: The file that was made.
        stage: Which stage made it, such as ``cases``.
        made_by: Its settings and versions, as JSON values.
        counts: What went in and came out.
        seconds: How long it took.
    """
    target = name_manifest(path)
    record = {
        "stage": stage,
        "gazal": __version__,
        "made_by": dict(made_by),
        "output": {path.name: hash_file(path)},
        "counts": dict(counts),
        "seconds": round(seconds, 3),
    }
    write_lines(target, [record], lambda whole: json.dumps(whole, indent=2).encode())
    return target
