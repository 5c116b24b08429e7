"""One fact: who stands in which relation to what."""

import re
from collections.abc import Iterator

from gazal.core.case import Case
from gazal.core.truth import RecallTruth
from gazal.score.lexicon import split_words
from gazal.score.work.check import CHOICE, Check
from gazal.world.kinds.recall import build_relations

_NOT = re.compile(r"\b(?:not|no|never|cannot|isn't|neither)\b", re.IGNORECASE)
FACT = "fact"


def list_needed() -> dict[str, int]:
    """The fact, and the choice that follows."""
    return {FACT: 1, CHOICE: 1}


def check_step(case: Case, truth: RecallTruth, step: str) -> Iterator[Check]:
    """A step that states the fact about the subject that was asked for, with one of the options in it."""
    relation, words = build_relations()[truth.relation], f" {' '.join(split_words(step))} "
    subject = " ".join(split_words(relation.subjects[truth.subject]))
    right = relation.tell.format(
        subject=relation.subjects[truth.subject], object=relation.objects[truth.object]
    )
    if split_words(right) == split_words(step):
        yield Check(FACT, True, "as the world has it", (0, len(step)))
        return
    if " option " in words:
        return  # That is the choice, whatever the subject's name has in common with it.
    options = {name: relation.objects[name] for name in truth.candidates.values() if name in relation.objects}
    named = [name for name, text in options.items() if f" {' '.join(split_words(text))} " in words]
    if f" {subject} " in words and len(named) == 1:
        holds = named[0] == truth.object and not _NOT.search(step)
        yield Check(FACT, holds, right if not holds else "as the world has it", (0, len(step)))
    elif len(named) == 1:
        why = f"asked for {relation.subjects[truth.subject]}: {right}"
        yield Check(FACT, False, why, (0, len(step)))
