"""Recall cases: the fact looked up in the knowledge itself."""

from gazal.core.case import Case
from gazal.core.truth import RecallTruth, Truth
from gazal.errors import DataError
from gazal.world.kinds import recall
from gazal.world.knowledge import Knowledge
from gazal.world.reread.words import find_letter, find_name, read_options
from gazal.world.text import match_sentence


def reread_recall(knowledge: Knowledge, case: Case) -> tuple[Truth, str]:
    """Work out the truth and key of a recall case from its text."""
    for name, relation in recall.build_relations().items():
        found = match_sentence(relation.ask, case.question)
        if not found or found[1]:
            continue
        subject = find_name(
            {text: key for key, text in relation.subjects.items()}, found[0]["subject"], "subject"
        )
        candidates = read_options(case, {text: key for key, text in relation.objects.items()})
        right = [c for c in candidates.values() if is_fact(knowledge, name, subject, c)]
        if len(right) != 1:
            raise DataError(f"key: {len(right)} options are right")
        truth = RecallTruth(relation=name, subject=subject, object=right[0], candidates=candidates)
        return truth, find_letter(candidates, right[0])
    raise DataError("text: it asks for nothing that the world knows")


def is_fact(knowledge: Knowledge, relation: str, subject: str, candidate: str) -> bool:
    """Look a fact up in the knowledge itself.

    Raises:
        DataError: If the relation is unknown.
    """
    match relation:
        case "first_choice":
            return knowledge.treatments[subject].choices[0] == candidate
        case "drug_class":
            return knowledge.drugs[subject].drug_class == candidate
        case "forbidden_by":
            return subject in knowledge.drugs[candidate].avoid
        case "typical_finding":
            return knowledge.likelihood(candidate, subject) >= recall.TYPICAL
        case "typical_condition":
            return knowledge.likelihood(subject, candidate) >= recall.TYPICAL
        case "test_for":
            return knowledge.tests[subject].condition == candidate
        case "score_for":
            return knowledge.scores[subject].setting == knowledge.scores[candidate].setting
    raise DataError(f"text: relation {relation!r} is not one of the world's")
