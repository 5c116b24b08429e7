"""What the corpus says of conditions and findings, from either end."""

from random import Random

from gazal.world.knowledge import Knowledge
from gazal.world.solve import name_frequency
from gazal.world.text import pick, write_list

FREQUENCY = (
    "{Finding} is {how} in {condition}.",
    "In {condition}, {finding} is {how}.",
    "{Condition}: {finding} would be {how}.",
    "How often is there {finding} in {condition}? It is {how}.",
    "With {condition} one sees {finding} as something {how}.",
    "For {condition}, {finding} counts as {how}.",
    "Of 1000 patients with {condition} {n} have it: {finding}. The other {rest} do not have it.",
)
OVERVIEW = (
    "{Condition} in brief. {sorted}",
    "Textbook entry: {condition}. {sorted}",
    "What goes with {condition}? {sorted}",
)
REVERSE = (
    "{Finding}: think of {conditions}.",
    "Patients who report {finding} often turn out to have {conditions}.",
    "Where one finds {finding}, the usual causes are {conditions}.",
    "{Finding} goes with {conditions}.",
)
SAME = (
    "{One} means the same as {other}.",
    "Some write {one}, others {other}: the same finding.",
    "{One}, that is, {other}.",
)
CONTRAST = (
    "{Finding} would be {how} in {condition} but {less} in {other}.",
    "Against {other}: {finding} would be {less} there. For {condition}: it would be {how}.",
    "{Finding} speaks for {condition} and not for {other}.",
)


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def fill(template: str, **parts: str) -> str:
    """Fill a template; ``{Name}`` takes the part ``name`` with a capital letter."""
    return template.format(**parts, **{capital(name): capital(text) for name, text in parts.items()})


def draw_finding(knowledge: Knowledge, rng: Random, condition: str) -> tuple[str, str, float]:
    """Draw (finding, phrase, probability of the phrase) for a condition, mostly of those it names."""
    own = list(knowledge.conditions[condition].findings)
    name = pick(rng, own) if rng.random() < 0.75 else pick(rng, list(knowledge.findings))
    finding, p = knowledge.findings[name], knowledge.likelihood(name, condition)
    if rng.random() < 0.8:
        return name, pick(rng, finding.present), p
    return name, pick(rng, finding.absent), 1.0 - p


def write_frequencies(knowledge: Knowledge, rng: Random) -> str:
    """A few sentences on how often findings occur in one condition."""
    name = pick(rng, list(knowledge.conditions))
    lines = []
    for _ in range(rng.randint(3, 6)):
        _, phrase, p = draw_finding(knowledge, rng, name)
        condition = knowledge.conditions[name].name
        counts = {"n": f"{1000 * p:.0f}", "rest": f"{1000 - 1000 * p:.0f}", "how": name_frequency(p)}
        lines.append(fill(pick(rng, FREQUENCY), finding=phrase, condition=condition, **counts))
    return " ".join(lines)


def write_overview(knowledge: Knowledge, rng: Random) -> str:
    """All named findings of a condition by how often they occur."""
    name = pick(rng, list(knowledge.conditions))
    record = knowledge.conditions[name]
    groups: dict[str, list[str]] = {}
    for finding in rng.sample(list(record.findings), len(record.findings)):
        how = name_frequency(record.findings[finding].p)
        groups.setdefault(how, []).append(pick(rng, knowledge.findings[finding].present))
    lines = [f"{capital(how)}: {write_list(phrases)}." for how, phrases in groups.items()]
    about = f"It belongs to {record.specialty}. " if rng.random() < 0.3 else ""
    return fill(pick(rng, OVERVIEW), condition=record.name, sorted=about + " ".join(lines))


def write_reverse(knowledge: Knowledge, rng: Random) -> str:
    """The conditions in which a finding is common, for a few findings."""
    lines = []
    while len(lines) < 3:
        name = pick(rng, list(knowledge.findings))
        found = [
            c
            for c, record in knowledge.conditions.items()
            if name in record.findings and record.findings[name].p >= 0.4
        ]
        if found:
            found.sort(key=lambda c: -knowledge.likelihood(name, c))
            names = [knowledge.conditions[c].name for c in found[:5]]
            phrase = pick(rng, knowledge.findings[name].present)
            lines.append(fill(pick(rng, REVERSE), finding=phrase, conditions=write_list(names)))
    return " ".join(lines)


def write_synonyms(knowledge: Knowledge, rng: Random) -> str:
    """Different wordings of the same finding, present and absent."""
    lines = []
    for _ in range(4):
        finding = pick(rng, list(knowledge.findings.values()))
        wordings = finding.present if rng.random() < 0.6 else finding.absent
        first = wordings[0]
        if len(wordings) > 1:
            one, other = rng.sample(wordings, 2)
            lines.append(fill(pick(rng, SAME), one=one, other=other))
        else:
            lines.append(f"{capital(first)} is the opposite of {finding.present[0]}.")
    return " ".join(lines)


def write_contrasts(knowledge: Knowledge, rng: Random) -> str:
    """Findings that tell two conditions apart."""
    name, lines = pick(rng, list(knowledge.conditions)), []
    for _ in range(12):
        other = pick(rng, list(knowledge.conditions))
        finding, phrase, p = draw_finding(knowledge, rng, name)
        q = knowledge.likelihood(finding, other)
        q = q if phrase in knowledge.findings[finding].present else 1.0 - q
        if other != name and q < 0.6 * p and name_frequency(p) != name_frequency(q):
            condition, rival = knowledge.conditions[name].name, knowledge.conditions[other].name
            words = {"how": name_frequency(p), "less": name_frequency(q)}
            lines.append(fill(pick(rng, CONTRAST), finding=phrase, condition=condition, other=rival, **words))
    return " ".join(lines[:4]) or write_frequencies(knowledge, rng)
