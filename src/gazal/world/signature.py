"""The split that a truth belongs to, worked out from the truth alone."""

from gazal.core.truth import (
    DiagnosisTruth,
    PrognosisTruth,
    RecallTruth,
    TreatmentTruth,
    Truth,
    UncertaintyTruth,
)
from gazal.world.draft import Split, find_split
from gazal.world.kinds import diagnosis, prognosis, recall, treatment, uncertainty
from gazal.world.text import Patient


def sign_case(truth: Truth) -> Split:
    """Find the split that cases with this truth are in."""
    match truth:
        case DiagnosisTruth():
            signature = diagnosis.sign(tuple(truth.candidates.values()))
        case TreatmentTruth():
            patient = Patient(truth.age, truth.sex)
            signature = treatment.sign(truth.problem, tuple(truth.candidates.values()), patient)
        case UncertaintyTruth():
            signature = uncertainty.sign(truth.form, truth.test, Patient(truth.age, truth.sex))
        case PrognosisTruth():
            signature = prognosis.sign(truth.score, Patient(truth.age, truth.sex))
        case RecallTruth():
            signature = recall.sign(truth.relation, truth.subject)
    return find_split(signature)
