"""Longer texts that come back to what they said: the reader has to find it again, far back.

Without them a model learns each fact in a few dozen words and never to look for something in a page.
"""

from random import Random

from gazal.world.corpus.conditions import capital
from gazal.world.corpus.drugs import name_reason
from gazal.world.corpus.lists import draw_items, write_letters, write_statements
from gazal.world.corpus.measures import draw_item, write_shares
from gazal.world.corpus.notes import draw_findings, draw_patient, write_note, write_prescription
from gazal.world.kinds.decisions import write_share
from gazal.world.kinds.prognosis import write_number, write_points
from gazal.world.knowledge import Knowledge
from gazal.world.text import pick, write_list

FOUND = ("Findings: {0}.", "There is {0}.", "Reported: {0}.", "Seen: {0}.")
AGAIN = ("The findings are {0}.", "In sum: {0}.", "Once more, the findings: {0}.", "Noted were {0}.")
FACTS = ("The facts to weigh: {0}.", "To weigh: {0}.", "Known facts: {0}.")


def write_round(knowledge: Knowledge, rng: Random) -> str:
    """A ward round: a few patients, then what was found in each of them again, in another order."""
    beds = rng.sample(range(1, 30), rng.randint(1, 4))
    first, later = [], []
    for bed in beds:
        condition = pick(rng, list(knowledge.conditions))
        age, sex = draw_patient(knowledge, rng, condition)
        findings = draw_findings(knowledge, rng, condition, age, sex)
        name = knowledge.conditions[condition].name
        told = f" Diagnosis: {name}." if rng.random() < 0.5 else ""
        first.append(f"Bed {bed}. {age}, {sex}. {pick(rng, FOUND).format(findings)}{told}")
        later.append(f"Bed {bed}, age {age}, {sex} sex. {pick(rng, AGAIN).format(findings)} This is {name}.")
    rng.shuffle(later)
    return "\n".join((*first, "", *later))


def write_chart(knowledge: Knowledge, rng: Random) -> str:
    """Facts of a patient, something else, the facts again, and what they rule out."""
    problem = pick(rng, list(knowledge.treatments.values()))
    against = [reason for drug in problem.choices for reason in knowledge.drugs[drug].avoid]
    some = rng.sample(against, min(len(against), rng.randint(0, 3)))
    names = dict.fromkeys((*some, *rng.sample(list(knowledge.modifiers), rng.randint(1, 2))))
    names = rng.sample(list(names), len(names))
    facts = {name: name_reason(rng, knowledge.modifiers[name]) for name in names}
    lines = [f"{capital(problem.name)}. On the chart: {write_list(list(facts.values()))}."]
    if rng.random() < 0.6:
        lines.append(pick(rng, (write_note, write_prescription))(knowledge, rng))
    lines.append(f"{capital(problem.name)}. {pick(rng, FACTS).format(write_list(list(facts.values())))}")
    for name in problem.choices:
        drug = knowledge.drugs[name]
        reasons = [facts[reason] for reason in drug.avoid if reason in facts]
        if not reasons:
            lines.append(f"Nothing of this speaks against {drug.name}.")
            break
        lines.append(f"{capital(reasons[0])} rules {drug.name} out.")
    return "\n".join(lines)


def write_figures(knowledge: Knowledge, rng: Random) -> str:
    """Figures of a few tests, then the same figures again in another order."""
    tests = rng.sample(list(knowledge.tests.values()), rng.randint(1, 3))
    first, later = [], []
    for test in tests:
        condition = knowledge.conditions[test.condition].name
        before = write_share(rng.randint(1, 90) / 100)
        shares = [
            f"sensitivity {write_share(test.sensitivity)}",
            f"specificity {write_share(test.specificity)}",
        ]
        positive = rng.random() < 0.5
        result = pick(rng, test.positive if positive else test.negative)
        first.append(
            f"{capital(condition)}: {before} likely. {capital(test.name)}, {', '.join(shares)}: {result}."
        )
        word = "positive" if positive else "negative"
        figures = " and a ".join(shares)
        later.append(f"The {test.name} for {condition} is {word}, with a {figures}, from {before} before.")
    rng.shuffle(later)
    between = [write_shares(knowledge, rng)] if rng.random() < 0.4 else []
    return "\n".join((*first, *between, "", *later))


def write_sheet_of_points(knowledge: Knowledge, rng: Random) -> str:
    """Items of a bedside score as found, then what each of them is worth."""
    score = pick(rng, list(knowledge.scores.values()))
    found = [draw_item(rng, score, name) for name in score.items]
    if rng.random() < 0.4:
        rng.shuffle(found)
    lines = [f"{score.name}, {score.setting}. {capital(write_list([item for item, _ in found]))}."]
    if rng.random() < 0.4:
        lines.append(write_note(knowledge, rng))
    lines += [f"{capital(item)}: {write_points(worth)}." for item, worth in found]
    lines.append(f"{' + '.join(write_number(worth) for _, worth in found)}.")
    return "\n".join(lines)


def write_late_listing(knowledge: Knowledge, rng: Random) -> str:
    """A lettered list, something else, then which item has which letter."""
    items = draw_items(knowledge, rng)
    between = [pick(rng, (write_note, write_prescription))(knowledge, rng) for _ in range(rng.randint(1, 3))]
    return "\n".join((write_letters(items), "", *between, "", write_statements(rng, items)))
