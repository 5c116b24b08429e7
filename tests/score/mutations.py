"""Worked solutions with one thing changed in one step: a number, finding, drug, letter, word, polarity."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from gazal.core.case import Case
from gazal.core.chat import write_reply
from gazal.core.trace import Trace
from gazal.core.truth import DiagnosisTruth, PrognosisTruth, RecallTruth, TreatmentTruth
from gazal.world.knowledge import load_knowledge
from gazal.world.records import FlagModifier
from gazal.world.solve import FREQUENCIES, solve

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
WORDS = tuple(word for _, word in FREQUENCIES)
VERDICTS = ("no fact speaks against it", "rules it out")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A worked solution with one fault."""

    case: Case
    sort: str
    step: int
    """Which step was changed, from 0."""
    told: str
    """What stood there, and what stands there now."""
    trace: Trace


def mutate(case: Case, rng: Random) -> Mutant | None:
    """One fault of a sort that fits the case; None where none fits."""
    steps = list(solve(case).steps)
    ways = [way for n, step in enumerate(steps) for way in _list_ways(case, n, step, rng)]
    if not ways:
        return None
    sorts = sorted({sort for sort, *_ in ways})
    sort = rng.choice(sorts)
    _, n, old, new, at = rng.choice([way for way in ways if way[0] == sort])
    steps[n] = steps[n][:at] + new + steps[n][at + len(old) :]
    text = write_reply(steps, "As said.", case.answer)
    trace = Trace(case_id=case.id, text=text, model="mutant")
    return Mutant(case=case, sort=sort, step=n, told=f"{old!r} -> {new!r} in {steps[n]!r}", trace=trace)


Way = tuple[str, int, str, str, int]
"""Sort, step, what stands there, what is to stand there, and where."""


def _list_ways(case: Case, n: int, step: str, rng: Random) -> Iterator[Way]:
    for found in NUMBER.finditer(step):
        after = step[found.end() : found.end() + 8]
        sort = "points" if "point" in after or "so far" in after else "number"
        yield sort, n, found[0], _other_number(found[0], rng), found.start()
    for found in re.finditer(r"(?:option|With) ([A-J])\b", step):
        letter = rng.choice([other for other in case.options if other != found[1]])
        yield "letter", n, found[1], letter, found.start(1)
    match case.truth:
        case DiagnosisTruth() as truth:
            yield from _change_findings(truth, n, step, rng)
            yield from _swap_option(case, n, step, rng, "condition")
        case TreatmentTruth() as truth:
            yield from _change_drugs(truth, n, step, rng)
        case PrognosisTruth() as truth:
            if (at := step.find(truth.risk_class)) >= 0 and step.startswith("A total"):
                names = [c.name for c in load_knowledge().scores[truth.score].classes]
                other = rng.choice([name for name in names if name != truth.risk_class])
                yield "class", n, truth.risk_class, other, at
        case RecallTruth():
            yield from _swap_option(case, n, step, rng, "object")
        case _:
            yield from _change_words(n, step)


def _change_findings(truth: DiagnosisTruth, n: int, step: str, rng: Random) -> Iterator[Way]:
    findings, stated = load_knowledge().findings, {**truth.shown, **truth.denied}
    for found in re.finditer(r"would be (very common|common|uncommon|rare)", step):
        word = rng.choice([w for w in WORDS if w != found[1]])
        yield "frequency", n, found[1], word, found.start(1)
    for name, phrase in stated.items():
        if (at := step.find(phrase)) >= 0:
            opposite = findings[name].absent if name in truth.shown else findings[name].present
            yield "polarity", n, phrase, rng.choice(list(opposite)), at
            other = rng.choice([f for f in findings if f not in stated])
            yield "finding", n, phrase, rng.choice(list(findings[other].present)), at


def _change_drugs(truth: TreatmentTruth, n: int, step: str, rng: Random) -> Iterator[Way]:
    knowledge = load_knowledge()
    for old, new in (VERDICTS, VERDICTS[::-1]):
        if (at := step.find(old)) >= 0:
            reason = rng.choice(list(truth.facts.values()) or [f"age {truth.age}"])
            yield "verdict", n, old, f"{reason} {new}" if old == VERDICTS[0] else new, at
    for drug in [d for d in truth.forbidden if f" {knowledge.drugs[d].name}" in f" {step}"][:1]:
        name = knowledge.drugs[drug].name
        other = rng.choice([d for d in truth.forbidden if d != drug] or list(knowledge.drugs)[:9])
        yield "drug", n, name, knowledge.drugs[other].name, step.find(name)
    for name, phrase in truth.facts.items():
        modifier = knowledge.modifiers[name]
        if n == 1 and isinstance(modifier, FlagModifier) and (at := step.find(phrase)) >= 0:
            opposite = modifier.absent if name in truth.holds else modifier.present
            yield "polarity", n, phrase, rng.choice(list(opposite)), at


def _change_words(n: int, step: str) -> Iterator[Way]:
    pairs = (("negative", "positive"), ("test positive", "test negative"))
    for old, new in pairs:
        if (at := step.find(old)) >= 0:
            yield "sign", n, old, new, at
    for old, new in (("above", "below"), ("below", "above"), ("between", "above")):
        if step.startswith(f"That is {old}"):
            yield "threshold", n, old, new, step.find(old)


def _swap_option(case: Case, n: int, step: str, rng: Random, sort: str) -> Iterator[Way]:
    """The text of one option for that of another."""
    for text in case.options.values():
        if (at := step.find(text)) >= 0:
            other = rng.choice([o for o in case.options.values() if o != text])
            yield sort, n, text, other, at
            return


def _other_number(text: str, rng: Random) -> str:
    """Another digit at one place, so that the number has as many."""
    places = [k for k, sign in enumerate(text) if sign.isdigit()]
    k = rng.choice(places)
    least = 1 if k == 0 and len(text.partition(".")[0]) > 1 else 0
    digit = rng.choice([d for d in range(least, 10) if str(d) != text[k]])
    return text[:k] + str(digit) + text[k + 1 :]
