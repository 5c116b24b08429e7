"""MMLU-Pro: its health and biology questions, with 3 to 10 options.

95 of the 1,535 rows repeat an earlier question with the same options under another id. They are part of the
published set and are kept; whoever counts distinct questions counts 1,440.
"""

from collections.abc import Collection
from pathlib import Path

from gazal.cases.rows import Row, at, letter_options, read_rows, refuse_repeats, take
from gazal.core.case import Case, Tags
from gazal.errors import DataError

LICENCE = "Apache-2.0"


def read_mmlu_pro(path: Path, *, source: str, categories: Collection[str]) -> list[Case]:
    """Read the rows of some categories; the file may hold others, as the whole MMLU-Pro does.

    Args:
        path: JSON lines with question_id, question, options, answer, answer_index and category.
        source: ``<suite>/<split>``, the start of the ids.
        categories: Which to keep, such as ``health``.

    Raises:
        DataError: At the first row that is not so, or whose answer and answer_index disagree.
    """
    cases: list[Case] = []
    for where, row in read_rows(path):
        with at(where):
            if take(row, "category", str) in categories:
                cases.append(_make_case(row, source))
    return refuse_repeats(cases, path)


def _make_case(row: Row, source: str) -> Case:
    options = letter_options(take(row, "options", list))
    letter, index = take(row, "answer", str), take(row, "answer_index", int)
    letters = list(options)
    if not 0 <= index < len(letters) or letters[index] != letter:
        raise DataError(
            f"answer is {letter!r} but answer_index is {index} of {len(letters)} options (0 is 'A'). "
            "The options were re-lettered: fetch the file again."
        )
    return Case(
        id=f"{source}/{take(row, 'question_id', int)}",
        kind="exam",
        question=take(row, "question", str),
        options=options,
        answer=letter,
        tags=Tags(topic=take(row, "category", str)),
        licence=LICENCE,
    )
