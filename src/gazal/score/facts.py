"""What a step may rest on: the facts of a case as its truth has them, by kind."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from gazal.core.case import Case
from gazal.core.truth import (
    DiagnosisTruth,
    PrognosisTruth,
    RecallTruth,
    TreatmentTruth,
    Truth,
    UncertaintyTruth,
)
from gazal.score.lexicon import Lexicon, build_lexicon, split_words
from gazal.world.kinds.prognosis import write_item
from gazal.world.knowledge import load_knowledge
from gazal.world.records import FlagModifier, LevelItem

_MOST_KEPT = 64
_KEPT: dict[str, tuple[Case, "Facts"]] = {}
NUMBER = re.compile(r"(?<![\w.])\d{1,9}(?:\.\d{1,9})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The facts of one case."""

    states: Mapping[str, bool]
    """Finding, modifier or item to whether the case shows or denies it."""
    numbers: tuple[float, ...]
    """Every number that the question holds or that follows from it."""
    key_numbers: tuple[float, ...]
    """Those that sound reasoning has to name."""
    key_texts: tuple[str, ...]
    """Texts that sound reasoning has to name, in lower case."""
    words: str
    """The question in lower case, its words parted by single blanks."""
    lexicon: Lexicon
    """Phrases that could be claimed in a case of this kind."""


def gather_facts(case: Case, truth: Truth) -> Facts:
    """Gather what the truth of a case supports; kept for the last cases, since many replies go to each."""
    known = _KEPT.get(case.id)
    if known is not None and known[0] is case:
        return known[1]
    facts = _gather(case, truth)
    while len(_KEPT) >= _MOST_KEPT:
        del _KEPT[next(iter(_KEPT))]
    _KEPT[case.id] = case, facts
    return facts


def _gather(case: Case, truth: Truth) -> Facts:
    follows, key_numbers = _list_numbers(truth)
    written = [float(n) for n in NUMBER.findall(" ".join((case.question, *case.options.values())))]
    return Facts(
        states=_list_states(truth),
        numbers=(*written, *follows),
        key_numbers=key_numbers,
        key_texts=tuple(text.lower() for text in (case.options[case.answer], *_list_readings(truth))),
        words=" ".join(split_words(case.question)),
        lexicon=build_kind_lexicon(truth.score if isinstance(truth, PrognosisTruth) else truth.kind),
    )


def _list_states(truth: Truth) -> dict[str, bool]:
    match truth:
        case DiagnosisTruth():
            return {**dict.fromkeys(truth.shown, True), **dict.fromkeys(truth.denied, False)}
        case TreatmentTruth():
            modifiers = load_knowledge().modifiers
            return {n: n in truth.holds for n in truth.facts if isinstance(modifiers[n], FlagModifier)}
        case UncertaintyTruth():
            return {truth.test: truth.positive}
        case PrognosisTruth():
            items = load_knowledge().scores[truth.score].items
            levels = {n: v for n, v in truth.values.items() if isinstance(items[n], LevelItem)}
            return {f"{name}={_level(items[name], phrase)}": True for name, phrase in levels.items()}
        case RecallTruth():
            return {}


def _list_readings(truth: Truth) -> Iterator[str]:
    """Measured values as the question words them."""
    knowledge = load_knowledge()
    if isinstance(truth, TreatmentTruth):
        yield from (t for n, t in truth.facts.items() if not isinstance(knowledge.modifiers[n], FlagModifier))
    if isinstance(truth, PrognosisTruth):
        items = knowledge.scores[truth.score].items
        yield from (
            write_item(items[n], v) for n, v in truth.values.items() if not isinstance(items[n], LevelItem)
        )


def _level(item: object, phrase: str) -> int:
    assert isinstance(item, LevelItem)
    return next(n for n, level in enumerate(item.levels) if phrase in level.phrases)


def _list_numbers(truth: Truth) -> tuple[list[float], tuple[float, ...]]:
    """Numbers that follow from a truth, and those of them (or of the question) that must be named."""
    match truth:
        case DiagnosisTruth():
            return [100.0 * p for p in truth.posterior.values()] + [99.0], ()
        case TreatmentTruth():
            return [float(truth.age)], ()
        case UncertaintyTruth():
            ill = 1000.0 * truth.pretest
            hit = ill * (truth.sensitivity if truth.positive else 1.0 - truth.sensitivity)
            false = (1000.0 - ill) * (1.0 - truth.specificity if truth.positive else truth.specificity)
            key = (
                100.0 * truth.pretest,
                100.0 * truth.sensitivity,
                100.0 * truth.specificity,
                100.0 * truth.posttest,
            )
            complements = (100.0 - key[1], 100.0 - key[2])
            return [*key, *complements, 1000.0, ill, 1000.0 - ill, hit, false, hit + false], key
        case PrognosisTruth():
            # Signs are read as dashes, so numbers are held without them.
            ordered = [*truth.values, *(name for name in truth.points if name not in truth.values)]
            sums = accumulate(truth.points[name] for name in ordered)
            points = [abs(p) for p in (*truth.points.values(), *sums, truth.total)]
            return [float(truth.age), *points], (points[-1],)
        case RecallTruth():
            return [], ()


@cache
def build_kind_lexicon(kind: str) -> Lexicon:
    """The phrases that a case of a kind, or of a bedside score, could claim."""
    return build_lexicon(_list_phrases(kind))


@cache
def build_label_lexicon() -> Lexicon:
    """The usual names of all that can forbid a drug."""
    return build_lexicon((m.label, name, True) for name, m in load_knowledge().modifiers.items())


def _list_phrases(kind: str) -> Iterator[tuple[str, str, bool]]:
    knowledge = load_knowledge()
    # Names of diseases and drugs shield their words: "fever" is not claimed by "rheumatic fever".
    yield from ((c.name, "", True) for c in knowledge.conditions.values())
    yield from ((t.name, "", True) for t in knowledge.treatments.values())
    yield from ((d.name, "", True) for d in knowledge.drugs.values())
    modifiers, tests = knowledge.modifiers.items(), knowledge.tests.items()
    worded = {
        "diagnosis": [(name, f.present, f.absent) for name, f in knowledge.findings.items()],
        "treatment": [(name, m.present, m.absent) for name, m in modifiers if isinstance(m, FlagModifier)],
        "uncertainty": [(name, test.positive, test.negative) for name, test in tests],
    }
    for name, present, absent in worded.get(kind, ()):
        yield from ((phrase, name, True) for phrase in present)
        yield from ((phrase, name, False) for phrase in absent)
    items = knowledge.scores[kind].items if kind in knowledge.scores else {}
    levels = (
        (f"{n}={i}", level)
        for n, item in items.items()
        if isinstance(item, LevelItem)
        for i, level in enumerate(item.levels)
    )
    yield from ((phrase, name, True) for name, level in levels for phrase in level.phrases)
