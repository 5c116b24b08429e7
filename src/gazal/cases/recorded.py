"""Replies that others recorded: our own ``replies.jsonl``, or the output files of MMLU-Pro's evaluation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gazal.core.case import Case
from gazal.core.store import read_objects, read_traces
from gazal.core.trace import Trace
from gazal.errors import DataError

ID, TEXT, PRED = "question_id", "model_outputs", "pred"


def read_recorded(path: Path, cases: Sequence[Case]) -> list[Trace]:
    """Read recorded replies to cases.

    Args:
        path: JSON lines with ``case_id`` and ``text``, or with ``question_id`` and ``model_outputs`` as
            MMLU-Pro's evaluation writes them. Those are matched by the last part of the case's id.
        cases: What was asked.

    Raises:
        DataError: At the first line that is not so, or that replies to no case or to one a second time.
    """
    _, first = next(read_objects(path))
    if "case_id" in first or ID not in first:
        return read_traces(path)
    by_key = {case.id.rpartition("/")[2]: case.id for case in cases}
    traces: dict[str, Trace] = {}
    for number, row in read_objects(path):
        where = f"{path}, line {number}"
        case_id = by_key.get(str(row.get(ID)))
        if case_id is None:
            raise DataError(
                f"{where}: {ID} {row.get(ID)!r} is not among the {len(cases)} cases. Give the cases that the "
                "replies were written for."
            )
        if case_id in traces:
            raise DataError(f"{where}: a second reply to {ID} {row[ID]}. Keep one.")
        traces[case_id] = Trace(
            case_id=case_id, text=_take(row, TEXT, where) or "", pred=_take(row, PRED, where)
        )
    return list(traces.values())


def _take(row: dict[str, Any], name: str, where: str) -> str | None:
    """A text, or None where the model gave none."""
    value = row.get(name)
    if name not in row and name == TEXT:
        raise DataError(f"{where}: not a reply: it has no {TEXT!r}.")
    if value is not None and not isinstance(value, str):
        raise DataError(f"{where}: not a reply: {name} is {value!r:.60}.")
    return value
