"""Short questions with short answers, as a chat; nothing is worked out."""

from random import Random

from gazal.world.corpus.conditions import capital
from gazal.world.corpus.lists import write_options
from gazal.world.corpus.notes import draw_findings, draw_patient
from gazal.world.knowledge import Knowledge
from gazal.world.text import pick

CLASS = ("What sort of drug is {0}?", "{0}: which class?", "Tell me the class of {0}.")
FIRST = ("How does one start to treat {0}?", "What would you give for {0}?", "Drug of first choice in {0}?")
FORBID = ("Name something one may not give with {0}.", "What does {0} rule out?")
SIGN = ("Name a common feature of {0}.", "What do people with {0} usually have?", "How does {0} show?")
CAUSE = ("What would make you think of {0} as the cause?", "Someone has {0}. What could it be?")
TEST = ("What does the {0} look for?", "Why would one order the {0}?")
SCORE = ("How does one score {0}?", "Is there a score for {0}?")
PICTURE = ("{0}. What is it?", "Patient, {0}. Your diagnosis?", "What fits this: {0}?")
GENERAL = ("Patients with {0} have it how often: {1}?", "Is {1} to be expected in {0}?")

Chat = tuple[str, str]
"""A user's turn and the reply."""


def write_dialogue(knowledge: Knowledge, rng: Random) -> Chat:
    """A question and its answer, sometimes with five or six options to choose the answer from."""
    question, answer, others = pick(rng, ASKERS)(knowledge, rng)
    if others and rng.random() < 0.7:
        listed, letter = write_options(rng, answer, others)
        named = f"It is {answer}, option {letter}."
        reply = pick(rng, (named, named, f"{capital(answer)}.", f"{letter}. {answer}"))
        return f"{question}\n\n{listed}", reply
    return question, f"{capital(answer)}."


def _ask_class(knowledge: Knowledge, rng: Random) -> tuple[str, str, list[str]]:
    drug = pick(rng, list(knowledge.drugs.values()))
    others = sorted({d.drug_class for d in knowledge.drugs.values()} - {drug.drug_class})
    return pick(rng, CLASS).format(drug.name), drug.drug_class, others


def _ask_first(knowledge: Knowledge, rng: Random) -> tuple[str, str, list[str]]:
    problem = pick(rng, list(knowledge.treatments.values()))
    others = [d.name for n, d in knowledge.drugs.items() if n not in problem.choices]
    return pick(rng, FIRST).format(problem.name), knowledge.drugs[problem.choices[0]].name, others


def _ask_forbidden(knowledge: Knowledge, rng: Random) -> tuple[str, str, list[str]]:
    drug = pick(rng, [d for d in knowledge.drugs.values() if d.avoid])
    name = pick(rng, drug.avoid)
    others = [d.name for d in knowledge.drugs.values() if name not in d.avoid]
    return pick(rng, FORBID).format(knowledge.modifiers[name].label), drug.name, others


def _ask_sign(knowledge: Knowledge, rng: Random) -> tuple[str, str, list[str]]:
    name, record = pick(rng, list(knowledge.conditions.items()))
    common = [f for f, likelihood in record.findings.items() if likelihood.p >= 0.5]
    others = [f.present[0] for n, f in knowledge.findings.items() if knowledge.likelihood(n, name) < 0.3]
    answer = knowledge.findings[pick(rng, common or list(record.findings))].present[0]
    return pick(rng, SIGN).format(record.name), answer, others


def _ask_cause(knowledge: Knowledge, rng: Random) -> tuple[str, str, list[str]]:
    record = pick(rng, list(knowledge.conditions.values()))
    common = [f for f, likelihood in record.findings.items() if likelihood.p >= 0.5]
    finding = pick(rng, common or list(record.findings))
    others = [c.name for n, c in knowledge.conditions.items() if knowledge.likelihood(finding, n) < 0.3]
    return pick(rng, CAUSE).format(pick(rng, knowledge.findings[finding].present)), record.name, others


def _ask_test(knowledge: Knowledge, rng: Random) -> tuple[str, str, list[str]]:
    test = pick(rng, list(knowledge.tests.values()))
    others = [c.name for n, c in knowledge.conditions.items() if n != test.condition]
    return pick(rng, TEST).format(test.name), knowledge.conditions[test.condition].name, others


def _ask_score(knowledge: Knowledge, rng: Random) -> tuple[str, str, list[str]]:
    score = pick(rng, list(knowledge.scores.values()))
    others = [s.name for s in knowledge.scores.values() if s.setting != score.setting]
    return pick(rng, SCORE).format(score.setting), score.name, others


def _ask_picture(knowledge: Knowledge, rng: Random) -> tuple[str, str, list[str]]:
    name = pick(rng, list(knowledge.conditions))
    age, sex = draw_patient(knowledge, rng, name)
    findings = draw_findings(knowledge, rng, name, age, sex)
    others = [c.name for n, c in knowledge.conditions.items() if n != name]
    shown = f"{age}, {sex}, {findings}"
    return pick(rng, PICTURE).format(shown), knowledge.conditions[name].name, others


ASKERS = (
    _ask_class,
    _ask_first,
    _ask_forbidden,
    _ask_sign,
    _ask_sign,
    _ask_cause,
    _ask_cause,
    _ask_test,
    _ask_score,
    _ask_picture,
    _ask_picture,
)
