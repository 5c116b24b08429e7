"""Does each reasoning step follow the computation that the case calls for?

Where `grounding` asks whether what is cited stands in the case, this judge works the case out again: how
frequent each finding is under each option and what the best one's posterior is; which drug comes next and
what forbids it; shares, sums, the quotient and the thresholds; points, running sums and the class; the fact.
A computation that is right but said twice counts once, so saying more earns nothing.
"""

from collections.abc import Iterator, Mapping, Sequence

from gazal.core.case import Case
from gazal.core.score import Score, StepScore
from gazal.core.trace import Trace
from gazal.core.truth import DiagnosisTruth, PrognosisTruth, RecallTruth, TreatmentTruth, UncertaintyTruth
from gazal.score.facts import gather_facts
from gazal.score.steps import MOST_STEPS, mark_unread
from gazal.score.work import diagnosis, prognosis, recall, treatment, uncertainty
from gazal.score.work.check import Check, check_choice

_LONGEST = 2000
"""Characters of a step that are read."""


def judge_process(case: Case, trace: Trace) -> Score:
    """Score the computations of a reply to a world case.

    Returns:
        F1 of the computations that hold (precision) and of those that the case calls for (recall), minus the
        share of computing steps with one that does not hold: 1.0 ``sound`` at best. Below it ``miscomputed``,
        or ``incomplete`` where all that was computed holds; -1.0 ``no_steps`` or ``nothing_computed``; None
        ``no_truth`` for cases without truth, or ``engine_error``.
    """
    if case.truth is None or trace.stop == "error":
        return Score(value=None, why="no_truth" if case.truth is None else "engine_error")
    steps = trace.steps[:MOST_STEPS]
    if not steps:
        return Score(value=-1.0, why="no_steps")
    seen: set[str] = set()
    found = [_drop_repeated(list(checks), seen) for checks in _check_steps(case, steps)]
    read = [_judge_step(checks, n_stated) for checks, n_stated in found]
    scores = mark_unread(read, len(trace.steps))
    every = [check for checks, _ in found for check in checks]
    if not every:
        return Score(value=-1.0, why="nothing_computed", steps=scores)
    right = [check for check in every if check.holds]
    precision, recall_ = len(right) / len(every), _find_recall(right, list_needed(case))
    f1 = 2.0 * precision * recall_ / (precision + recall_) if precision + recall_ else 0.0
    # Of steps that compute something: others would dilute what is wrong.
    wrong_steps = sum(score.support == "contradicted" for score in read) / sum(bool(c) for c, _ in found)
    why = "miscomputed" if len(right) < len(every) else "sound" if recall_ == 1.0 else "incomplete"
    return Score(value=max(-1.0, f1 - wrong_steps), why=why, steps=scores)


def find_checks(case: Case, trace: Trace) -> list[list[Check]]:
    """The computations of each step, as `judge_process` counts them; empty for cases without truth."""
    if case.truth is None or trace.stop == "error":
        return []
    seen: set[str] = set()
    return [_drop_repeated(list(found), seen)[0] for found in _check_steps(case, trace.steps[:MOST_STEPS])]


def differ(case: Case, traces: Sequence[Trace]) -> bool:
    """Whether some computation holds in one reply and not in another, or is told because it is wrong."""
    held: dict[str, set[bool]] = {}
    for trace in traces:
        for check in (check for checks in find_checks(case, trace) for check in checks if check.at):
            if check.silent:
                return True
            held.setdefault(check.name, set()).add(check.holds)
    return any(len(values) > 1 for values in held.values())


def list_needed(case: Case) -> Mapping[str, int]:
    """The computations that a case calls for, by name, and how many of each."""
    match case.truth:
        case DiagnosisTruth() as truth:
            return diagnosis.list_needed(case, truth)
        case TreatmentTruth() as truth:
            return treatment.list_needed(truth)
        case UncertaintyTruth() as truth:
            return uncertainty.list_needed(truth)
        case PrognosisTruth() as truth:
            return prognosis.list_needed(truth)
        case _:
            return recall.list_needed()


def _check_steps(case: Case, steps: Sequence[str]) -> Iterator[Iterator[Check]]:
    """The checks of each step, in order; some kinds remember how far the steps before have come."""
    assert case.truth is not None
    facts, running, place = gather_facts(case, case.truth), prognosis.Running(), treatment.Place()
    items = prognosis.name_items(case.truth) if isinstance(case.truth, PrognosisTruth) else {}
    for whole in steps:
        step = whole[:_LONGEST]
        match case.truth:
            case DiagnosisTruth() as truth:
                yield _chain(diagnosis.check_step(truth, facts, step), check_choice(case, step))
            case TreatmentTruth() as truth:
                yield _chain(treatment.check_step(truth, facts, step, place), check_choice(case, step))
            case UncertaintyTruth() as truth:
                yield _chain(uncertainty.check_step(truth, step), check_choice(case, step))
            case PrognosisTruth() as truth:
                yield _chain(prognosis.check_step(truth, items, step, running), check_choice(case, step))
            case RecallTruth() as truth:
                yield _chain(recall.check_step(case, truth, step), check_choice(case, step))


def _chain(*parts: Iterator[Check]) -> Iterator[Check]:
    for part in parts:
        yield from part


def _drop_repeated(checks: list[Check], seen: set[str]) -> tuple[list[Check], int]:
    """What was not computed before, and how much was stated in all; what is wrong stays each time."""
    new = [check for n, check in enumerate(checks) if not check.holds or _is_new(check, checks[:n], seen)]
    seen |= {check.name for check in new if check.holds}
    return new, len(checks)


def _is_new(check: Check, before: Sequence[Check], seen: set[str]) -> bool:
    return check.name not in seen and all(b.name != check.name for b in before)


def _judge_step(checks: Sequence[Check], n_stated: int) -> StepScore:
    wrong = next((check for check in checks if not check.holds), None)
    if wrong is not None:
        return StepScore(support="contradicted", why=wrong.why)
    if checks:
        n = len(checks)
        return StepScore(
            support="supported", why=f"{n} computations hold" if n > 1 else "1 computation holds"
        )
    return StepScore(support="unknown", why="said before" if n_stated else "nothing computed")


def _find_recall(right: Sequence[Check], needed: Mapping[str, int]) -> float:
    """Share of the needed computations that were made; ``under X: finding`` counts for ``under X``."""
    made: dict[str, int] = {}
    for check in right:
        name = check.name.partition(": ")[0]
        made[name] = made.get(name, 0) + 1
    return sum(min(made.get(name, 0), n) for name, n in needed.items()) / sum(needed.values())
