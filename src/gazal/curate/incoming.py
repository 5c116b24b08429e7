"""What comes in: rows of files, public sets and made cases, each an example or a reason why not."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gazal.cases.explained import load_explained
from gazal.cases.layouts import Unreadable, read_row
from gazal.core.case import WorldKind
from gazal.core.example import Example, Lineage, parse_example
from gazal.curate.tables import is_table, read_table
from gazal.errors import DataError
from gazal.world.generate import make_cases
from gazal.world.knowledge import load_knowledge
from gazal.world.solve import solve

LONGEST_ROW = 1_000_000
"""Bytes; a longer row is no example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One row as it was read."""

    where: str
    source: str
    row: str
    """First 12 hex digits of the sha256 of what was read."""
    example: Example | None = None
    reason: str = ""
    """Why it is no example."""
    what: str = ""


def read_world(n: int, kinds: Sequence[WorldKind], seed: int) -> Iterator[Incoming]:
    """Cases of the world's train split with their worked solutions, the kinds in turn."""
    version = load_knowledge().version
    made = f"split train, seed {seed}, knowledge {version}"
    for number, case in enumerate(make_cases(kinds, n=n, seed=seed, split="train"), 1):
        row = case.id.rpartition("/")[2]
        lineage = Lineage(source="world", row=row, made=made, teacher="world", licence=case.licence)
        example = Example(case=case, reply=solve(case).text, lineage=lineage)
        yield Incoming(where=f"world, case {number}", source="world", row=row, example=example)


def read_set(name: str, seed: int) -> Iterator[Incoming]:
    """A public set whose explanations serve as replies.

    Raises:
        DataError: It is not at hand.
        ConfigError: There is no such set.
    """
    for case, trace in load_explained(name, limit=None, seed=seed):
        row = _hash(f"{case.id}\n{trace.text}".encode("utf-8", "surrogatepass"))
        lineage = Lineage(source=name, row=row, teacher="examiners", licence=case.licence)
        example = Example(case=case, reply=trace.text, lineage=lineage)
        yield Incoming(where=case.id, source=name, row=row, example=example)


def read_file(path: Path, licence: str) -> Iterator[Incoming]:
    """Rows of JSON lines, Parquet or a folder of ``datasets``, in any known layout; a bad row is told.

    Raises:
        DataError: The file is missing or cannot be read.
    """
    if is_table(path):
        for number, value in enumerate(read_table(path), 1):
            line = json.dumps(value, default=repr).encode()
            yield _read_line(line, path, number, licence, "row")
        return
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _read_line(line, path, number, licence)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file. Check the path.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None


def _read_line(line: bytes, path: Path, number: int, licence: str, name: str = "line") -> Incoming:
    where, source, row = f"{path}, {name} {number}", path.stem, _hash(line.strip())
    try:
        example = _parse(line, source, row, licence, where)
    except Unreadable as error:
        return Incoming(where=where, source=source, row=row, reason=error.reason, what=str(error))
    except DataError as error:
        return Incoming(where=where, source=source, row=row, reason="no_case", what=str(error))
    return Incoming(where=where, source=example.lineage.source, row=row, example=example)


def _parse(line: bytes, source: str, row: str, licence: str, where: str) -> Example:
    if len(line) > LONGEST_ROW:
        raise Unreadable("too_long", f"{len(line):,} bytes; {LONGEST_ROW:,} are the most")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("bad_encoding", f"byte {error.start} is not UTF-8") from None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable("bad_json", str(error)) from None
    if not isinstance(value, dict):
        raise Unreadable("bad_json", f"a {type(value).__name__} and no object")
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        raise Unreadable("bad_encoding", "it holds half a character (a lone surrogate)") from None
    if "lineage" in value:
        return parse_example(value, where)
    case, reply = read_row(value, source, licence)
    return Example(case=case, reply=reply, lineage=Lineage(source=source, row=row, licence=licence))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
