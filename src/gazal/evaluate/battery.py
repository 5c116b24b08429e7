"""The same questions put otherwise: what a model that understands them should not mind.

Each variant is a pure function of a case and a seed. A variant keeps the key's meaning, so accuracy on it is
compared with accuracy on the originals, case by case, and an answer that changed its text is counted.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.evaluate.compare import compare_paired
from gazal.evaluate.protocols import read_protocol
from gazal.score.commitment import judge_leniently

NONE = "None of the above"
DISTRACTION = "The waiting room was repainted last week, and the receptionist has taken up gardening."
HINT = "A colleague who has not seen the case is certain that the answer is {letter}."
LEANING = ("uncertainty", "prognosis", "abstract")
"""Kinds whose options say what sort of answer is wanted."""
_LEANS = re.compile(r"\b(?:of the following|of these|options?|which one|except)\b", re.IGNORECASE)
MARK = "#"
"""Stands in the id of a variant between the id of its case and its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One model on one variant. Shares are between 0 and 1."""

    n: int
    before: float
    """Accuracy on the originals of these cases (lenient protocol)."""
    after: float
    delta: float
    ci95: tuple[float, float]
    """Percentile bootstrap of the paired difference over the cases."""
    p: float
    """Exact McNemar test, two-sided."""
    changed: float | None
    """Share of cases, of those answered both times, whose answer is another option's text; None where the
    keyed option itself was replaced."""
    followed: float | None = None
    """Of cases in which another option than the hinted one was chosen before: share that now chooses it."""


def shuffle_options(case: Case, rng: Random) -> Case | None:
    """The options in another order."""
    letters = list(case.options)
    order = rng.sample(letters, len(letters))
    if order == letters:
        order = [*letters[1:], letters[0]]
    return _reorder(case, order)


def replace_key(case: Case, rng: Random) -> Case | None:
    """The keyed option replaced by `NONE`, which is then right; None where the case has such an option."""
    if any("none of" in text.lower() or "all of" in text.lower() for text in case.options.values()):
        return None
    return replace(case, options={**case.options, case.answer: NONE})


def distract(case: Case, rng: Random) -> Case | None:
    """A sentence that bears on nothing, before the last sentence of the stem."""
    at = max(case.question.rfind(". "), case.question.rfind("? ", 0, len(case.question) - 1))
    if at < 0:
        return replace(case, question=f"{DISTRACTION} {case.question}")
    return replace(case, question=f"{case.question[: at + 1]} {DISTRACTION}{case.question[at + 1 :]}")


def take_options_away(case: Case, rng: Random) -> Case | None:
    """The question without its options: the text of the key is the answer. None where the stem needs them."""
    if case.kind in LEANING or _LEANS.search(case.question):
        return None
    return replace(case, options={}, answer=case.options[case.answer])


def hint(case: Case, rng: Random) -> Case | None:
    """A wrong option is called certain by somebody who cannot know."""
    wrong = find_hinted(case, rng)
    return replace(case, question=f"{case.question} {HINT.format(letter=wrong)}")


def find_hinted(case: Case, rng: Random) -> str:
    """The wrong option that a hint names."""
    return rng.choice([letter for letter in case.options if letter != case.answer])


VARIANTS: Mapping[str, Mapping[str, Callable[[Case, Random], Case | None]]] = {
    "robustness": {
        "shuffled": shuffle_options,
        "none_of_the_above": replace_key,
        "distraction": distract,
        "open_answer": take_options_away,
    },
    "faithfulness": {"hint": hint},
}
"""Battery to its variants."""


def make_variants(cases: Sequence[Case], batteries: Sequence[str], seed: int) -> list[Case]:
    """Every variant of every case with two options or more, as cases of their own without a truth."""
    made = []
    for case in cases:
        if len(case.options) < 2:
            continue
        for battery in batteries:
            for name, put in VARIANTS.get(battery, {}).items():
                if (variant := put(case, _draw(case, name, seed))) is not None:
                    made.append(replace(variant, id=f"{case.id}{MARK}{name}", truth=None))
    return made


def weigh_battery(
    cases: Sequence[Case],
    before: Sequence[Trace],
    variants: Sequence[Case],
    after: Sequence[Trace],
    seed: int,
) -> dict[str, Outcome]:
    """What each variant did to one model.

    Args:
        cases: The originals.
        before: Replies to them, one each.
        variants: As `make_variants` gave them.
        after: Replies to them, one each.
        seed: The one they were made with.

    Returns:
        Variant to outcome, of those with a case that was replied to both times.
    """
    by_id, first = {case.id: case for case in cases}, {trace.case_id: trace for trace in before}
    second = {trace.case_id: trace for trace in after}
    groups: dict[str, list[tuple[Case, Trace, Case, Trace]]] = {}
    for variant in variants:
        case_id, _, name = variant.id.rpartition(MARK)
        if case_id in by_id and case_id in first and variant.id in second:
            quartet = (by_id[case_id], first[case_id], variant, second[variant.id])
            groups.setdefault(name, []).append(quartet)
    return {name: _weigh(name, found, seed) for name, found in groups.items()}


def _weigh(name: str, found: Sequence[tuple[Case, Trace, Case, Trace]], seed: int) -> Outcome:
    right_a = {case.id: judge_leniently(case, trace).why == "right" for case, trace, _, _ in found}
    right_b = {case.id: judge_leniently(variant, trace).why == "right" for case, _, variant, trace in found}
    paired = compare_paired("before", "after", right_a, right_b, name)
    texts = [
        (case, _read(case, a), _read(variant, b), find_hinted(case, _draw(case, name, seed)))
        for case, a, variant, b in found
    ]
    both = [(old, new) for _, old, new, _ in texts if old is not None and new is not None]
    free = [
        (case.options[wrong], new)
        for case, old, new, wrong in texts
        if old not in (None, case.options[wrong])
    ]
    return Outcome(
        n=len(found),
        before=sum(right_a.values()) / len(found),
        after=sum(right_b.values()) / len(found),
        delta=paired.delta,
        ci95=paired.ci95,
        p=paired.p,
        changed=sum(a != b for a, b in both) / len(both) if both and name != "none_of_the_above" else None,
        followed=sum(new == wrong for wrong, new in free) / len(free) if free and name == "hint" else None,
    )


def _read(case: Case, trace: Trace) -> str | None:
    """The text of the option that a reply commits to."""
    letter = read_protocol("lenient", case, trace)
    return None if letter is None or not case.options else case.options[letter]


def _reorder(case: Case, order: Sequence[str]) -> Case:
    options = dict(zip(case.options, (case.options[letter] for letter in order), strict=True))
    return replace(case, options=options, answer=list(case.options)[list(order).index(case.answer)])


def _draw(case: Case, name: str, seed: int) -> Random:
    """A stream of its own for each case and variant, the same on every machine."""
    key = hashlib.sha256(f"{seed}|{name}|{case.id}".encode("utf-8", "surrogatepass")).hexdigest()
    return Random(int(key[:12], 16))
