"""Replies under two protocols: what was boxed, and what was committed to in any of the usual ways."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gazal.core.case import Case
from gazal.core.chat import ABSTENTION
from gazal.core.pairs import find_pairs
from gazal.core.score import Score
from gazal.core.trace import Trace
from gazal.evaluate.counted import find_counted
from gazal.score.answer import judge_answer
from gazal.score.choice import read_choice
from gazal.score.commitment import SEVERAL, judge_leniently, read_commitment
from gazal.score.tally import UNPARSED, find_wilson

PROTOCOLS: Mapping[str, Callable[[Case, Trace], Score]] = {"strict": judge_answer, "lenient": judge_leniently}
"""``strict`` is the judge that rewards and gates; ``lenient`` also reads what that leaves unread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one protocol makes of the replies of one model. Shares are between 0 and 1."""

    n: int
    right: int
    accuracy: float
    """``right / n``: whatever is not right counts as not right."""
    ci95: tuple[float, float]
    """Wilson interval of the accuracy."""
    wrong: float
    abstained: float
    unparsed: float
    """Share of replies that commit to no option, or to several."""
    truncated: float
    failed: float
    agreement: Mapping[str, int]
    """Of replies that commit and come with a recorded answer: ``n``, and how often it is the ``same``."""
    disagreements: Sequence[Mapping[str, str]]
    """Where it is not: ``case_id``, what was ``read`` here, what is ``recorded``, ``key`` and ``text``."""


def weigh_protocols(cases: Sequence[Case], traces: Sequence[Trace]) -> dict[str, Outcome]:
    """Judge replies to one suite by each protocol.

    Args:
        cases: What was asked.
        traces: One reply to a case; those to cases that accuracy is not over are left out.
    """
    counted = {case.id: case for case in find_counted(cases, find_pairs(cases))}
    mine = [(counted[trace.case_id], trace) for trace in traces if trace.case_id in counted]
    return {name: _weigh(mine, judge, name) for name, judge in PROTOCOLS.items()} if mine else {}


def read_protocol(name: str, case: Case, trace: Trace) -> str | None:
    """The option that a reply commits to under a protocol; None where to none, or there are no options."""
    if not case.options or trace.stop == "error":
        return None
    boxed = None if trace.answer is None else read_choice(trace.answer, case.options)
    found = boxed or (read_commitment(trace.text, case.options) if name == "lenient" else None)
    return None if found in (SEVERAL, ABSTENTION) else found


def _weigh(
    replies: Sequence[tuple[Case, Trace]], judge: Callable[[Case, Trace], Score], name: str
) -> Outcome:
    why = Counter(judge(case, trace).why for case, trace in replies)
    n, right = len(replies), why["right"]
    recorded = [
        (case, trace, read, read_choice(trace.pred, case.options))
        for case, trace in replies
        if trace.pred is not None and (read := read_protocol(name, case, trace)) is not None
    ]
    differing = [
        {
            "case_id": case.id,
            "read": read,
            "recorded": trace.pred or "",
            "key": case.answer,
            "text": trace.text,
        }
        for case, trace, read, pred in recorded
        if read != pred
    ]
    return Outcome(
        n=n,
        right=right,
        accuracy=right / n,
        ci95=find_wilson(right, n),
        wrong=why["wrong"] / n,
        abstained=why["abstained"] / n,
        unparsed=sum(why[reason] for reason in (*UNPARSED, SEVERAL)) / n,
        truncated=why["truncated"] / n,
        failed=why["engine_error"] / n,
        agreement={"n": len(recorded), "same": len(recorded) - len(differing)},
        disagreements=differing,
    )
