"""A result on top of a pre-test probability: shares of 1000 patients, their sum, the quotient, thresholds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gazal.core.truth import UncertaintyTruth
from gazal.score.claims import is_rounding
from gazal.score.patterns import compile_pattern
from gazal.score.work.check import CHOICE, Check
from gazal.world.kinds.decisions import decide

THOUSAND = 1000.0
_DIGIT = re.compile(r"\d")
_PRETEST = compile_pattern(r"pre-?test probability (?:is|of|=) ?# ?%", "test probability ")
_SENSITIVITY = compile_pattern(r"sensitivity (?:is|of|=) ?# ?%|# ?% sensitive", "sensitiv")
_SPECIFICITY = compile_pattern(r"specificity (?:is|of|=) ?# ?%|# ?% specific\b", "specific")
_ILL = compile_pattern(r"\bof # (?:such )?patients,? # (?:would |will )?have\b", " patients")
_WELL = compile_pattern(r"\bother # (?:do|does|would|will) not have\b", "not have")
_SHARE = compile_pattern(r"# ?% of #(?: is| are|:| =|,) ?#(?! ?%)", "% of ")
_SUM = compile_pattern(r"(?<![\d.])# ?\+ ?# ?= ?#", "+")
_QUOTIENT = compile_pattern(r"(?<![\d.])# (?:of|out of|/) #(?: is|:| =|,) ?(?:about )?# ?%", " of ", " / ")
_SIGN = compile_pattern(r"\btests? (positive|negative)\b|: (positive|negative)\b", "itive", "negative")
_THRESHOLD = compile_pattern(
    r"\b(above|below|between) the (treatment|test) threshold of # ?%(?: and that of treatment, # ?%)?",
    "threshold of ",
)


@dataclass(frozen=True, slots=True)
class Counts:
    """Of 1000 patients like this one."""

    ill: float
    well: float
    of_ill: float
    """Share of the ill that has this result."""
    of_well: float
    hit_ill: float
    hit_well: float


def count_patients(truth: UncertaintyTruth) -> Counts:
    """What natural frequencies come to for a case."""
    ill = THOUSAND * truth.pretest
    of_ill = truth.sensitivity if truth.positive else 1.0 - truth.sensitivity
    of_well = 1.0 - truth.specificity if truth.positive else truth.specificity
    well = THOUSAND - ill
    return Counts(ill, well, of_ill, of_well, ill * of_ill, well * of_well)


def list_needed(truth: UncertaintyTruth) -> dict[str, int]:
    """What has to be computed, and how often each counts."""
    names = ["pretest", "sensitivity", "specificity", "ill", "hit_ill", "well", "hit_well", "sum", "posttest"]
    return dict.fromkeys([*names, *(["threshold"] if truth.form == "decision" else []), CHOICE], 1)


def check_step(truth: UncertaintyTruth, step: str) -> Iterator[Check]:
    """The computations of one step."""
    counts = count_patients(truth)
    yield from _check_sign(truth, step)
    if not _DIGIT.search(step):
        return
    given = (
        ("pretest", _PRETEST, truth.pretest),
        ("sensitivity", _SENSITIVITY, truth.sensitivity),
        ("specificity", _SPECIFICITY, truth.specificity),
    )
    for name, pattern, share in given:
        for found in pattern.finditer(step):
            n = next(n for n, group in enumerate(found.groups(), 1) if group)
            holds = is_rounding(found[n], 100.0 * share)
            yield Check(name, holds, f"{name}: {100.0 * share:g}%", found.span(n))
    yield from _check_groups(counts, step)
    yield from _check_hits(counts, step)
    total = counts.hit_ill + counts.hit_well
    for found in _QUOTIENT.finditer(step):
        parts = (counts.hit_ill, total, 100.0 * truth.posttest)
        wrong = _find_wrong(found, parts)
        why = f"{parts[0]:.1f} of {total:.1f} is {parts[2]:.1f}%"
        yield Check("posttest", not wrong, why, found.span(wrong or 3))
    if truth.test_below is not None and truth.treat_above is not None:
        for found in _THRESHOLD.finditer(step):
            limits = truth.test_below, truth.treat_above
            yield replace(_check_threshold(truth.posttest, *limits, found.groups()), at=found.span())


def _check_groups(counts: Counts, step: str) -> Iterator[Check]:
    for found in _ILL.finditer(step):
        share = counts.ill / THOUSAND
        holds = is_rounding(found[2], float(found[1]) * share)
        why = f"{100.0 * share:g}% of {found[1]} is {float(found[1]) * share:g}"
        yield Check("ill", holds, why, found.span(2))
    for found in _WELL.finditer(step):
        holds = is_rounding(found[1], counts.well)
        yield Check("well", holds, f"{counts.well:.0f} do not have it", found.span(1))


def _check_hits(counts: Counts, step: str) -> Iterator[Check]:
    for found in _SHARE.finditer(step):
        groups = (
            ("hit_ill", counts.ill, counts.of_ill, counts.hit_ill),
            ("hit_well", counts.well, counts.of_well, counts.hit_well),
        )
        mine = [group for group in groups if is_rounding(found[2], group[1])]
        same = [group for group in mine if is_rounding(found[1], 100.0 * group[2])]
        if not mine:
            why = f"{found[2]}: no such group of patients here"
            yield Check(f"share of {found[2]}", False, why, found.span(2), silent=True)
            continue
        name, n, share, hit = (same or mine)[0]
        holds = bool(same) and is_rounding(found[3], hit)
        yield Check(name, holds, f"{100.0 * share:g}% of {n:g} is {hit:.1f}", found.span(3 if same else 1))
    for found in _SUM.finditer(step):
        parts = (counts.hit_ill, counts.hit_well, counts.hit_ill + counts.hit_well)
        swapped = (parts[1], parts[0], parts[2])
        slips = [_find_wrong(found, way) for way in (parts, swapped)]
        wrong = max(slips) if all(slips) else 0
        why = f"{parts[0]:.1f} + {parts[1]:.1f} = {parts[2]:.1f}"
        yield Check("sum", not wrong, why, found.span(wrong or 3))


def _find_wrong(found: re.Match[str], parts: tuple[float, ...]) -> int:
    """Number of the first group that is no rounding of its part; 0 where all are."""
    pairs = enumerate(zip(found.groups(), parts, strict=True), 1)
    return next((n for n, (text, value) in pairs if not is_rounding(text, value)), 0)


def _check_sign(truth: UncertaintyTruth, step: str) -> Iterator[Check]:
    """Only what is wrong is told: that the result is positive is the question's, no computation."""
    word = "positive" if truth.positive else "negative"
    for found in _SIGN.finditer(step):
        if (found[1] or found[2]).lower() != word:
            yield Check("sign", False, f"the result is {word}", found.span(1 if found[1] else 2), silent=True)


def _check_threshold(posttest: float, below: float, above: float, found: tuple[str | None, ...]) -> Check:
    action = decide(posttest, below, above)
    where, which, first, second = found
    limit = above if which == "treatment" else below
    told = {("above", "treatment"): "treat", ("below", "test"): "wait", ("between", "test"): "test"}
    numbers = [(first, limit), *([(second, above)] if second else [])]
    right = told.get(((where or "").lower(), (which or "").lower())) == action
    holds = right and all(text is not None and is_rounding(text, 100.0 * value) for text, value in numbers)
    words = {
        "treat": f"above the treatment threshold of {100 * above:g}%",
        "wait": f"below the test threshold of {100 * below:g}%",
        "test": f"between the test threshold of {100 * below:g}% and that of treatment, {100 * above:g}%",
    }
    return Check("threshold", holds, f"it is {words[action]}")
