"""MMLU: its six medical subjects, 4 options each.

78 questions stand in both clinical_knowledge and college_medicine. They are part of the published set and are
kept; the id of the second ends in ``-2``.
"""

from collections.abc import Iterator
from pathlib import Path

from gazal.cases.rows import at, letter_options, number_repeats, read_table
from gazal.core.case import Case, Tags, hash_content
from gazal.errors import DataError

LICENCE = "MIT"
SUBJECTS = (
    "anatomy",
    "clinical_knowledge",
    "college_biology",
    "college_medicine",
    "medical_genetics",
    "professional_medicine",
)


def read_mmlu(folder: Path, *, source: str) -> list[Case]:
    """Read ``<subject>_test.csv`` of every medical subject, in alphabetical order.

    Args:
        folder: Holds the six files, which have no header: question, four options, key.
        source: ``<suite>/<split>``, the start of the ids.

    Raises:
        DataError: If a file is missing, or at the first row that is not so.
    """

    def read() -> Iterator[Case]:
        for subject in SUBJECTS:
            for where, cells in read_table(folder / f"{subject}_test.csv"):
                with at(where):
                    yield _make_case(cells, subject, source)

    return number_repeats(read())


def _make_case(cells: list[str], subject: str, source: str) -> Case:
    if len(cells) != 6:
        raise DataError(f"{len(cells)} columns, expected 6: question, A, B, C, D, key.")
    question, *texts, key = cells
    options = letter_options(texts)
    return Case(
        id=f"{source}/{hash_content('', question, options)}",
        kind="exam",
        question=question,
        options=options,
        answer=key,
        tags=Tags(topic=subject),
        licence=LICENCE,
    )
