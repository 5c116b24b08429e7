"""Uncertainty cases: what a test result makes of a pre-test probability, and what to do then.

Two forms. ``post_test``: the four options are the post-test probabilities of two pre-test
probabilities times two results; which one applies is drawn evenly, so the right number is anywhere
among them and the wrong ones are real mistakes (another base rate, the opposite result). ``decision``:
treat, test further, or neither, by the thresholds in the question; the key is drawn evenly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from gazal.core.case import Tags
from gazal.core.truth import UncertaintyTruth
from gazal.world.draft import Difficulty, Draft, Pair, letter
from gazal.world.kinds.decisions import (
    ACTION_NAMES,
    EASY_GAP,
    GAP,
    decide,
    list_decidable,
    list_hinges,
    list_pretests,
    list_turnable,
    log_odds,
    update,
    write_share,
)
from gazal.world.posterior import find_band
from gazal.world.records import AGE_BANDS, Test
from gazal.world.text import Patient, pick, write_patient
from gazal.world.universe import Universe

OPENING = (
    "{patient} may have {condition}.",
    "{patient} is suspected of having {condition}.",
    "{patient} is being worked up for {condition}.",
)
PRETEST = (
    "Before the test its probability in this patient is {pretest}.",
    "For this patient the pre-test probability is {pretest}.",
)
BOTH = (
    "A first guess was {other}; after history with examination the pre-test probability is {pretest}.",
    "A colleague had put it at {other}, but by all that is known so far the probability is {pretest}.",
)
STATED = (
    "The {test} has a sensitivity of {sensitivity} with a specificity of {specificity}.",
    "The {test} is {sensitivity} sensitive with a specificity of {specificity}.",
)
RESULT = ("The {test} gives {result}.", "The {test} is done with this result: {result}.")
THRESHOLDS = (
    "The threshold to {action} is {treat}; below {below} a further test is not worth its harms.",
    "One would {action} from {treat} upwards but not even test further below {below}.",
)
ASK_POST = ("What is the probability of {condition} now?", "How probable is {condition} after this result?")
ASK_DECISION = ("What follows?", "What should be done now?")
ACTIONS = {"test": "Test further before deciding", "wait": "Neither treat nor test further"}
GRID = (0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7)
"""Pre-test probabilities of the form ``post_test``."""
SLACK = 0.5
"""Standard deviation, in log-odds, that a stated confidence allows the given figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is fixed before probability and result are chosen."""

    form: str
    test: str
    patient: Patient
    difficulty: Difficulty

    @property
    def signature(self) -> str:
        """Same for every case with this form, test and patient."""
        return sign(self.form, self.test, self.patient)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The figures of one case and its wording."""

    pretest: float
    other: float | None
    stated: bool
    phrases: Mapping[bool, str]
    """Wording of a positive and of a negative result."""
    sentences: tuple[str, ...]


def sign(form: str, test: str, patient: Patient) -> str:
    """The signature of a form, a test and a patient."""
    return "|".join(("uncertainty", form, test, str(patient.age), patient.sex))


def draw_frame(universe: Universe, rng: Random, difficulty: Difficulty) -> Frame:
    """Choose form, test, and a patient who can have the condition."""
    tests, conditions = universe.knowledge.tests, universe.knowledge.conditions
    form = ("post_test", "decision")[rng.random() < 0.5]
    names = list_decidable() if form == "decision" else tuple(tests)
    name = names[int(rng.random() * len(names))]
    condition, (youngest, oldest) = conditions[tests[name].condition], tests[name].age
    bands = {AGE_BANDS[band]: weight for band, weight in condition.age.items()}
    spans = {(max(first, youngest), min(last, oldest)): weight for (first, last), weight in bands.items()}
    spans = {span: weight for span, weight in spans.items() if span[0] <= span[1]}
    first, last = rng.choices(list(spans), list(spans.values()))[0]
    sex = "female" if rng.random() < condition.female else "male"
    return Frame(form=form, test=name, patient=Patient(rng.randint(first, last), sex), difficulty=difficulty)


def fill_frame(universe: Universe, rng: Random, frame: Frame, twins: bool) -> Pair | None:
    """Choose figures with room between the options; None when none fit."""
    test, gap = universe.knowledge.tests[frame.test], EASY_GAP if frame.difficulty == "easy" else GAP
    if frame.form == "post_test":
        drawn = _draw_post_test(rng, test, gap)
    else:
        drawn = (_draw_hinge if twins else _draw_decision)(rng, frame.test, gap)
    if drawn is None:
        return None
    pretest, other, positive = drawn
    plan = Plan(
        pretest=pretest,
        other=other,
        stated=frame.difficulty != "hard",
        phrases={True: pick(rng, test.positive), False: pick(rng, test.negative)},
        sentences=tuple(
            pick(rng, s) for s in (OPENING, PRETEST, BOTH, STATED, RESULT, THRESHOLDS, ASK_POST, ASK_DECISION)
        ),
    )
    order = rng.sample(ACTION_NAMES, 3)
    draft = _write(universe, frame, plan, positive, order)
    if not twins:
        return Pair(draft=draft)
    twin = _write(universe, frame, plan, not positive, order)
    states = ("positive", "negative") if positive else ("negative", "positive")
    change, back = (f"result: {a} -> {b}" for a, b in (states, states[::-1]))
    return Pair(draft=draft, twin=twin, change=change, back=back)


