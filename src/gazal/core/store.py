"""Cases and replies on disk: JSON lines, written whole or not at all, read with errors that name the line."""

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.errors import DataError

T = TypeVar("T")
CASES, REPLIES = "cases.jsonl", "replies.jsonl"
"""What such files are called in the folder of a run."""
ADAPTER, MERGED = "adapter", "merged"
"""Folders of what a training stage made: the adapter as PEFT reads it, and the model with it merged in."""
_CASE = TypeAdapter(Case)
_TRACE_FIELDS = {
    "case_id": str,
    "text": str,
    "sample": int,
    "model": str,
    "stop": str,
    "n_tokens": int | None,
    "prompt_hash": str,
    "pred": str | None,
}


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (line number from 1, line) of every line that is not blank.

    Raises:
        DataError: If the file is missing, cannot be read, or holds no line.
    """
    n = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    n += 1
                    yield number, line
    except FileNotFoundError:
        raise DataError(f"{path}: no such file. Check the path.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    if not n:
        raise DataError(f"{path}: the file is empty. It should hold one JSON object a line.")


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSON-lines file.

    Raises:
        DataError: At the first line that is not a JSON object in UTF-8.
    """
    for number, line in read_lines(path):
        where = f"{path}, line {number}"
        try:
            value = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"), parse_constant=_refuse)
        except UnicodeDecodeError as error:
            raise DataError(f"{where}: byte {error.start} is not UTF-8. Save the file as UTF-8.") from None
        except (ValueError, RecursionError) as error:
            cut = "" if line.endswith(b"\n") else " The last line may be cut off: write the file again."
            raise DataError(f"{where}: not a JSON object ({error}).{cut}") from None
        if not isinstance(value, dict):
            raise DataError(f"{where}: expected a JSON object, found {type(value).__name__}.")
        yield number, value


def read_cases(path: Path) -> list[Case]:
    """Read ``cases.jsonl``.

    Raises:
        DataError: At the first bad line, or when an id stands twice.
    """
    seen: dict[str, int] = {}
    cases: list[Case] = []
    for number, value in read_objects(path):
        case = parse_case(value, f"{path}, line {number}")
        if case.id in seen:
            raise DataError(f"{path}, line {number}: case {case.id} already stands in line {seen[case.id]}.")
        seen[case.id] = number
        cases.append(case)
    return cases


def parse_case(value: dict[str, Any], where: str) -> Case:
    """Turn one JSON object into a Case.

    Raises:
        DataError: With ``where``, the field and what is wrong with it.
    """
    try:
        # As JSON and strict: "47", 47.0 or 1 for true are not what a case says; lists stand for tuples.
        return _CASE.validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        raise DataError(f"{where}: {explain(error)}") from None


def read_traces(path: Path) -> list[Trace]:
    """Read ``replies.jsonl``; fields that a Trace does not have are passed over.

    Raises:
        DataError: At the first bad line, or when the same sample of a case stands twice.
    """
    seen: dict[tuple[str, int], int] = {}
    traces: list[Trace] = []
    for number, value in read_objects(path):
        where = f"{path}, line {number}"
        for name, kind in _TRACE_FIELDS.items():
            if name not in value and name in ("case_id", "text"):
                raise DataError(f"{where}: not a reply: it has no {name!r}.")
            if name in value and (not isinstance(value[name], kind) or isinstance(value[name], bool)):
                raise DataError(f"{where}: not a reply: {name} is {value[name]!r:.60}.")
        if value.get("stop", "end") not in ("end", "length", "error"):
            raise DataError(f"{where}: stop is {value['stop']!r}; it must be end, length or error.")
        trace = Trace(**{name: value[name] for name in _TRACE_FIELDS if name in value})
        key = (trace.case_id, trace.sample)
        if key in seen:
            raise DataError(
                f"{where}: sample {trace.sample} of {trace.case_id} already stands in line {seen[key]}. "
                "Number several replies to one case with 'sample'."
            )
        seen[key] = number
        traces.append(trace)
    return traces


def write_cases(path: Path, cases: Iterable[Case]) -> int:
    """Write ``cases.jsonl``; returns how many. Nothing appears under ``path`` until all are written."""
    return write_lines(path, cases, lambda case: _CASE.dump_json(case))


def write_traces(path: Path, traces: Iterable[Trace]) -> int:
    """Write ``replies.jsonl``; returns how many."""

    def dump(trace: Trace) -> bytes:
        return json.dumps({name: getattr(trace, name) for name in _TRACE_FIELDS}).encode()

    return write_lines(path, traces, dump)


def write_lines(path: Path, records: Iterable[T], dump: Callable[[T], bytes]) -> int:
    """Write records to a hidden file beside ``path`` and rename it when whole; returns how many.

    Raises:
        DataError: If the folder is missing or the disk is full. What stood under ``path`` stays as it was.
    """
    n, temporary = 0, None
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: is no regular file. Name a file to write.")
    try:
        with tempfile.NamedTemporaryFile(
            "wb", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            for record in records:
                file.write(dump(record) + b"\n")
                n += 1
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from error
    finally:
        if temporary is not None:
            with suppress(FileNotFoundError):
                temporary.unlink()
    return n


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Put one record at the end of a ledger, at once.

    Raises:
        DataError: The folder is missing or the disk is full. What stood there stays.
    """
    try:
        with path.open("ab") as file:
            file.write(json.dumps(dict(record)).encode() + b"\n")
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror}). Make room, then run the same command again."
        ) from error


def cut_torn(path: Path) -> None:
    """Take off a last line that was not written to its end, as a kill or a full disk leaves it.

    Raises:
        DataError: The file cannot be written.
    """
    if not path.exists():
        return
    try:
        with path.open("rb+") as file:
            whole = 0
            for line in file:
                if not line.endswith(b"\n"):
                    file.truncate(whole)
                    break
                whole += len(line)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}). Name another file.") from None


def explain(error: ValidationError) -> str:
    """The first fault of a validation error in one line: field, reason, value."""
    first = error.errors(include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    place = ".".join(str(part) for part in first["loc"])
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"not a case: {place}: {message}, found {first.get('input')!r:.80}{more}."


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
