"""Recall cases: one fact of the knowledge, without a patient.

Every relation is a table of subjects and objects. Four objects are drawn such that each of them is the
one right answer to some subject; the key is drawn evenly among them, then a subject that asks for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from random import Random

from gazal.core.case import Tags
from gazal.core.truth import RecallTruth
from gazal.world.draft import SPLIT_WEIGHTS, SPLITS, Difficulty, Draft, Pair, Split, find_split, letter
from gazal.world.knowledge import Knowledge, load_knowledge
from gazal.world.records import AgeModifier, FlagModifier
from gazal.world.text import pick
from gazal.world.universe import Universe

TYPICAL, ATYPICAL = 0.6, 0.3
"""A finding is asked for where it is at least this probable, against ones at most that probable."""
TRIES = 20
"""Draws of options for one relation before another relation gets its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table of facts that can be asked for."""

    ask: tuple[str, ...]
    """Wordings of the question; ``{subject}`` stands once in each."""
    tell: str
    """The fact as a clause, with ``{subject}`` and ``{object}``."""
    subjects: Mapping[str, str]
    """Subject id to its text."""
    objects: Mapping[str, str]
    """Object id to its text."""
    right: Mapping[str, frozenset[str]]
    """Subject to the objects that answer it."""
    arguable: Mapping[str, frozenset[str]]
    """Subject to the objects that must not stand beside a right one: right, or held to be by some."""
    groups: Mapping[str, str]
    """Object to a group; hard distractors come from the same one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The fact and the options."""

    relation: str
    subject: str
    candidates: tuple[str, ...]
    key: str
    difficulty: Difficulty

    @property
    def signature(self) -> str:
        """Same for every case that asks this relation of this subject."""
        return sign(self.relation, self.subject)


def sign(relation: str, subject: str) -> str:
    """The signature of what is asked, whatever the options."""
    return "|".join(("recall", relation, subject))


def draw_frame(universe: Universe, rng: Random, difficulty: Difficulty) -> Frame:
    """Choose four objects each of which is the only right one to some subject, then key and subject.

    All subjects are of one split: else an option that only another split asks for could never be the key.
    """
    while True:
        name = pick(rng, list(build_relations()))
        for _ in range(TRIES):
            frame = _draw_options(rng, name, difficulty)
            if frame is not None:
                return frame


def _draw_options(rng: Random, name: str, difficulty: Difficulty) -> Frame | None:
    relation = build_relations()[name]
    # The split first: each relation is then asked for equally often in all of them, however few its subjects.
    subjects = list_subjects(name, rng.choices(SPLITS, SPLIT_WEIGHTS)[0])
    objects = sorted(subjects)
    if len(objects) < 4:
        return None
    anchor = pick(rng, objects)
    pool = [o for o in objects if o != anchor and _suits(relation, anchor, o, difficulty)]
    if len(pool) < 3:
        pool = [o for o in objects if o != anchor]
    candidates = (anchor, *rng.sample(pool, 3))
    askers = {o: _find_askers(relation, subjects[o], o, candidates) for o in candidates}
    if not all(askers.values()) or len({relation.objects[o] for o in candidates}) < 4:
        return None
    key = pick(rng, candidates)
    subject = pick(rng, askers[key])
    return Frame(relation=name, subject=subject, candidates=candidates, key=key, difficulty=difficulty)


def fill_frame(universe: Universe, rng: Random, frame: Frame, twins: bool) -> Pair:
    """Write the question. Recall has no twins: nothing in it can be changed without asking another fact."""
    relation = build_relations()[frame.relation]
    lettered, answer = letter(list(frame.candidates), frame.key, rng)
    draft = Draft(
        question=pick(rng, relation.ask).format(subject=relation.subjects[frame.subject]),
        options={key: relation.objects[name] for key, name in lettered.items()},
        answer=answer,
        truth=RecallTruth(
            relation=frame.relation, subject=frame.subject, object=frame.key, candidates=lettered
        ),
        tags=Tags(difficulty=frame.difficulty, topic=frame.relation),
    )
    return Pair(draft=draft)


@cache
def build_relations() -> dict[str, Relation]:
    """All relations that the knowledge holds, by name."""
    knowledge = load_knowledge()
    return {
        "first_choice": _first_choice(knowledge),
        "drug_class": _drug_class(knowledge),
        "forbidden_by": _forbidden_by(knowledge),
        "typical_finding": _typical_finding(knowledge),
        "typical_condition": _typical_condition(knowledge),
        "test_for": _test_for(knowledge),
        "score_for": _score_for(knowledge),
    }


@cache
def list_subjects(name: str, split: Split) -> dict[str, tuple[str, ...]]:
    """Object to the subjects of one split that it answers."""
    answered: dict[str, list[str]] = {}
    for subject, objects in build_relations()[name].right.items():
        if find_split(sign(name, subject)) == split:
            for found in objects:
                answered.setdefault(found, []).append(subject)
    return {found: tuple(subjects) for found, subjects in answered.items()}


def _suits(relation: Relation, anchor: str, other: str, difficulty: Difficulty) -> bool:
    same = relation.groups[anchor] == relation.groups[other]
    return same if difficulty == "hard" else not same if difficulty == "easy" else True


def _find_askers(
    relation: Relation, subjects: tuple[str, ...], key: str, candidates: tuple[str, ...]
) -> list[str]:
    """Subjects that the key answers and no other candidate could be held to answer."""
    others = set(candidates) - {key}
    return [subject for subject in subjects if not others & relation.arguable[subject]]


def _first_choice(knowledge: Knowledge) -> Relation:
    problems = knowledge.treatments
    return Relation(
        ask=(
            "Which treatment is the first choice for {subject}?",
            "What is given first for {subject} when nothing speaks against it?",
        ),
        tell="the first choice for {subject} is {object}",
        subjects={name: problem.name for name, problem in problems.items()},
        objects={name: drug.name for name, drug in knowledge.drugs.items()},
        right={name: frozenset(problem.choices[:1]) for name, problem in problems.items()},
        arguable={name: frozenset(problem.choices) for name, problem in problems.items()},
        groups={problem.choices[0]: problem.specialty for problem in reversed(list(problems.values()))},
    )


def _drug_class(knowledge: Knowledge) -> Relation:
    drugs = knowledge.drugs
    right = {
        name: frozenset({drug.drug_class}) for name, drug in drugs.items() if drug.drug_class != drug.name
    }
    classes = sorted({drug.drug_class for drug in drugs.values()})
    return Relation(
        ask=("To which class does {subject} belong?", "What class of treatment is {subject}?"),
        tell="the class of {subject} is {object}",
        subjects={name: drug.name for name, drug in drugs.items()},
        objects={name: name for name in classes},
        right=right,
        arguable=right,
        groups=dict.fromkeys(classes, "class"),
    )


def _forbidden_by(knowledge: Knowledge) -> Relation:
    drugs = knowledge.drugs
    modifiers = {name: m for name, m in knowledge.modifiers.items() if not isinstance(m, AgeModifier)}
    right = {
        name: frozenset(drug for drug, record in drugs.items() if name in record.avoid) for name in modifiers
    }
    doubled = {
        name: frozenset(drug for drug, record in drugs.items() if record.drug_class in modifier.doubles)
        for name, modifier in modifiers.items()
        if isinstance(modifier, FlagModifier)
    }
    return Relation(
        ask=(
            "Which of these is ruled out by this: {subject}?",
            "Which treatment must be avoided given {subject}?",
        ),
        tell="given {subject}, {object} is ruled out",
        subjects={name: modifier.label for name, modifier in modifiers.items()},
        objects={name: drug.name for name, drug in drugs.items()},
        right=right,
        arguable={name: right[name] | doubled.get(name, frozenset()) for name in right},
        groups={name: drug.drug_class for name, drug in drugs.items()},
    )


def _typical_finding(knowledge: Knowledge) -> Relation:
    findings, conditions = knowledge.findings, knowledge.conditions
    return Relation(
        ask=("Which finding is typical of {subject}?", "Which of these is most often found in {subject}?"),
        tell="a typical finding of {subject} is {object}",
        subjects={name: condition.name for name, condition in conditions.items()},
        objects={name: finding.present[0] for name, finding in findings.items()},
        right={
            name: frozenset(f for f in condition.findings if knowledge.likelihood(f, name) >= TYPICAL)
            for name, condition in conditions.items()
        },
        arguable={
            name: frozenset(f for f in findings if knowledge.likelihood(f, name) > ATYPICAL)
            for name in conditions
        },
        groups={name: finding.group for name, finding in findings.items()},
    )


def _typical_condition(knowledge: Knowledge) -> Relation:
    findings, conditions = knowledge.findings, knowledge.conditions
    return Relation(
        ask=(
            "In which condition is {subject} typical?",
            "Which of these conditions most often shows {subject}?",
        ),
        tell="the condition that typically shows {subject} is {object}",
        subjects={name: finding.present[0] for name, finding in findings.items()},
        objects={name: condition.name for name, condition in conditions.items()},
        right={
            name: frozenset(c for c in conditions if knowledge.likelihood(name, c) >= TYPICAL)
            for name in findings
        },
        arguable={
            name: frozenset(c for c in conditions if knowledge.likelihood(name, c) > ATYPICAL)
            for name in findings
        },
        groups={name: condition.specialty for name, condition in conditions.items()},
    )


def _test_for(knowledge: Knowledge) -> Relation:
    tests, conditions = knowledge.tests, knowledge.conditions
    right = {name: frozenset({test.condition}) for name, test in tests.items()}
    return Relation(
        ask=("In the work-up of which condition is the {subject} used?", "What is the {subject} a test for?"),
        tell="the {subject} is a test for {object}",
        subjects={name: test.name for name, test in tests.items()},
        objects={name: condition.name for name, condition in conditions.items()},
        right=right,
        arguable=right,
        groups={name: condition.specialty for name, condition in conditions.items()},
    )


def _score_for(knowledge: Knowledge) -> Relation:
    scores = knowledge.scores
    right = {
        name: frozenset(other for other in scores if scores[other].setting == score.setting)
        for name, score in scores.items()
    }
    return Relation(
        ask=("Which bedside score is made for {subject}?", "Which score is used in {subject}?"),
        tell="the score for {subject} is the {object}",
        subjects={name: score.setting for name, score in scores.items()},
        objects={name: score.name for name, score in scores.items()},
        right=right,
        arguable=right,
        groups=dict.fromkeys(scores, "score"),
    )