def _draw_post_test(rng: Random, test: Test, gap: float) -> tuple[float, float | None, bool] | None:
    for _ in range(60):
        pretest, other = rng.sample(GRID, 2)
        posts = sorted(_four(test, pretest, other))
        apart = all(log_odds(b) - log_odds(a) >= gap for a, b in pairwise(posts))
        if apart and posts[0] >= 0.0015 and posts[-1] <= 0.9985 and len({write_share(p) for p in posts}) == 4:
            return pretest, other, rng.random() < 0.5
    return None


def _four(test: Test, pretest: float, other: float) -> list[float]:
    return [
        update(p, test.sensitivity, test.specificity, result)
        for p in (pretest, other)
        for result in (True, False)
    ]


def _draw_decision(rng: Random, name: str, gap: float) -> tuple[float, None, bool] | None:
    """Draw the key evenly, then a result and a pre-test probability that lead to it."""
    action = pick(rng, ACTION_NAMES)
    ways = {result: list_pretests(name, result, action, gap) for result in (True, False)}
    results = [result for result, fits in ways.items() if fits]
    if not results:
        return None
    positive = pick(rng, results)
    return pick(rng, ways[positive]), None, positive


def _draw_hinge(rng: Random, name: str, gap: float) -> tuple[float, None, bool] | None:
    """Draw key and twin's key evenly, then a pre-test probability at which the results lead to them."""
    if name not in list_turnable(gap):
        return None
    action, other = rng.sample(ACTION_NAMES, 2)
    ways = list_hinges(name, action, other, gap)
    pretest, positive = pick(rng, ways)
    return pretest, None, positive


def _write(universe: Universe, frame: Frame, plan: Plan, positive: bool, order: Sequence[str]) -> Draft:
    test = universe.knowledge.tests[frame.test]
    posttest = update(plan.pretest, test.sensitivity, test.specificity, positive)
    lettered, options, answer = _write_options(frame, plan, test, posttest, order)
    condition = universe.knowledge.conditions[test.condition]
    return Draft(
        question=_write_question(frame, plan, test, condition.name, positive),
        options=options,
        answer=answer,
        truth=UncertaintyTruth(
            form="post_test" if frame.form == "post_test" else "decision",
            test=frame.test,
            age=frame.patient.age,
            sex=frame.patient.sex,
            pretest=plan.pretest,
            other_pretest=plan.other if frame.difficulty != "easy" else None,
            positive=positive,
            result=plan.phrases[positive],
            sensitivity=test.sensitivity,
            specificity=test.specificity,
            stated=plan.stated,
            posttest=round(posttest, 6),
            test_below=test.test_below if frame.form == "decision" else None,
            treat_above=test.treat_above if frame.form == "decision" else None,
            candidates=lettered,
        ),
        tags=Tags(
            specialty=condition.specialty,
            difficulty=frame.difficulty,
            age_band=find_band(frame.patient.age),
            sex=frame.patient.sex,
            topic=frame.form,
        ),
    )


def _write_options(
    frame: Frame, plan: Plan, test: Test, posttest: float, order: Sequence[str]
) -> tuple[dict[str, str], dict[str, str], str]:
    if frame.form == "post_test":
        assert plan.other is not None
        named = {p: write_share(p) for p in sorted(_four(test, plan.pretest, plan.other))}
        lettered, answer = letter([f"{p:.6f}" for p in named], f"{posttest:.6f}", None)
        return lettered, dict(zip(lettered, named.values(), strict=True)), answer
    lettered, answer = letter(list(order), decide(posttest, test.test_below, test.treat_above), None)
    texts = {"treat": test.action[0].upper() + test.action[1:], **ACTIONS}
    return lettered, {key: texts[name] for key, name in lettered.items()}, answer


def _write_question(frame: Frame, plan: Plan, test: Test, condition: str, positive: bool) -> str:
    opening, pretest, both, stated, result, thresholds, ask_post, ask_decision = plan.sentences
    figures = {
        "patient": write_patient(frame.patient),
        "condition": condition,
        "test": test.name,
        "pretest": write_share(plan.pretest),
        "other": write_share(plan.other) if plan.other else "",
        "sensitivity": write_share(test.sensitivity),
        "specificity": write_share(test.specificity),
        "result": plan.phrases[positive],
        "action": test.action,
        "treat": write_share(test.treat_above),
        "below": write_share(test.test_below),
    }
    sentences = [opening, both if plan.other and frame.difficulty != "easy" else pretest]
    sentences += [stated] if plan.stated else []
    sentences += [result, *((thresholds, ask_decision) if frame.form == "decision" else (ask_post,))]
    return " ".join(sentence.format(**figures) for sentence in sentences)
