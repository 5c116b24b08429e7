"""The rows of the explained sets: a case and what was written about its key."""

import json
import mmap
from pathlib import Path

from gazal.cases import medmcqa, pubmedqa
from gazal.cases.rows import letter_options, read_json, take
from gazal.cases.sentences import Dropped
from gazal.cases.table import load_suite
from gazal.core.case import LETTERS, Case, Tags, hash_content
from gazal.errors import DataError


class Lines:
    """The lines of a file that are not blank, left on disk until one is asked for."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise DataError(f"{path}: the file is empty.")
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._spans: list[tuple[int, int]] = []
        start = 0
        for line in iter(self._bytes.readline, b""):
            if not line.isspace():
                self._spans.append((start, start + len(line)))
            start += len(line)

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, number: int, /) -> bytes:
        start, end = self._spans[number]
        return self._bytes[start:end]


def read_exam_row(line: bytes) -> tuple[Case, str]:
    """Case and note of a line of MedMCQA in the authors' form, under the id that the suite would give it.

    Raises:
        Dropped: ``bad_row`` or ``no_explanation``.
        DataError: If ``cop`` counts from 0.
    """
    try:
        row = json.loads(line.decode("utf-8-sig"))
        if not isinstance(row, dict):
            raise DataError("no object")
        question, cop, topic = take(row, "question", str), take(row, "cop", int), row.get("subject_name")
        options = letter_options([take(row, f"op{letter}", str) for letter in "abcd"], repeats=True)
    except ValueError as error:
        raise Dropped("bad_row") from error
    if not 1 <= cop <= 4:
        raise DataError(
            f"medmcqa_explained: cop is {cop}; it must be 1 to 4, 1 for opa. Copies that count from 0 are "
            "another version: use the authors' file."
        )
    if len({" ".join(text.split()).casefold() for text in options.values()}) < len(options):
        raise Dropped("repeats_an_option")
    text = row.get("exp")
    if not isinstance(text, str) or not text.strip():
        raise Dropped("no_explanation")
    case = Case(
        id=f"medmcqa_train/train/{hash_content('', question, options)}",
        kind="exam",
        question=question,
        options=options,
        answer=LETTERS[cop - 1],
        tags=Tags(topic=topic if isinstance(topic, str) else None),
        licence=medmcqa.LICENCE,
    )
    return case, text


def open_abstracts(folder: Path) -> list[tuple[Case, str]]:
    """The cases of ``pubmedqa_train`` with their long answers."""
    rows = read_json(folder / pubmedqa.ROWS)
    cases = load_suite("pubmedqa_train", folder)
    return [(case, rows[case.id.rsplit("/", 1)[1]].get("LONG_ANSWER") or "") for case in cases]


def read_abstract(row: tuple[Case, str]) -> tuple[Case, str]:
    """Give the row back.

    Raises:
        Dropped: ``no_explanation``.
    """
    if not row[1].strip():
        raise Dropped("no_explanation")
    return row
