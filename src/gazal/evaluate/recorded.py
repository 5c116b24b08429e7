"""Grade replies that were recorded elsewhere, by the same judges."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gazal.cases.recorded import read_recorded
from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.evaluate.results import summarise
from gazal.score.choice import read_choice
from gazal.score.commitment import SEVERAL, judge_leniently
from gazal.score.tally import UNPARSED
from gazal.world.faults import refuse_faulty

END = 60
"""So many last characters of an unparsed reply are shown."""


def grade(files: Sequence[Path], cases: list[Case]) -> dict[str, Any]:
    """Grade files of replies to the same cases, as JSON values.

    Args:
        files: As `read_recorded` takes them, one for each model.
        cases: What was asked.

    Returns:
        What `summarise` gives; ``without_reply``, how many cases each file leaves out; ``recorded``, how
        often the answers are right that others read out of the replies (never used to judge them), where a
        file has such; and ``unparsed``, every reply that commits to no option in any of the usual ways.

    Raises:
        DataError: A file cannot be read, or a world case does not hold against its own text.
    """
    refuse_faulty(cases)
    replies: dict[str, list[Trace]] = {}
    for path in files:
        replies[path.stem if path.stem not in replies else str(path)] = read_recorded(path, cases)
    by_id = {case.id: case for case in cases}
    whole = summarise(cases, replies, {}, None)
    whole["without_reply"] = {
        name: len(cases) - len({trace.case_id for trace in traces}) for name, traces in replies.items()
    }
    whole["recorded"] = {
        name: found for name, traces in replies.items() if (found := _count_recorded(by_id, traces))
    }
    whole["unparsed"] = {name: list(_list_unparsed(by_id, traces)) for name, traces in replies.items()}
    return whole


def _count_recorded(cases: dict[str, Case], traces: Sequence[Trace]) -> dict[str, int]:
    read = [
        read_choice(trace.pred, cases[trace.case_id].options) == cases[trace.case_id].answer
        for trace in traces
        if trace.pred is not None
    ]
    return {"n": len(read), "right": sum(read)} if read else {}


def _list_unparsed(cases: dict[str, Case], traces: Sequence[Trace]) -> Iterator[dict[str, Any]]:
    for trace in traces:
        why = judge_leniently(cases[trace.case_id], trace).why
        if why in UNPARSED or why == SEVERAL:
            end = trace.text.strip()[-END:]
            yield {"case_id": trace.case_id, "why": why, "recorded": trace.pred, "end": end}
