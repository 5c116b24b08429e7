"""MedMCQA: questions of Indian medical entrance examinations, 4 options each.

The key ``cop`` counts from 1 in the authors' files; other public copies count from 0 and are refused. In 21
of the 4,183 dev rows two options have the same text, and in 4 of them it is the keyed one, so that another
letter says the same. They are part of the published set and are kept. ``exp`` often quotes textbooks and is
not read; neither is ``choice_type``, which published figures do not tell apart.
"""

import re
from pathlib import Path

from gazal.cases.rows import (
    Row,
    at,
    letter_options,
    number_repeats,
    read_rows,
    refuse_repeats,
    split_prompt,
    take,
)
from gazal.core.case import LETTERS, Case, Tags, hash_content
from gazal.errors import DataError

LICENCE = "MIT"
_OUTPUT = re.compile(r"Answer: \(([A-D])\)")


def read_medmcqa(path: Path, *, source: str) -> list[Case]:
    """Read the authors' form: opa to opd, and cop from 1 to 4.

    Args:
        path: JSON lines.
        source: ``<suite>/<split>``, the start of the ids.

    Raises:
        DataError: At the first row that is not so.
    """
    cases: list[Case] = []
    for where, row in read_rows(path):
        with at(where):
            cases.append(_make_case(row, source))
    return refuse_repeats(cases, path)


def read_medmcqa_prompts(path: Path, *, source: str) -> list[Case]:
    """Read the form of instruction tuning: stem and options in one text, ``Answer: (A)`` as output.

    Raises:
        DataError: At the first row that is not so.
    """
    cases: list[Case] = []
    for where, row in read_rows(path):
        with at(where):
            cases.append(_make_case_from_prompt(take(row, "instances", dict), source))
    return number_repeats(cases)


def _make_case(row: Row, source: str) -> Case:
    cop = take(row, "cop", int)
    if not 1 <= cop <= 4:
        raise DataError(
            f"cop is {cop}; it must be 1 to 4, 1 for opa. Copies that count from 0 are another version: "
            "use the authors' file."
        )
    return Case(
        id=f"{source}/{take(row, 'id', str)}",
        kind="exam",
        question=take(row, "question", str),
        options=letter_options([take(row, f"op{letter}", str) for letter in "abcd"], repeats=True),
        answer=LETTERS[cop - 1],
        tags=Tags(topic=take(row, "subject_name", str)),
        licence=LICENCE,
    )


def _make_case_from_prompt(pair: Row, source: str) -> Case:
    question, texts = split_prompt(take(pair, "input", str), "QUESTION: ")
    options = letter_options(texts, n=4, repeats=True)
    output = take(pair, "output", str)
    match = _OUTPUT.fullmatch(output)
    if match is None:
        raise DataError(f"output is {output!r:.60}, expected 'Answer: (A)' with a letter A to D.")
    return Case(
        id=f"{source}/{hash_content('', question, options)}",
        kind="exam",
        question=question,
        options=options,
        answer=match[1],
        licence=LICENCE,
    )
