"""Read a world case back from its text and work out its truth and key again, by a route of its own.

Nothing is taken from the case's truth: findings, modifiers, numbers and options are read from the words,
posteriors come from plain enumeration over all conditions, points from walking the bands. With the generator
it shares the knowledge, the wording of sentences and numbers, and what counts as a margin; no computation.
"""

from collections.abc import Callable, Mapping

from gazal.core.case import Case
from gazal.core.truth import Truth
from gazal.errors import DataError
from gazal.world.knowledge import Knowledge, load_knowledge
from gazal.world.reread.diagnosis import reread_diagnosis
from gazal.world.reread.prognosis import reread_prognosis
from gazal.world.reread.recall import reread_recall
from gazal.world.reread.treatment import reread_treatment
from gazal.world.reread.uncertainty import reread_uncertainty

READERS: Mapping[str, Callable[[Knowledge, Case], tuple[Truth, str]]] = {
    "diagnosis": reread_diagnosis,
    "treatment": reread_treatment,
    "uncertainty": reread_uncertainty,
    "prognosis": reread_prognosis,
    "recall": reread_recall,
}


def reread(case: Case) -> tuple[Truth, str]:
    """Work out truth (without twin) and answer from question and options alone.

    Raises:
        DataError: If the text cannot be read, an option is not one of the world's, or no key stands out.
    """
    if case.kind not in READERS:
        raise DataError(f"kind: {case.kind!r} is not one of the world's")
    return READERS[case.kind](load_knowledge(), case)
