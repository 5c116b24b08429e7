"""What every reader needs: rows out of a file, fields out of a row, and errors that say where.

Readers keep the text of a source as it stands, stray blanks included: the published texts are what others
were measured on.
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from gazal.core.case import LETTERS, Case
from gazal.core.store import read_objects
from gazal.errors import DataError

T = TypeVar("T")
Row = dict[str, Any]
_OPTION = re.compile(r"\nOption ([A-Z]): ?")


@contextmanager
def at(where: str) -> Iterator[None]:
    """Put the place in front of a DataError raised inside the block."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def read_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Yield (where, object) of a file of JSON lines, or of a JSON list of objects.

    Raises:
        DataError: If the file is missing, is not UTF-8 or not JSON, or a row is not an object.
    """
    if not _read_bytes(path).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        for number, row in read_objects(path):
            yield f"{path}, line {number}", row
        return
    for number, row in enumerate(read_json(path), 1):
        where = f"{path}, entry {number}"
        if not isinstance(row, dict):
            raise DataError(f"{where}: expected a JSON object, found {type(row).__name__}.")
        yield where, row


def read_json(path: Path) -> Any:
    """Read a file that is one JSON value.

    Raises:
        DataError: If the file is missing, is not UTF-8, or is not JSON.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not JSON ({error}). The file may be cut off: fetch it again.") from None


def read_table(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield (where, cells) of a comma-separated file without a header; blank lines are passed over.

    Raises:
        DataError: If the file is missing, is not UTF-8, or its quotes do not close.
    """
    rows = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        for row in rows:
            if row:
                yield f"{path}, line {rows.line_num}", row
    except csv.Error as error:
        raise DataError(
            f"{path}, line {rows.line_num}: not comma-separated values ({error}). Fetch the file again."
        ) from None


def take(row: Row, name: str, kind: type[T]) -> T:
    """The field of a row, of exactly the wanted type.

    Raises:
        DataError: If it is missing or of another type; a text must not be blank.
    """
    if name not in row:
        raise DataError(f"no {name!r}; the row has {sorted(row)}. This is another file or format.")
    value = row[name]
    if type(value) is not kind:
        raise DataError(f"{name} is {value!r:.60}, expected {kind.__name__}.")
    if isinstance(value, str) and not value.strip():
        raise DataError(f"{name} is blank.")
    return value


def letter_options(texts: Sequence[object], *, n: int | None = None, repeats: bool = False) -> dict[str, str]:
    """Give the texts of a question's options their letters, A for the first.

    Args:
        texts: In the order shown.
        n: How many there must be; None where the source varies.
        repeats: Allow a text to stand twice.

    Raises:
        DataError: If an option is blank or no text, stands twice, or the number is wrong.
    """
    if n is not None and len(texts) != n:
        raise DataError(f"{len(texts)} options, expected {n}. Is it the file of another suite?")
    if not 2 <= len(texts) <= len(LETTERS):
        raise DataError(f"{len(texts)} options; a question has 2 to {len(LETTERS)}.")
    options: dict[str, str] = {}
    for letter, text in zip(LETTERS, texts, strict=False):
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"option {letter} is {text!r:.60}, expected a text.")
        if not repeats and text in options.values():
            raise DataError(f"option {letter} repeats {text!r:.60}. Each option must differ.")
        options[letter] = text
    return options


def find_letter(options: dict[str, str], answer: str) -> str:
    """The letter of the option with this text.

    Raises:
        DataError: If no option has it.
    """
    for letter, text in options.items():
        if text == answer:
            return letter
    raise DataError(f"answer {answer!r:.60} is not the text of any option {list(options)}.")


def split_prompt(prompt: str, start: str) -> tuple[str, list[str]]:
    r"""Take a question written out as ``<start>stem\nOption A: text\nOption B: text`` apart.

    Returns:
        The stem and the texts of the options.

    Raises:
        DataError: If it does not start so, or letters are missing or out of order.
    """
    stem, *parts = _OPTION.split(prompt.removesuffix("\n"))
    letters, texts = parts[::2], parts[1::2]
    if not stem.startswith(start) or letters != list(LETTERS[: len(letters)]):
        raise DataError(
            f"{prompt!r:.60} with options {letters} is not {start!r}, a stem and options A, B, C, ..."
        )
    return stem.removeprefix(start), texts


def number_repeats(cases: Iterable[Case]) -> list[Case]:
    """Append -2, -3, ... to the id of a case whose id, made of its content, already stands further up."""
    seen: Counter[str] = Counter()
    numbered: list[Case] = []
    for case in cases:
        seen[case.id] += 1
        n = seen[case.id]
        numbered.append(replace(case, id=f"{case.id}-{n}") if n > 1 else case)
    return numbered


def refuse_repeats(cases: list[Case], path: Path) -> list[Case]:
    """Give the cases back if each id, which the source gave, stands once.

    Raises:
        DataError: With the first id that stands twice.
    """
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise DataError(f"{path}: id {case.id.split('/')[-1]} stands twice. Remove one of the rows.")
        seen.add(case.id)
    return cases


def read_text(path: Path) -> str:
    """The whole of a UTF-8 file, without the mark that spreadsheets put at its head.

    Raises:
        DataError: It is missing, cannot be read, or is not UTF-8.
    """
    try:
        return _read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8. Save the file as UTF-8.") from None


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file. Check the path.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
