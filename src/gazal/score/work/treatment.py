"""A choice of treatment: drugs in their order of preference, each against what the patient's facts forbid."""

from collections.abc import Iterator
from dataclasses import dataclass

from gazal.core.truth import TreatmentTruth
from gazal.score.facts import Facts
from gazal.score.lexicon import find_mentions, split_words
from gazal.score.patterns import compile_pattern
from gazal.score.work.check import CHOICE, Check, find_rest
from gazal.world.knowledge import load_knowledge

_ORDER = compile_pattern(r"\b(first choice is|next comes) ", "first choice is ", "next comes ")
_EXCLUDES = compile_pattern(
    r"rules? it out|ruled out|contraindicat|must not|forbid|is not safe|\bavoid",
    *("it out", "ruled out", "contraindicat", "must not", "forbid", "is not safe", "avoid"),
)
_ALLOWS = compile_pattern(
    r"no fact speaks against it|nothing rules it out|nothing speaks against|can be given",
    *("speaks against", "rules it out", "can be given"),
)
_AVOIDED = compile_pattern(r"which is not given in ((?:[^;.\n]|\.(?=\d))*)", "which is not given in ")
_FACTS = compile_pattern(r"\bfacts to weigh: ([^\n]*)", "facts to weigh: ")
_AGE = compile_pattern(r"\bage(?:d| of)? #", "age")


@dataclass(slots=True)
class Place:
    """How many of the drugs in their order the steps before have gone through."""

    at: int = 0


def list_needed(truth: TreatmentTruth) -> dict[str, int]:
    """What has to be looked at: every drug up to the first that nothing forbids."""
    needed: list[str] = []
    for drug, reasons in truth.forbidden.items():
        needed.append(f"drug {drug}")
        if not reasons:
            break
    return dict.fromkeys([*needed, CHOICE], 1)


def check_step(truth: TreatmentTruth, facts: Facts, step: str, place: Place) -> Iterator[Check]:
    """The computations of one step; ``place`` goes on from step to step."""
    for found in _FACTS.finditer(step):
        if rest := find_rest(found[1], truth.facts.values()):
            yield Check("facts", False, f"{rest}: not among the facts of this case", silent=True)
    drug = None if _FACTS.search(step) else _find_drug(truth, step)
    if drug is None:
        return
    for found in _AVOIDED.finditer(step):
        rest = find_rest(found[1], map(_label, load_knowledge().drugs[drug].avoid))
        why = f"{rest}: not what forbids it" if rest else "as known of it"
        yield Check(f"avoided {drug}", not rest, why, found.span(1))
    order = list(truth.forbidden)
    if found := _ORDER.search(step):
        expected = 0 if found[1].lower().startswith("first") else place.at
        if expected >= len(order) or order[expected] != drug:
            right = order[expected] if expected < len(order) else None
            why = f"in this order comes {_name(right) if right else 'none'}"
            at = found.end(), found.end() + len(_name(drug))
            yield Check(f"order {drug}", False, why, at, silent=True)
        place.at = order.index(drug) + 1
    begin = step.rfind(";") + 1
    verdict, at = step[begin:], (begin, len(step))
    reasons = truth.forbidden[drug]
    forbidden = f"{_name(drug)}: ruled out by {', '.join(map(_label, reasons))}" if reasons else ""
    if _EXCLUDES.search(verdict):
        holds = bool(reasons) and _cites(truth, facts, verdict, reasons)
        yield Check(f"drug {drug}", holds, forbidden or f"{_name(drug)}: nothing here rules it out", at)
    elif _ALLOWS.search(verdict):
        yield Check(f"drug {drug}", not reasons, forbidden or f"{_name(drug)}: nothing here rules it out", at)


def _find_drug(truth: TreatmentTruth, step: str) -> str | None:
    """The first drug of the order that a step names; the longest name where several begin alike."""
    words = f" {' '.join(split_words(step))} "
    places = {
        drug: (words.find(f" {' '.join(split_words(_name(drug)))} "), -len(_name(drug)))
        for drug in truth.forbidden
    }
    found = {drug: place for drug, place in places.items() if place[0] >= 0}
    return min(found, key=lambda drug: found[drug]) if found else None


def _cites(truth: TreatmentTruth, facts: Facts, verdict: str, reasons: tuple[str, ...]) -> bool:
    """Whether what is named as the reason is one; the phrase may be the question's, or an age."""
    cited = {mention.name for mention in find_mentions(facts.lexicon, verdict) if mention.present}
    words = " ".join(split_words(verdict))
    cited |= {name for name, phrase in truth.facts.items() if " ".join(split_words(phrase)) in words}
    age = any(int(float(found[1])) == truth.age for found in _AGE.finditer(verdict))
    named = set(truth.facts)
    return bool(cited & set(reasons)) or (age and any(reason not in named for reason in reasons))


def _name(drug: str) -> str:
    return load_knowledge().drugs[drug].name


def _label(modifier: str) -> str:
    return load_knowledge().modifiers[modifier].label
