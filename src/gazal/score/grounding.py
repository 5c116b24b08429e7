"""Do the reasoning steps rest on the case? Findings and numbers cited, against what the truth holds.

A finding that the case denies, or a level that it does not have, contradicts. A finding or number that the
case does not hold is unknown: invented, as far as the case goes. Precision and recall both count, so
extra false claims cost, and so does leaving out what the question shows.
"""

from gazal.core.case import Case
from gazal.core.score import Score, StepScore
from gazal.core.trace import Trace
from gazal.score.claims import Claim, is_rounding, read_claims
from gazal.score.facts import NUMBER, Facts, gather_facts
from gazal.score.steps import MOST_STEPS, mark_unread


def judge_grounding(case: Case, trace: Trace) -> Score:
    """Score the steps of a reply to a world case.

    Returns:
        F1 of the claims that hold (precision) and the facts cited (recall), minus the share of steps that
        are contradicted: 1.0 ``grounded`` at best. Below it ``contradicted``, ``invented`` or
        ``incomplete``; -1.0 ``no_steps`` or ``no_claims``; None ``no_truth`` for cases without truth, or
        ``engine_error``.
    """
    if case.truth is None or trace.stop == "error":
        return Score(value=None, why="no_truth" if case.truth is None else "engine_error")
    steps = trace.steps[:MOST_STEPS]
    if not steps:
        return Score(value=-1.0, why="no_steps")
    facts = gather_facts(case, case.truth)
    claims = [list(read_claims(case, facts, step)) for step in steps]
    read = [_judge_step(found) for found in claims]
    scores = mark_unread(read, len(trace.steps))
    flat = [claim for found in claims for claim in found]
    if not flat:
        return Score(value=-1.0, why="no_claims", steps=scores)
    n = {
        support: sum(claim[0] == support for claim in flat)
        for support in ("supported", "contradicted", "unknown")
    }
    precision, recall = n["supported"] / len(flat), _recall(facts, flat, steps)
    contradicted = sum(score.support == "contradicted" for score in read) / len(read)
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
    return Score(value=max(-1.0, f1 - contradicted), why=why, steps=scores)


def _recall(facts: Facts, claims: list[Claim], steps: tuple[str, ...]) -> float:
    """Share of the case's facts that the steps name."""
    cited = {what for support, what, _ in claims if support == "supported"}
    text = "\n".join(steps).lower()
    named = [name in cited for name in facts.states]
    written = set(NUMBER.findall(text)) if facts.key_numbers else set()
    named += [any(is_rounding(n, number) for n in written) for number in facts.key_numbers]
    named += [key in text for key in facts.key_texts]
    return sum(named) / len(named)


def _judge_step(claims: list[Claim]) -> StepScore:
    for support in ("contradicted", "unknown"):
        for found, _, why in claims:
            if found == support:
                return StepScore(support=support, why=why)
    if not claims:
        return StepScore(support="unknown", why="nothing in it can be checked")
    return StepScore(
        support="supported", why=f"{len(claims)} claims hold" if len(claims) > 1 else "1 claim holds"
    )
