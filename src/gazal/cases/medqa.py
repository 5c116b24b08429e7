"""MedQA-USMLE: questions in the style of the United States licensing examination.

The four forms in which its splits are handed on, each with its own reader. Letters differ between the 4- and
the 5-option files of the same question; the text of the answer does not.

Some options end in a stray line break and quotation mark. That is upstream's slip and is kept.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from gazal.cases.rows import (
    Row,
    at,
    find_letter,
    letter_options,
    number_repeats,
    read_rows,
    split_prompt,
    take,
)
from gazal.core.case import LETTERS, Case, Tags, hash_content
from gazal.errors import DataError

LICENCE = "MIT"
LICENCE_MEDIQ = "MIT AND CC-BY-4.0"
_LABEL = re.compile(r"([A-Z])\. ")


def read_medqa(path: Path, *, source: str, n_options: int) -> list[Case]:
    """Read the official form: options by letter, the answer both as text and as letter.

    Args:
        path: JSON lines or a JSON list.
        source: ``<suite>/<split>``, the start of the ids.
        n_options: 4 or 5.

    Raises:
        DataError: At the first row that is not so, or whose letter is not that of its answer text.
    """

    def read() -> Iterator[Case]:
        for where, row in read_rows(path):
            with at(where):
                topic = take(row, "meta_info", str)
                yield _make_case(source, take(row, "question", str), *_read_options(row, n_options), topic)

    return number_repeats(read())


def read_medqa_labelled(path: Path, *, source: str, n_options: int) -> list[Case]:
    """Read the form with options as ``"A. text"`` and the answer as text only.

    Raises:
        DataError: At the first row that is not so.
    """

    def read() -> Iterator[Case]:
        for where, row in read_rows(path):
            with at(where):
                options = letter_options(_strip_labels(take(row, "options", list)), n=n_options)
                answer = find_letter(options, take(row, "answer", str))
                yield _make_case(source, take(row, "question", str), options, answer, None)

    return number_repeats(read())


def read_medqa_prompts(path: Path, *, source: str, n_options: int) -> list[Case]:
    """Read the form of instruction tuning: stem and options in one text, the answer's text as output.

    Raises:
        DataError: At the first row that is not so.
    """

    def read() -> Iterator[Case]:
        for where, row in read_rows(path):
            with at(where):
                pair = take(row, "instances", dict)
                question, texts = split_prompt(take(pair, "input", str), "Question: ")
                options = letter_options(texts, n=n_options)
                yield _make_case(
                    source, question, options, find_letter(options, take(pair, "output", str)), None
                )

    return number_repeats(read())


def read_mediq(path: Path, *, source: str) -> list[Case]:
    """Read mediQ's form of the 4-option split: the stem cut into sentences, here joined again by blanks.

    Raises:
        DataError: At the first row that is not so, or whose letter is not that of its answer text.
    """

    def read() -> Iterator[Case]:
        for where, row in read_rows(path):
            with at(where):
                sentences = take(row, "context", list)
                if not all(isinstance(sentence, str) for sentence in sentences):
                    raise DataError("context holds something that is no text.")
                stem = " ".join([*sentences, take(row, "question", str)])
                yield _make_case(source, stem, *_read_options(row, 4), None, LICENCE_MEDIQ)

    return number_repeats(read())


def _make_case(
    source: str,
    question: str,
    options: dict[str, str],
    answer: str,
    topic: str | None,
    licence: str = LICENCE,
) -> Case:
    return Case(
        id=f"{source}/{hash_content('', question, options)}",
        kind="exam",
        question=question,
        options=options,
        answer=answer,
        tags=Tags(topic=topic),
        licence=licence,
    )


def _read_options(row: Row, n: int) -> tuple[dict[str, str], str]:
    """Options and key of an official row, whose letter and answer text must agree."""
    given = take(row, "options", dict)
    options = letter_options(list(given.values()), n=n)
    if list(given) != list(options):
        raise DataError(f"option letters are {list(given)}; they must be {list(options)} in order.")
    letter, text = take(row, "answer_idx", str), take(row, "answer", str)
    if (right := find_letter(options, text)) != letter:
        raise DataError(
            f"answer_idx is {letter!r}, but the answer {text!r:.60} is option {right!r}. "
            "The options were re-lettered: fetch the file again."
        )
    return options, letter


def _strip_labels(options: list[object]) -> list[object]:
    """The texts without their ``A. ``, which must run in order."""
    labels = [_LABEL.match(option) if isinstance(option, str) else None for option in options]
    letters = "".join(label[1] if label else "?" for label in labels)
    if letters != LETTERS[: len(options)]:
        raise DataError(f"option labels are {letters!r}; they must be 'A. ', 'B. ', ... in order.")
    return [str(option)[3:] for option in options]
