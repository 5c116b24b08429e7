"""A most likely diagnosis: how frequent each finding is under each option, and the posterior of the best."""

from collections.abc import Iterator
from dataclasses import replace

from gazal.core.case import Case
from gazal.core.truth import DiagnosisTruth
from gazal.score.claims import is_rounding
from gazal.score.facts import Facts
from gazal.score.lexicon import find_mentions
from gazal.score.patterns import compile_pattern
from gazal.score.work.check import CHOICE, Check, find_rest
from gazal.world.knowledge import load_knowledge
from gazal.world.solve import choose_weighed, name_frequency

_HEAD = compile_pattern(r"\bwith ([A-J]), ([^:\n]{1,80}):", "with ")
_FINDINGS = compile_pattern(r"\bthe findings are ([^\n]*)", "the findings are ")
_FREQUENCY = compile_pattern(r"would be (very common|common|uncommon|rare)\b", "would be ")
_POSTERIOR = compile_pattern(r"\bprobability of ([^.\n%]{1,80}?) is (over )?# ?%", "probability of ")
SURE = 0.99


def list_needed(case: Case, truth: DiagnosisTruth) -> dict[str, int]:
    """What has to be computed, and how often each counts: as many findings under each option as part them."""
    n = len(choose_weighed(load_knowledge(), truth, truth.candidates[case.answer]))
    weighed = {f"under {condition}": n for condition in truth.candidates.values()}
    return {**weighed, "posterior": 1, CHOICE: 1}


def check_step(truth: DiagnosisTruth, facts: Facts, step: str) -> Iterator[Check]:
    """The computations of one step."""
    knowledge, words = load_knowledge(), step.lower()
    names = {condition: knowledge.conditions[condition].name for condition in truth.candidates.values()}
    for found in _FINDINGS.finditer(step):
        if rest := find_rest(found[1], (*truth.shown.values(), *truth.denied.values())):
            yield Check("findings", False, f"{rest}: not among the findings of this case", silent=True)
    named = [condition for condition, name in names.items() if name.lower() in words]
    for found in _HEAD.finditer(step):
        condition = truth.candidates.get(found[1].upper())
        named = [c for c, name in names.items() if name.lower() == found[2].strip().lower()]
        if condition is None or named != [condition]:
            right = repr(names[condition]) if condition else "none of these"
            yield Check(f"option {found[1]}", False, f"option {found[1]} is {right}", silent=True)
    if len(named) == 1:
        yield from _check_frequencies(truth, facts, step, named[0])
    for found in _POSTERIOR.finditer(step):
        yield replace(_check_posterior(truth, names, found.groups()), at=(found.start(1), found.end()))


def _check_frequencies(truth: DiagnosisTruth, facts: Facts, step: str, condition: str) -> Iterator[Check]:
    knowledge, start = load_knowledge(), 0
    for found in _FREQUENCY.finditer(step):
        mentions = find_mentions(facts.lexicon, step[start : found.start()])
        start = found.end()
        if not mentions or mentions[-1].name not in facts.states:
            continue  # What the case does not hold is grounding's to say.
        finding = mentions[-1]
        p = knowledge.likelihood(finding.name, condition)
        right = name_frequency(p if finding.present else 1.0 - p)
        name = f"under {condition}: {finding.name}"
        yield Check(name, found[1].lower() == right, f"{finding.text}: {right} in {condition}", found.span(1))


def _check_posterior(truth: DiagnosisTruth, names: dict[str, str], found: tuple[str | None, ...]) -> Check:
    best = max(truth.candidates.values(), key=lambda condition: truth.posterior[condition])
    p, (text, over, percent) = truth.posterior[best], found
    right = f"the probability of {names[best]} is {100.0 * p:.1f}%"
    if (text or "").strip().lower() != names[best].lower() or percent is None:
        return Check("posterior", False, right)
    if over:
        return Check("posterior", p > float(percent) / 100.0 >= SURE - 1e-9, right)
    return Check("posterior", is_rounding(percent, 100.0 * p), right)
