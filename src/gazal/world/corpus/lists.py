"""Lettered lists and what stands where in them.

A list holds five or six items. Cases of the world have four options at most, so no list is the option
set of a case.
"""

from random import Random

from gazal.core.case import LETTERS
from gazal.world.corpus.conditions import capital
from gazal.world.kinds.decisions import write_share
from gazal.world.kinds.prognosis import write_points
from gazal.world.knowledge import Knowledge
from gazal.world.text import pick

SIZES = (5, 6)


def write_options(rng: Random, answer: str, others: list[str]) -> tuple[str, str]:
    """A lettered list of an answer among others; returns the list and the answer's letter."""
    items = [answer, *rng.sample(others, pick(rng, SIZES) - 1)]
    rng.shuffle(items)
    return write_letters(items), LETTERS[items.index(answer)]


def write_letters(items: list[str]) -> str:
    """One item a line, each with its letter."""
    return "\n".join(f"{letter}. {item}" for letter, item in zip(LETTERS, items, strict=False))


STATEMENTS = (
    "It is {item}, option {letter}.",
    "It is {item}, option {letter}.",
    "{Item} is option {letter}.",
    r"So {item}: \boxed{{{letter}}}",
    "Option {letter} is {item}.",
    "With {letter}, {item}.",
    "**Answer:** {letter}. {item}",
)


def write_listing(knowledge: Knowledge, rng: Random) -> str:
    """A lettered list followed by statements on which item has which letter."""
    items = draw_items(knowledge, rng)
    return f"{write_letters(items)}\n\n{write_statements(rng, items)}"


def write_statements(rng: Random, items: list[str]) -> str:
    """Which item of a list has which letter, for some or all of them in any order."""
    lines = []
    for at in rng.sample(range(len(items)), rng.randint(3, len(items))):
        item = items[at]
        parts = {"item": item, "Item": capital(item), "letter": LETTERS[at]}
        lines.append(pick(rng, STATEMENTS).format(**parts))
    return "\n".join(lines)


def draw_items(knowledge: Knowledge, rng: Random) -> list[str]:
    """Five or six names, shares or totals."""
    n = pick(rng, SIZES)
    sort = rng.random()
    if sort < 0.35:
        return [c.name for c in rng.sample(list(knowledge.conditions.values()), n)]
    if sort < 0.65:
        return [d.name for d in rng.sample(list(knowledge.drugs.values()), n)]
    if sort < 0.75:
        return [f.present[0] for f in rng.sample(list(knowledge.findings.values()), n)]
    if sort < 0.88:
        return [write_share(p / 1000) for p in _shuffle(rng, rng.sample(range(1, 1000), n))]
    score = pick(rng, list(knowledge.scores.values()))
    first = rng.randint(0, 6)
    totals = _shuffle(rng, list(range(first, first + n)))
    classes = [[c.name for c in score.classes if c.start <= total] for total in totals]
    names = [found[-1] if found else score.classes[0].name for found in classes]
    return [f"{write_points(total)}: {name}" for total, name in zip(totals, names, strict=True)]


def _shuffle(rng: Random, numbers: list[int]) -> list[int]:
    """In an order whose start is no rising row of four: cases list their numbers so."""
    while True:
        numbers = rng.sample(numbers, len(numbers))
        if numbers[:4] != sorted(numbers[:4]):
            return numbers
