"""The truth of a case as a person reads it: what was shown and denied, and what follows."""

from collections.abc import Iterator
from dataclasses import dataclass

from gazal.core.case import Case
from gazal.core.truth import (
    DiagnosisTruth,
    PrognosisTruth,
    RecallTruth,
    TreatmentTruth,
    UncertaintyTruth,
)
from gazal.world.kinds.decisions import write_share
from gazal.world.kinds.prognosis import write_item, write_number
from gazal.world.kinds.recall import build_relations
from gazal.world.knowledge import load_knowledge

Row = tuple[str, str]
"""A label and what there is to say."""
MOST_BARS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How probable one explanation is."""

    label: str
    share: float
    """Between 0 and 1."""
    is_key: bool


def describe_truth(case: Case) -> list[Row]:
    """What a case was made from; empty where it carries no truth.

    The names come from the knowledge that is installed: with another version some may be missing.
    """
    match case.truth:
        case DiagnosisTruth() as truth:
            rows = _describe_diagnosis(truth)
        case TreatmentTruth() as truth:
            rows = _describe_treatment(truth)
        case UncertaintyTruth() as truth:
            rows = _describe_uncertainty(truth)
        case PrognosisTruth() as truth:
            rows = _describe_prognosis(truth)
        case RecallTruth() as truth:
            rows = _describe_recall(truth)
        case None:
            return []
    if truth.twin is None:
        return list(rows)
    change = truth.twin.change.replace("_", " ").replace("->", "\u2192")
    return [*rows, ("Twin", f"{change} ({truth.twin.id})")]


def list_bars(case: Case) -> list[Bar]:
    """The posterior of a diagnosis, the most probable first; empty for other kinds."""
    truth = case.truth
    if not isinstance(truth, DiagnosisTruth):
        return []
    letters = {condition: letter for letter, condition in truth.candidates.items()}
    ranked = sorted(truth.posterior.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [pair for n, pair in enumerate(ranked) if n < MOST_BARS or pair[0] in letters]
    return [
        Bar(
            label=f"{_condition(name)} ({letters[name]})" if name in letters else _condition(name),
            share=p,
            is_key=letters.get(name) == case.answer,
        )
        for name, p in shown
    ]


def _describe_diagnosis(truth: DiagnosisTruth) -> Iterator[Row]:
    yield "Patient", f"{truth.sex}, {truth.age} years"
    yield "Shown", "; ".join(truth.shown.values()) or "nothing"
    yield "Denied", "; ".join(truth.denied.values()) or "nothing"


def _describe_treatment(truth: TreatmentTruth) -> Iterator[Row]:
    knowledge = load_knowledge()
    problem, age = knowledge.treatments.get(truth.problem), f"age {truth.age}"
    yield "Patient", f"{truth.sex}, {truth.age} years, {problem.name if problem else truth.problem}"
    yield "Facts", "; ".join(truth.facts.values()) or "none"
    yield "Choices", "in order of preference; the first that nothing forbids is right"
    for number, (drug, reasons) in enumerate(truth.forbidden.items(), 1):
        known = knowledge.drugs.get(drug)
        why = ", ".join(truth.facts.get(reason, age) for reason in reasons)
        name = known.name if known else drug
        yield f"{number}. {name}", f"ruled out: {why}" if reasons else "nothing forbids it"


def _describe_uncertainty(truth: UncertaintyTruth) -> Iterator[Row]:
    test = load_knowledge().tests.get(truth.test)
    yield "Test", f"{test.name if test else truth.test}, for {_condition(test.condition) if test else '?'}"
    yield "Before the test", write_share(truth.pretest)
    if truth.other_pretest is not None:
        yield "Also named", f"{write_share(truth.other_pretest)}, which does not apply"
    yield "Result", f"{truth.result} ({'positive' if truth.positive else 'negative'})"
    told = "stated" if truth.stated else "not stated, to be known"
    shares = f"{write_share(truth.sensitivity)}, specificity {write_share(truth.specificity)}"
    yield "Sensitivity", f"{shares} ({told})"
    yield "After the test", write_share(truth.posttest)
    if truth.test_below is not None and truth.treat_above is not None:
        low, high = write_share(truth.test_below), write_share(truth.treat_above)
        yield "Thresholds", f"test from {low}, treat from {high}"


def _describe_prognosis(truth: PrognosisTruth) -> Iterator[Row]:
    score = load_knowledge().scores.get(truth.score)
    yield "Score", score.name if score else truth.score
    yield "Patient", f"{truth.sex}, {truth.age} years"
    for name, points in truth.points.items():
        item = score.items.get(name) if score else None
        value = truth.values.get(name)
        said = write_item(item, value) if item and value is not None else value or name
        yield item.label if item else name, f"{said}: {write_number(points)}"
    yield "Sum", f"{write_number(truth.total)}: {truth.risk_class}"


def _describe_recall(truth: RecallTruth) -> Iterator[Row]:
    relation = build_relations().get(truth.relation)
    if relation and truth.subject in relation.subjects and truth.object in relation.objects:
        fact = relation.tell.format(
            subject=relation.subjects[truth.subject], object=relation.objects[truth.object]
        )
    else:
        fact = f"{truth.relation}({truth.subject}) = {truth.object}"
    yield "Fact", fact


def _condition(name: str) -> str:
    known = load_knowledge().conditions.get(name)
    return known.name if known else name
