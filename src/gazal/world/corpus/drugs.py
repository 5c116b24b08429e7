"""What the corpus says of drugs: what they are for, what forbids them, in which order they come."""

from random import Random

from gazal.world.corpus.conditions import capital, fill
from gazal.world.knowledge import Knowledge
from gazal.world.records import AgeModifier, FlagModifier, Modifier, NumberModifier
from gazal.world.text import pick, write_list

CLASS = (
    "{Drug} is one of this class: {drug_class}.",
    "{Drug} counts among drugs of the type {drug_class}.",
    "Pharmacology: {drug} ({drug_class}).",
)
AVOID = (
    "{Drug} is not given in case of {reasons}.",
    "Against {drug} speak {reasons}.",
    "Do not prescribe {drug} when there is {reasons}.",
)
FORBIDS = (
    "In a patient with {reason}, these are out: {drugs}.",
    "{Reason} rules out {drugs}.",
    "Because of {reason} one may not use {drugs}.",
)
ORDER = (
    "For {problem} one starts with {first}. After it come {rest}, in that order.",
    "Treatment of {problem}: {first} before {rest}.",
    "Stepped care of {problem}. {steps}",
    "{Problem} is treated with {first}; if that cannot be had, then with {rest}, in this sequence.",
)
FIRST = (
    "{First} is what one gives at first in {problem}.",
    "{Problem}: start with {first}.",
    "The preferred drug in {problem} is {first}.",
    "First choice: {first}. That is for {problem}.",
)
AFTER = (
    "In {problem}, after {one} next comes {other}.",
    "{Problem}: when {one} is ruled out, {other} is next.",
    "Next comes {other}, if one cannot use {one} for {problem}.",
)
NOTHING = (
    "Nothing speaks against {drug} given {facts}.",
    "{Facts}: no fact that speaks against {drug}.",
)


def write_classes(knowledge: Knowledge, rng: Random) -> str:
    """Drugs and their classes, from either end."""
    lines = []
    for _ in range(3):
        drug = pick(rng, list(knowledge.drugs.values()))
        peers = [d.name for d in knowledge.drugs.values() if d.drug_class == drug.drug_class]
        if rng.random() < 0.3 and len(peers) > 1:
            names = write_list(rng.sample(peers, min(4, len(peers))))
            lines.append(f"Of the class {drug.drug_class} are {names}.")
        else:
            lines.append(fill(pick(rng, CLASS), drug=drug.name, drug_class=drug.drug_class))
    return " ".join(lines)


def write_reasons(knowledge: Knowledge, rng: Random) -> str:
    """What forbids a few drugs."""
    lines = []
    for _ in range(3):
        drug = pick(rng, list(knowledge.drugs.values()))
        if drug.avoid:
            names = rng.sample(drug.avoid, min(len(drug.avoid), 5))
            reasons = [name_reason(rng, knowledge.modifiers[name]) for name in names]
            lines.append(fill(pick(rng, AVOID), drug=drug.name, reasons=write_list(reasons)))
        else:
            lines.append(f"Hardly anything forbids {drug.name}.")
    return " ".join(lines)


def write_forbidden(knowledge: Knowledge, rng: Random) -> str:
    """Which drugs a fact of the patient rules out."""
    lines = []
    for _ in range(3):
        name = pick(rng, list(knowledge.modifiers))
        drugs = [drug.name for drug in knowledge.drugs.values() if name in drug.avoid]
        if drugs:
            reason = name_reason(rng, knowledge.modifiers[name])
            names = write_list(rng.sample(drugs, min(len(drugs), 5)))
            lines.append(fill(pick(rng, FORBIDS), reason=reason, drugs=names))
    return " ".join(lines) or write_reasons(knowledge, rng)


def name_reason(rng: Random, modifier: Modifier) -> str:
    """One wording of a fact that holds."""
    if isinstance(modifier, FlagModifier):
        return pick(rng, (modifier.label, *modifier.present))
    if isinstance(modifier, NumberModifier) and rng.random() < 0.6:
        return write_value(rng, modifier, True)
    if isinstance(modifier, AgeModifier) and rng.random() < 0.6:
        return f"age {draw_age(rng, modifier, True)}"
    return modifier.label


def write_value(rng: Random, modifier: NumberModifier, holds: bool) -> str:
    """A measured value at which a modifier holds or does not."""
    low, high = modifier.range
    limit = modifier.holds_below if modifier.holds_below is not None else modifier.holds_from
    assert limit is not None
    unit = 0.1 if modifier.decimals else 1.0
    below = (modifier.holds_below is not None) == holds
    value = rng.uniform(low, limit - unit) if below else rng.uniform(limit, high)
    return modifier.text.format(value=f"{value:.{modifier.decimals}f}")


def draw_age(rng: Random, modifier: AgeModifier, holds: bool) -> int:
    """An age at which a modifier holds or does not."""
    limit = modifier.holds_below if modifier.holds_below is not None else modifier.holds_from
    assert limit is not None
    below = (modifier.holds_below is not None) == holds
    return rng.randint(2, limit - 1) if below else rng.randint(limit, 95)


def write_facts(knowledge: Knowledge, rng: Random) -> str:
    """What wordings and values of a patient's facts mean, present and absent."""
    lines = []
    for _ in range(4):
        modifier, holds = pick(rng, list(knowledge.modifiers.values())), rng.random() < 0.5
        if isinstance(modifier, FlagModifier):
            shown = pick(rng, modifier.present if holds else modifier.absent)
        elif isinstance(modifier, NumberModifier):
            shown = write_value(rng, modifier, holds)
        else:
            shown = f"age {draw_age(rng, modifier, holds)}"
        verdict = "counts as" if holds else "does not count as"
        lines.append(f"{capital(shown)} {verdict} {modifier.label}.")
    return " ".join(lines)


def write_orders(knowledge: Knowledge, rng: Random) -> str:
    """In which order the drugs for a problem come."""
    lines = []
    for _ in range(2):
        problem = pick(rng, list(knowledge.treatments.values()))
        names = [knowledge.drugs[name].name for name in problem.choices]
        parts = {"problem": problem.name, "first": names[0], "rest": ", then ".join(names[1:])}
        steps = " ".join(f"Step {n}: {name}." for n, name in enumerate(names, 1))
        at = rng.randrange(len(names) - 1)
        whole = pick(rng, ORDER) if rng.random() < 0.7 else pick(rng, FIRST)
        lines.append(fill(whole, **parts, steps=steps))
        lines.append(fill(pick(rng, AFTER), problem=problem.name, one=names[at], other=names[at + 1]))
    return " ".join(lines)


def write_weighing(knowledge: Knowledge, rng: Random) -> str:
    """Whether single facts rule out single drugs, yes and no evenly."""
    lines = []
    for _ in range(4):
        drug = pick(rng, [d for d in knowledge.drugs.values() if d.avoid])
        if rng.random() < 0.5:
            reason = name_reason(rng, knowledge.modifiers[pick(rng, drug.avoid)])
            lines.append(f"{capital(reason)} rules {drug.name} out.")
        else:
            others = [n for n in knowledge.modifiers if n not in drug.avoid]
            reason = name_reason(rng, knowledge.modifiers[pick(rng, others)])
            lines.append(fill(pick(rng, NOTHING), drug=drug.name, facts=reason))
    return " ".join(lines)
