"""Diagnosis cases: the posterior by plain enumeration over all conditions."""

from collections.abc import Iterable

from gazal.core.case import Case
from gazal.core.truth import DiagnosisTruth, Truth
from gazal.errors import DataError
from gazal.world.kinds import diagnosis
from gazal.world.kinds.vignettes import MARGIN
from gazal.world.knowledge import Knowledge
from gazal.world.posterior import KEPT
from gazal.world.records import AGE_BANDS
from gazal.world.reread.words import (
    find_letter,
    find_name,
    list_phrases,
    name_sex,
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
    present = list_phrases("findings", "present")
    shown = {
        find_name(
            present, phrase, f"{group} finding", lambda f, g=group: knowledge.findings[f].group == g
        ): phrase
        for group in ("symptom", "history", "sign")
        for phrase in read_items(listed[group])
    }
    absent = list_phrases("findings", "absent")
    denied = {find_name(absent, phrase, "denied finding"): phrase for phrase in read_items(listed["denied"])}
    candidates = read_options(case, {c.name: name for name, c in knowledge.conditions.items()})
    posterior = _enumerate(knowledge, patient, shown, denied)
    ranked = sorted(posterior, key=lambda name: -posterior[name])
    if posterior[ranked[0]] < MARGIN * posterior[ranked[1]] * (1 - 1e-9):
        raise DataError(f"key: {ranked[0]} does not lead {ranked[1]} by the margin")
    truth = DiagnosisTruth(
        age=patient.age,
        sex=name_sex(patient),
        shown=shown,
        denied=denied,
        candidates=candidates,
        posterior={
            name: round(p, 6) for name, p in posterior.items() if p > KEPT or name in candidates.values()
        },
    )
    return truth, find_letter(candidates, ranked[0])


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
