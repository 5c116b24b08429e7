"""From single scores to what a person reads: accuracy by kind with interval and floor, and every reason."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

from gazal.core.case import Case
from gazal.core.score import Verdict
from gazal.core.trace import Trace
from gazal.errors import DataError
from gazal.score.table import JUDGES
from gazal.world.floors import load_floors

UNPARSED = frozenset({"no_box", "many_boxes", "unparsed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a set of replies came to. Shares are between 0 and 1."""

    n: int
    right: int
    accuracy: float
    """``right / n``: abstained, unparsed and truncated replies count as not right."""
    ci95: tuple[float, float]
    """Wilson interval of the accuracy."""
    floor: float | None
    """Accuracy from the options alone, for a kind of world case; None elsewhere."""
    abstained: float
    unparsed: float
    truncated: float
    failed: float
    """Share of replies that the engine did not deliver; they count as not right."""
    format_ok: float
    """Share of replies with every rule of the format kept."""
    steps_supported: float | None
    """Share of reasoning steps that the truth supports; None where no case has one, or no reply a step."""
    reward: float | None
    """Mean of the composed totals; None where nothing was composed."""
    reasons: Mapping[str, Mapping[str, int]]
    """Judge to reason to how often."""


def judge_plainly(case: Case, trace: Trace) -> Verdict:
    """Judge a trace with every judge that needs nothing else; its scores are not composed."""
    scores = {name: judge(case, trace) for name, judge in JUDGES.items()}
    return Verdict(case_id=case.id, sample=trace.sample, scores=scores)


def judge_all(
    cases: Iterable[Case],
    traces: Iterable[Trace],
    judge: Callable[[Case, Trace], Verdict] = judge_plainly,
) -> list[tuple[Case, Verdict]]:
    """Judge every trace.

    Args:
        cases: Those that the traces reply to.
        traces: The replies.
        judge: What judges one, such as `gazal.score.compose.compose` with a reward.

    Raises:
        DataError: If a trace replies to a case that is not there.
    """
    by_id = {case.id: case for case in cases}
    judged = []
    for trace in traces:
        if trace.case_id not in by_id:
            raise DataError(
                f"a reply names case {trace.case_id!r}, which is not among the {len(by_id)} cases. "
                "Score replies with the file of cases that they were written for."
            )
        case = by_id[trace.case_id]
        judged.append((case, judge(case, trace)))
    return judged


def tally_kinds(judged: Sequence[tuple[Case, Verdict]]) -> dict[str, Tally]:
    """Tally by kind in the order of first appearance, then ``all`` where there are several."""
    kinds = dict.fromkeys(case.kind for case, _ in judged)
    tallies: dict[str, Tally] = {
        kind: tally([v for case, v in judged if case.kind == kind], find_floor(kind)) for kind in kinds
    }
    return tallies if len(kinds) == 1 else {**tallies, "all": tally([v for _, v in judged], None)}


def tally(verdicts: Sequence[Verdict], floor: float | None) -> Tally:
    """Count what a set of verdicts came to.

    Raises:
        DataError: If there is none.
    """
    if not verdicts:
        raise DataError("no replies to score.")
    judges, n = verdicts[0].scores, len(verdicts)
    reasons = {judge: Counter(v.scores[judge].why for v in verdicts) for judge in judges}
    totals = [v.total for v in verdicts if v.total is not None]
    answers = reasons["answer"]
    steps = [step.support for v in verdicts for step in v.scores["grounding"].steps]
    return Tally(
        n=n,
        right=answers["right"],
        accuracy=answers["right"] / n,
        ci95=find_wilson(answers["right"], n),
        floor=floor,
        abstained=answers["abstained"] / n,
        unparsed=sum(answers[why] for why in UNPARSED) / n,
        truncated=answers["truncated"] / n,
        failed=answers["engine_error"] / n,
        format_ok=reasons["format"]["well_formed"] / n,
        steps_supported=steps.count("supported") / len(steps) if steps else None,
        reward=sum(totals) / len(totals) if totals else None,
        reasons={judge: dict(counts.most_common()) for judge, counts in reasons.items()},
    )


def find_wilson(right: int, n: int) -> tuple[float, float]:
    """95 % Wilson interval of ``right`` out of ``n``, which is at least 1."""
    interval = binomtest(right, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def find_floor(kind: str) -> float | None:
    """Accuracy from the options alone for a kind of world case; None for other kinds."""
    floors = load_floors()[1]
    return floors[kind].accuracy if kind in floors else None
