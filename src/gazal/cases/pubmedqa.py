"""PubMedQA PQA-L: does the abstract of a study answer its title with yes, no or maybe?

A score over all 1,000 rows is not the published figure: that is over the 500 ids of
``test_ground_truth.json``, the other 500 are for training. The long answer is the study's own conclusion and
gives the key away; it is not read.
"""

from pathlib import Path
from typing import Any

from gazal.cases.rows import at, read_json, take
from gazal.core.case import Case
from gazal.errors import DataError

LICENCE = "MIT"
ROWS, TRUTH = "ori_pqal.json", "test_ground_truth.json"
OPTIONS = {"A": "yes", "B": "no", "C": "maybe"}
_LETTER = {text: letter for letter, text in OPTIONS.items()}

_UNLISTED = object()
"""Stands for the key of a row that the test set does not list."""


def read_pubmedqa(folder: Path, *, source: str, test: bool) -> list[Case]:
    """Read the test half, or the other half, in the order of ``ori_pqal.json``.

    Args:
        folder: Holds ``ori_pqal.json`` and ``test_ground_truth.json``.
        source: ``<suite>/<split>``, the start of the ids.
        test: Whether to keep the rows that ``test_ground_truth.json`` lists, or those that it does not.

    Raises:
        DataError: If a row is not as published, a listed id is missing, or the two files disagree on a key.
    """
    rows, truth = _read_object(folder / ROWS), _read_object(folder / TRUTH)
    if missing := sorted(set(truth) - set(rows)):
        raise DataError(
            f"{folder / TRUTH}: {len(missing)} of its {len(truth)} ids are not in {ROWS}, such as "
            f"{missing[0]}. {ROWS} is cut off or another version: fetch it again."
        )
    cases: list[Case] = []
    for pmid, row in rows.items():
        with at(f"{folder / ROWS}, id {pmid}"):
            key = _read_key(row, truth.get(pmid, _UNLISTED))
            if (pmid in truth) == test:
                cases.append(_make_case(f"{source}/{pmid}", row, key))
    return cases


def _read_key(row: object, listed: object) -> str:
    """The letter of a row's decision, which must be the listed one where one is listed."""
    if not isinstance(row, dict):
        raise DataError(f"expected a JSON object, found {type(row).__name__}.")
    decision = take(row, "final_decision", str)
    if decision not in _LETTER:
        raise DataError(f"final_decision is {decision!r}; it must be yes, no or maybe.")
    if listed is not _UNLISTED and listed != decision:
        raise DataError(
            f"final_decision is {decision!r}, but {TRUTH} says {listed!r}. Fetch both files again."
        )
    return _LETTER[decision]


def _make_case(id: str, row: dict[str, Any], key: str) -> Case:
    return Case(
        id=id,
        kind="abstract",
        context=_write_abstract(row),
        question=take(row, "QUESTION", str),
        options=dict(OPTIONS),
        answer=key,
        licence=LICENCE,
    )


def _write_abstract(row: dict[str, Any]) -> str:
    """``LABEL: paragraph``, one a line."""
    labels, paragraphs = take(row, "LABELS", list), take(row, "CONTEXTS", list)
    if not paragraphs or len(labels) != len(paragraphs):
        raise DataError(f"{len(labels)} LABELS for {len(paragraphs)} CONTEXTS; each paragraph has its label.")
    if not all(isinstance(part, str) and part.strip() for part in (*labels, *paragraphs)):
        raise DataError("a label or paragraph of the abstract is blank or no text.")
    return "\n".join(f"{label}: {paragraph}" for label, paragraph in zip(labels, paragraphs, strict=True))


def _read_object(path: Path) -> dict[str, Any]:
    value = read_json(path)
    if not isinstance(value, dict):
        raise DataError(f"{path}: expected a JSON object by id, found {type(value).__name__}.")
    return value
