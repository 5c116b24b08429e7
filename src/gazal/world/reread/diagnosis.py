"""Diagnosis cases: the posterior by plain enumeration over all conditions."""

from collections.abc import Iterable, Mapping
from typing import Literal

from gazal.core.case import Case
from gazal.core.truth import DiagnosisTruth, Truth
from gazal.errors import DataError
from gazal.world.kinds import diagnosis
from gazal.world.kinds.vignettes import LEAST, MARGIN
from gazal.world.knowledge import Knowledge
from gazal.world.posterior import KEPT
from gazal.world.records import AGE_BANDS
from gazal.world.reread.words import (
    find_letter,
    find_name,
    list_finding_phrases,
    read_items,
    read_options,
    read_whole_patient,
    take,
    take_last,
)
from gazal.world.text import Patient, match_sentence


def reread_diagnosis(knowledge: Knowledge, case: Case) -> tuple[Truth, str]:
    """Work out the truth and key of a diagnosis case from its text."""
    fields, rest = take(diagnosis.COMPLAINT, case.question, "complaint")
    patient = read_whole_patient(fields["patient"])
    listed = {"symptom": fields["items"], "history": "", "sign": "", "denied": ""}
    for group, templates in (
        ("history", diagnosis.HISTORY),
        ("sign", diagnosis.SIGNS),
        ("denied", diagnosis.DENIED),
    ):
        found = match_sentence(templates, rest)
        if found:
            listed[group], rest = found[0]["items"], found[1]
    take_last(diagnosis.ASK, rest)
    shown = _read_findings(knowledge, patient, listed, ("symptom", "history", "sign"), "present")
    denied = _read_findings(knowledge, patient, listed, ("denied",), "absent")
    _check_together(knowledge, {*shown, *denied}, len(shown) + len(denied))
    candidates = read_options(case, {c.name: name for name, c in knowledge.conditions.items()})
    posterior = _enumerate(knowledge, patient, shown, denied)
    ranked = sorted(posterior, key=lambda name: -posterior[name])
    if posterior[ranked[0]] < MARGIN * posterior[ranked[1]] * (1 - 1e-9):
        raise DataError(f"key: {ranked[0]} does not lead {ranked[1]} by the margin")
    if posterior[ranked[0]] < LEAST * (1 - 1e-9):
        raise DataError(f"key: {ranked[0]} has a probability of only {posterior[ranked[0]]:.3f}")
    truth = DiagnosisTruth(
        age=patient.age,
        sex=patient.sex,
        shown=shown,
        denied=denied,
        candidates=candidates,
        posterior={
            name: round(p, 6) for name, p in posterior.items() if p > KEPT or name in candidates.values()
        },
    )
    return truth, find_letter(candidates, ranked[0])


def _read_findings(
    knowledge: Knowledge,
    patient: Patient,
    listed: Mapping[str, str],
    groups: tuple[str, ...],
    polarity: Literal["present", "absent"],
) -> dict[str, str]:
    """Finding to phrase; refuses what stands in the wrong sentence or cannot be said of the patient."""
    phrases, found = list_finding_phrases(polarity), {}
    for group in groups:
        for phrase in read_items(listed[group]):
            name = find_name(phrases, phrase, f"{group} finding")
            finding = knowledge.findings[name]
            if group not in ("denied", finding.group) or name in found:
                raise DataError(f"text: {phrase!r} stands in the wrong place")
            if finding.sex not in (None, patient.sex) or not finding.age[0] <= patient.age <= finding.age[1]:
                raise DataError(f"text: {phrase!r} is not said of such a patient")
            found[name] = phrase
    return found


def _check_together(knowledge: Knowledge, mentioned: set[str], n: int) -> None:
    if len(mentioned) != n:
        raise DataError("text: a finding is both shown and denied")
    for name in sorted(mentioned):
        for other in knowledge.findings[name].apart:
            if other in mentioned:
                raise DataError(f"text: {name} and {other} do not go together")


def _enumerate(
    knowledge: Knowledge, patient: Patient, shown: Iterable[str], denied: Iterable[str]
) -> dict[str, float]:
    """The posterior, condition by condition, by multiplying probabilities."""
    joint: dict[str, float] = {}
    for name, condition in knowledge.conditions.items():
        share = 0.0
        for band, weight in condition.age.items():
            first, last = AGE_BANDS[band]
            if first <= patient.age <= last:
                share = weight / sum(condition.age.values())
        p = condition.weight * share * (condition.female if patient.sex == "female" else 1 - condition.female)
        for finding in shown:
            p *= knowledge.likelihood(finding, name)
        for finding in denied:
            p *= 1 - knowledge.likelihood(finding, name)
        joint[name] = p
    total = sum(joint.values())
    if not total:
        raise DataError("text: no condition of the world fits such a patient")
    return {name: p / total for name, p in joint.items()}
