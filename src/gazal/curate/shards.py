"""A set built in parts, on as many cores or machines as there are, and put together.

The parts are judged and held against evaluation sets each for itself, which is nearly all of the work; what
repeats across parts is found when they are put together, one after the other. An executor such as datatrove's
runs `build_shard` once for each part; a part that is there is not built again.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from gazal.cases.overlap import Overlap
from gazal.core.case import WorldKind
from gazal.core.example import EXAMPLES, parse_example
from gazal.core.store import read_objects
from gazal.curate.build import DROPPED, Kept, Rules, build
from gazal.curate.dedup import Seen, take_apart
from gazal.curate.incoming import Incoming, read_file, read_world
from gazal.curate.strata import Strata
from gazal.errors import DataError

DONE = "done"
"""A file in the folder of a part that was built to its end."""


def leave_out_leaks() -> Overlap | None:
    """Nothing to hold rows against."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What comes in, of which each part takes its share."""

    files: tuple[Path, ...] = ()
    licence: str = "unknown"
    world: int = 0
    """So many cases of the world, over all parts."""
    kinds: tuple[WorldKind, ...] = ("diagnosis", "treatment", "uncertainty", "prognosis")
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shards:
    """Where the parts are and by which rules they are built. It can be sent to other processes."""

    folder: Path
    rows: Rows
    rules: Rules
    load_overlap: Callable[[], Overlap | None] = leave_out_leaks
    """The evaluation items that nothing may be a copy of, made where the part is built."""


def build_shard(shards: Shards, rank: int, n: int) -> None:
    """Build part ``rank`` of ``n``; goes on where it was stopped.

    Rows of files go to the parts in turn; each part draws its own cases of the world.

    Raises:
        DataError: A file cannot be read or written.
    """
    folder = shards.folder / f"{rank:05}"
    if (folder / DONE).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for _ in build(_list_rows(shards.rows, rank, n), shards.rules, shards.load_overlap(), folder):
        pass
    (folder / DONE).touch()


def merge_shards(shards: Shards, n: int, out: Path) -> Iterator[tuple[int, int]]:
    """Write one ``examples.jsonl`` and one ``dropped.jsonl`` of all parts, without what repeats across them.

    Yields:
        Parts put together so far, and examples kept.

    Raises:
        DataError: A part is missing, or a file cannot be read or written.
    """
    kept = Kept(seen=Seen(), strata=Strata(shards.rules.caps))
    folders = [shards.folder / f"{rank:05}" for rank in range(n)]
    if missing := [path for path in folders if not (path / DONE).exists()]:
        raise DataError(
            f"{missing[0]}: this part was not built to its end ({len(missing)} of {n}). Build it."
        )
    try:
        with (out / EXAMPLES).open("wb") as examples, (out / DROPPED).open("wb") as dropped:
            for rank, folder in enumerate(folders):
                dropped.write((folder / DROPPED).read_bytes())
                for row in _read_part(folder / EXAMPLES):
                    line, fault = _settle(row, kept)
                    (examples if fault is None else dropped).write(line + b"\n")
                yield rank + 1, len(kept.seen)
    except OSError as error:
        raise DataError(
            f"{out}: cannot be written ({error.strerror}). Make room, then run it again."
        ) from error


def _read_part(path: Path) -> Iterator[dict[str, Any]]:
    if path.stat().st_size:
        yield from (value for _, value in read_objects(path))


def _settle(row: dict[str, Any], kept: Kept) -> tuple[bytes, str | None]:
    """The line to write, and why it is left out if it is."""
    example = parse_example(row, row["id"])
    asked = take_apart(example.case)
    told = {"where": row["id"], "source": example.lineage.source, "row": example.lineage.row, "id": row["id"]}
    if (repeat := kept.seen.find(asked)) is not None:
        reason = "exact_duplicate" if repeat.exact else "near_duplicate"
        told |= {"reason": reason, "of": repeat.case_id, "what": f"similarity {repeat.similarity:.2f}"}
    elif (full := kept.strata.find_full(example)) is not None:
        reason = "enough"
        told |= {"reason": reason, "what": full}
    else:
        kept.add(asked, example)
        return json.dumps(row, separators=(",", ":")).encode(), None
    return json.dumps(told).encode(), reason


def _list_rows(rows: Rows, rank: int, n: int) -> Iterator[Incoming]:
    share = len(range(rank, rows.world, n))
    made = read_world(share, rows.kinds, n * rows.seed + rank) if share else iter(())
    named = (islice(read_file(path, rows.licence), rank, None, n) for path in rows.files)
    return chain(chain.from_iterable(named), made)
