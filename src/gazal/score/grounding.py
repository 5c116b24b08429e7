"""Do the reasoning steps rest on the case? Findings and numbers cited, against what the truth holds.

A finding that the case denies, or a level that it does not have, contradicts. A finding or number that the
case does not hold is unknown: invented, as far as the case goes. Precision and recall both count, so
extra false claims cost, and so does leaving out what the question shows.
"""

import re
from collections.abc import Iterator

from gazal.core.case import Case
from gazal.core.score import Score, StepScore, Support
from gazal.core.trace import Trace
from gazal.score.facts import NUMBER, Facts, gather_facts
from gazal.score.lexicon import find_mentions

_OPTION = re.compile(r"([^.\n]{1,300}?) is option ([A-J])\b")
_LONGEST = 4000
"""Characters of a step that are read."""
Claim = tuple[Support, str, str]
"""Support, what was claimed, and why it got that support."""


def judge_grounding(case: Case, trace: Trace) -> Score:
    """Score the steps of a reply to a world case.

    Returns:
        F1 of the claims that hold (precision) and the facts cited (recall), minus the share of claims that
        are contradicted: 1.0 ``grounded`` at best. Below it ``contradicted``, ``invented`` or
        ``incomplete``; -1.0 ``no_steps`` or ``no_claims``; None ``no_truth`` for cases without truth.
    """
    if case.truth is None:
        return Score(value=None, why="no_truth")
    steps = trace.steps
    if not steps:
        return Score(value=-1.0, why="no_steps")
    facts = gather_facts(case, case.truth)
    claims = [list(_read_claims(case, facts, step[:_LONGEST])) for step in steps]
    scores = tuple(_judge_step(found) for found in claims)
    flat = [claim for found in claims for claim in found]
    if not flat:
        return Score(value=-1.0, why="no_claims", steps=scores)
    n = {
        support: sum(claim[0] == support for claim in flat)
        for support in ("supported", "contradicted", "unknown")
    }
    precision, recall = n["supported"] / len(flat), _recall(facts, flat, steps)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    why = (
        "contradicted"
        if n["contradicted"]
        else "invented"
        if n["unknown"]
        else "grounded"
        if recall == 1.0
        else "incomplete"
    )
    return Score(value=max(-1.0, f1 - n["contradicted"] / len(flat)), why=why, steps=scores)


def _read_claims(case: Case, facts: Facts, step: str) -> Iterator[Claim]:
    # What the question says, word for word, is taken out first: its numbers belong to its phrases.
    for mention in find_mentions(facts.lexicon, step):
        item = mention.name.partition("=")[0]
        if facts.states.get(mention.name) == mention.present:
            yield "supported", mention.name, "as the case has it"
        elif mention.name in facts.states or any(name.startswith(f"{item}=") for name in facts.states):
            yield "contradicted", mention.name, f"{mention.text}: the case says otherwise"
        else:
            yield "unknown", mention.name, f"{mention.text}: not in the case"
    for text in NUMBER.findall(step):
        if any(_equal(text, number) for number in facts.numbers):
            yield "supported", text, "a number of the case"
        else:
            yield "unknown", text, f"{text}: no such number in the case"
    for text, letter in _OPTION.findall(step):
        if letter in case.options and text.strip().lower().endswith(case.options[letter].lower()):
            yield "supported", f"option {letter}", "as listed"
        else:
            yield "contradicted", f"option {letter}", f"option {letter} is {case.options.get(letter)!r}"


def _equal(text: str, number: float) -> bool:
    """Whether a number as written is the rounding of a number of the case."""
    decimals = len(text.partition(".")[2])
    return abs(float(text) - number) <= 0.5 * 10.0**-decimals + 1e-6


def _recall(facts: Facts, claims: list[Claim], steps: tuple[str, ...]) -> float:
    """Share of the case's facts that the steps name."""
    cited = {what for support, what, _ in claims if support == "supported"}
    text = "\n".join(steps).lower()
    named = [name in cited for name in facts.states]
    named += [any(_equal(n, number) for n in NUMBER.findall(text)) for number in facts.key_numbers]
    named += [key in text for key in facts.key_texts]
    return sum(named) / len(named)


def _judge_step(claims: list[Claim]) -> StepScore:
    for support in ("contradicted", "unknown"):
        for found, _, why in claims:
            if found == support:
                return StepScore(support=support, why=why)
    if not claims:
        return StepScore(support="unknown", why="nothing in it can be checked")
    return StepScore(support="supported", why=f"{len(claims)} claim{'s' if len(claims) > 1 else ''} hold")
