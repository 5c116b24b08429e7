"""What a reasoning step claims about its case, and whether the case's truth holds it.

Claims are read without a model: known phrases with their polarity, numbers, the letter of an option, how
frequent a finding is in a condition, what forbids a drug, the fact that a recall case asks for.
"""

import re
from collections.abc import Iterator
from functools import cache

from gazal.core.case import Case
from gazal.core.score import Support
from gazal.core.truth import DiagnosisTruth, RecallTruth, TreatmentTruth
from gazal.score.facts import NUMBER, Facts, build_label_lexicon
from gazal.score.lexicon import find_mentions, split_words
from gazal.score.patterns import compile_pattern
from gazal.world.knowledge import load_knowledge
from gazal.world.solve import name_frequency

Claim = tuple[Support, str, str]
"""Support, what was claimed, and why it got that support."""
_OPTION = re.compile(r"(?:\s+is|,) option ([A-J])\b")
_FREQUENCY = re.compile(r"would be (very common|common|uncommon|rare)\b")
_EXCLUDES = compile_pattern(
    r"rules? it out|ruled out|contraindicat|must not|forbid|is not safe|\bavoid",
    *("it out", "ruled out", "contraindicat", "must not", "forbid", "is not safe", "avoid"),
)
_AVOIDED = re.compile(r"which is not given in ((?:[^;.]|\.(?=\d))*)")
_ALLOWS = compile_pattern(
    r"no fact speaks against it|nothing rules it out|best choice|can be given",
    *("no fact speaks", "nothing rules", "best choice", "can be given"),
)
_LONGEST = 4000
"""Characters of a step that are read."""


def read_claims(case: Case, facts: Facts, step: str) -> Iterator[Claim]:
    """Read every claim of one step, in no particular order."""
    step = step[:_LONGEST]
    if isinstance(case.truth, TreatmentTruth):
        yield from _claim_avoided(step)
        step = _AVOIDED.sub("", step)  # What it lists is known of the drug, not seen in the patient.
    yield from _claim_phrases(facts, step)
    yield from _claim_numbers(facts, step)
    yield from _claim_options(case, step)
    match case.truth:
        case DiagnosisTruth() as truth:
            yield from _claim_frequencies(truth, facts, step)
        case TreatmentTruth() as truth:
            yield from _claim_exclusions(truth, facts, step)
        case RecallTruth():
            yield from _claim_fact(case, step)


def is_rounding(text: str, number: float) -> bool:
    """Whether a number as written is the rounding of a number of the case."""
    decimals = len(text.partition(".")[2])
    return abs(float(text) - number) <= 0.5 * 10.0**-decimals + 1e-6


def _claim_phrases(facts: Facts, step: str) -> Iterator[Claim]:
    for mention in find_mentions(facts.lexicon, step):
        item = mention.name.partition("=")[0]
        if facts.states.get(mention.name) == mention.present:
            yield "supported", mention.name, "as the case has it"
        elif mention.name in facts.states or any(name.startswith(f"{item}=") for name in facts.states):
            yield "contradicted", mention.name, f"{mention.text}: the case says otherwise"
        elif mention.text not in facts.words:  # The problem itself may be worded like a finding.
            yield "unknown", mention.name, f"{mention.text}: not in the case"


def _claim_numbers(facts: Facts, step: str) -> Iterator[Claim]:
    for text in NUMBER.findall(step):
        value, half = float(text), 0.5 * 10.0 ** -len(text.partition(".")[2]) + 1e-6
        if value in facts.numbers or any(abs(value - number) <= half for number in facts.numbers):
            yield "supported", text, "a number of the case"
        else:
            yield "unknown", text, f"{text}: no such number in the case"


def _claim_options(case: Case, step: str) -> Iterator[Claim]:
    if " option " not in step:  # Most steps name none.
        return
    for found in _OPTION.finditer(step):
        letter, before = found[1], step[: found.start()].rstrip().lower()
        if letter in case.options and before.endswith(case.options[letter].lower()):
            yield "supported", f"option {letter}", "as listed"
        else:
            yield "contradicted", f"option {letter}", f"option {letter} is {case.options.get(letter)!r}"


def _claim_frequencies(truth: DiagnosisTruth, facts: Facts, step: str) -> Iterator[Claim]:
    """``<finding> would be rare`` in a step that names one of the options."""
    knowledge, words = load_knowledge(), step.lower()
    named = [c for c in truth.candidates.values() if knowledge.conditions[c].name.lower() in words]
    if len(named) != 1:
        return
    start = 0
    for found in _FREQUENCY.finditer(step):
        mentions = find_mentions(facts.lexicon, step[start : found.start()])
        start = found.end()
        if not mentions:
            continue
        p = knowledge.likelihood(mentions[-1].name, named[0])
        right = name_frequency(p if mentions[-1].present else 1.0 - p)
        support: Support = "supported" if found[1] == right else "contradicted"
        yield support, f"{mentions[-1].name} in {named[0]}", f"{mentions[-1].text}: {right} in {named[0]}"


def _claim_exclusions(truth: TreatmentTruth, facts: Facts, step: str) -> Iterator[Claim]:
    """A drug that is said to be ruled out, and by what, or to be fit to give."""
    mentions, drugs = find_mentions(facts.lexicon, step), load_knowledge().drugs
    cited, words = {mention.name for mention in mentions}, f" {' '.join(split_words(step))} "
    for mention in mentions:  # "ongoing methotrexate treatment" names no choice.
        words = words.replace(f" {mention.text} ", " / ")
    for drug, reasons in truth.forbidden.items():
        if f" {' '.join(split_words(drugs[drug].name))} " not in words:
            continue
        why = f"{drug}: forbidden by {', '.join(reasons)}" if reasons else f"{drug}: nothing here forbids it"
        if _EXCLUDES.search(step):
            holds = bool(reasons) and (not cited or not cited.isdisjoint(reasons))
            yield ("supported" if holds else "contradicted"), f"{drug} excluded", why
        elif _ALLOWS.search(step):
            yield ("contradicted" if reasons else "supported"), f"{drug} allowed", why


def _claim_avoided(step: str) -> Iterator[Claim]:
    """``<drug>, which is not given in <reasons>``: each against what is known of the drug."""
    knowledge = load_knowledge()
    for found in _AVOIDED.finditer(step):
        before = step[: found.start()].rstrip(" ,").lower()
        drug = next((drug for name, drug in _list_drugs() if before.endswith(name)), None)
        if drug is None:
            continue
        for mention in find_mentions(build_label_lexicon(), found[1]):
            if mention.name in knowledge.drugs[drug].avoid:
                yield "supported", f"{drug} not given in {mention.name}", "as the world has it"
            else:
                yield "contradicted", f"{drug} not given in {mention.name}", f"{mention.text}: not so"


@cache
def _list_drugs() -> tuple[tuple[str, str], ...]:
    """Names in lower case with their ids, the longest first."""
    drugs = load_knowledge().drugs
    return tuple(sorted(((drugs[d].name.lower(), d) for d in drugs), key=lambda entry: -len(entry[0])))


def _claim_fact(case: Case, step: str) -> Iterator[Claim]:
    """The step states the fact with one of the options in it."""
    words = step.lower()
    named = [letter for letter, text in case.options.items() if text.lower() in words]
    if len(named) == 1 and not _OPTION.search(step):
        right = named[0] == case.answer
        text = case.options[named[0]]
        yield (
            ("supported", "fact", "as the world has it")
            if right
            else ("contradicted", "fact", f"{text}: not so")
        )
