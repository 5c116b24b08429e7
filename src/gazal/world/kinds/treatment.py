"""Treatment cases: the first choice, in order of preference, that nothing about this patient forbids.

The four options and the key are drawn first, the key evenly among them; then the patient gets facts
that forbid every better choice and leave the key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from gazal.core.case import Tags
from gazal.core.truth import Sex, TreatmentTruth
from gazal.world.draft import Difficulty, Draft, Pair, letter
from gazal.world.posterior import find_band
from gazal.world.records import AgeModifier, FlagModifier, Modifier, NumberModifier
from gazal.world.text import Patient, pick, write_list, write_patient
from gazal.world.universe import Universe

OPENING = (
    "{patient} needs treatment for {problem}.",
    "{patient} is to be treated for {problem}.",
    "{patient} is seen for {problem}.",
)
FACTS = ("Relevant facts: {items}.", "The chart lists {items}.", "To be taken into account: {items}.")
CLOSING = ("Nothing else bears on the choice.", "No other facts bear on the choice.")
ASK = (
    "Which treatment is the best choice?",
    "What should be given?",
    "Which option is the right first step?",
)
EXTRA: Mapping[Difficulty, tuple[int, int]] = {"easy": (0, 1), "medium": (1, 2), "hard": (2, 3)}
"""How many facts that change nothing are mentioned besides."""
TRIES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is fixed before the patient's facts are chosen."""

    problem: str
    candidates: tuple[str, ...]
    key: str
    patient: Patient
    difficulty: Difficulty

    @property
    def signature(self) -> str:
        """Same for every case with this problem, these options and this patient."""
        return sign(self.problem, self.candidates, self.patient)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The facts that are mentioned, each in both states."""

    true: tuple[str, ...]
    """Modifiers that hold and are mentioned, in the order of the text."""
    false: tuple[str, ...]
    """Modifiers that are mentioned and do not hold."""
    order: tuple[str, ...]
    yes: dict[str, str]
    """Modifier to its phrase when it holds."""
    no: dict[str, str]
    """Modifier to its phrase when it does not hold."""
    sentences: tuple[str, ...]


def sign(problem: str, candidates: tuple[str, ...], patient: Patient) -> str:
    """The signature of a problem, its options in any order, and a patient."""
    return "|".join(("treatment", problem, *sorted(candidates), str(patient.age), patient.sex))


def draw_frame(universe: Universe, rng: Random, difficulty: Difficulty) -> Frame:
    """Choose problem, patient, four options, and the key evenly among them."""
    treatments = universe.knowledge.treatments
    name = list(treatments)[int(rng.random() * len(treatments))]
    problem = treatments[name]
    candidates = tuple(sorted(rng.sample(problem.choices, 4), key=problem.choices.index))
    patient = Patient(rng.randint(*problem.age), problem.sex or ("female" if rng.random() < 0.5 else "male"))
    return Frame(
        problem=name,
        candidates=candidates,
        key=candidates[int(rng.random() * 4)],
        patient=patient,
        difficulty=difficulty,
    )


def fill_frame(universe: Universe, rng: Random, frame: Frame, twins: bool) -> Pair | None:
    """Choose facts that make the key right; None when this patient cannot have such facts."""
    for _ in range(TRIES):
        plan = _draw_plan(universe, rng, frame)
        if plan is None:
            continue
        lettered, answer = letter(list(frame.candidates), frame.key, rng)
        draft = _write(universe, frame, plan, lettered, answer)
        if not twins:
            return Pair(draft=draft)
        pair = _find_twin(universe, rng, frame, plan, draft)
        if pair is not None:
            return pair
    return None


def find_holding(universe: Universe, patient: Patient, true: tuple[str, ...]) -> tuple[str, ...]:
    """All modifiers that hold: those mentioned as true and the age rules."""
    by_age = [
        name
        for name, modifier in universe.knowledge.modifiers.items()
        if isinstance(modifier, AgeModifier) and _holds(modifier, patient.age)
    ]
    return (*true, *by_age)


def find_forbidden(universe: Universe, problem: str, holding: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """For every choice that the world has for the problem: what forbids it, empty where nothing does."""
    drugs = universe.knowledge.drugs
    return {
        name: tuple(modifier for modifier in drugs[name].avoid if modifier in holding)
        for name in universe.knowledge.treatments[problem].choices
    }


def _draw_plan(universe: Universe, rng: Random, frame: Frame) -> Plan | None:
    """Forbid every choice before the key, then add facts that do not matter."""
    choices = universe.knowledge.treatments[frame.problem].choices
    drugs, by_age = universe.knowledge.drugs, find_holding(universe, frame.patient, ())
    spared = set(drugs[frame.key].avoid)
    if spared & set(by_age):
        return None
    true: list[str] = []
    for name in choices[: choices.index(frame.key)]:
        if set(drugs[name].avoid) & {*true, *by_age}:
            continue
        ways = [m for m in drugs[name].avoid if m not in spared and _can_have(universe, m, frame.patient)]
        if not ways:
            return None
        true.append(pick(rng, ways))
    false = _draw_extras(universe, rng, frame, true)
    mentioned = rng.sample([*true, *false], len(true) + len(false))
    modifiers, hard = universe.knowledge.modifiers, frame.difficulty == "hard"
    return Plan(
        true=tuple(name for name in mentioned if name in true),
        false=tuple(name for name in mentioned if name in false),
        order=tuple(mentioned),
        yes={name: _word(rng, modifiers[name], True, hard) for name in mentioned},
        no={name: _word(rng, modifiers[name], False, hard) for name in mentioned},
        sentences=tuple(pick(rng, wordings) for wordings in (OPENING, FACTS, CLOSING, ASK)),
    )


def _draw_extras(universe: Universe, rng: Random, frame: Frame, true: list[str]) -> list[str]:
    """Facts to mention as not holding: preferably ones that would forbid an option if they did."""
    low, high = EXTRA[frame.difficulty]
    # The first choice needs something that could have been against it, or the facts would be empty.
    n = max(rng.randint(low, high), 0 if true else 1)
    drugs = universe.knowledge.drugs
    pool = {m for name in frame.candidates for m in drugs[name].avoid} - set(true)
    return _take(universe, rng, sorted(m for m in pool if _can_have(universe, m, frame.patient)), n)


def _take(universe: Universe, rng: Random, pool: list[str], n: int) -> list[str]:
    return rng.sample(pool, min(n, len(pool)))


def _can_have(universe: Universe, name: str, patient: Patient) -> bool:
    modifier = universe.knowledge.modifiers[name]
    if isinstance(modifier, AgeModifier):
        return False
    fits = modifier.sex is None or modifier.sex == patient.sex
    return fits and modifier.age[0] <= patient.age <= modifier.age[1]


def _holds(modifier: AgeModifier | NumberModifier, value: float) -> bool:
    if modifier.holds_below is not None:
        return value < modifier.holds_below
    assert modifier.holds_from is not None
    return value >= modifier.holds_from


def _word(rng: Random, modifier: Modifier, holds: bool, hard: bool) -> str:
    """Say that a modifier holds or does not hold."""
    if isinstance(modifier, FlagModifier):
        return pick(rng, modifier.present if holds else modifier.absent)
    assert isinstance(modifier, NumberModifier)
    step, (first, last) = 10.0**-modifier.decimals, modifier.range
    below = modifier.holds_below is not None
    threshold = modifier.holds_below if below else modifier.holds_from
    assert threshold is not None
    if holds == below:
        high = threshold - step if hard else max(threshold - modifier.margin, first)
        low = max(first, high - 4 * modifier.margin)
    else:
        low = threshold if hard else min(threshold + modifier.margin, last)
        high = min(last, low + 4 * modifier.margin)
    value = low + round(rng.random() * (high - low) / step) * step
    return modifier.text.format(value=f"{value:.{modifier.decimals}f}")


def _find_twin(universe: Universe, rng: Random, frame: Frame, plan: Plan, draft: Draft) -> Pair | None:
    """Look for one mentioned fact whose change makes another option the first that nothing forbids."""
    assert isinstance(draft.truth, TreatmentTruth)
    lettered = dict(draft.truth.candidates)
    for name in rng.sample(plan.order, len(plan.order)):
        was_true = name in plan.true
        other = replace(
            plan,
            true=tuple(n for n in plan.order if (n in plan.true) != (n == name)),
            false=tuple(n for n in plan.order if (n in plan.false) != (n == name)),
        )
        forbidden = find_forbidden(universe, frame.problem, find_holding(universe, frame.patient, other.true))
        winner = next((drug for drug, reasons in forbidden.items() if not reasons), None)
        if winner is None or winner == frame.key or winner not in frame.candidates:
            continue
        answer = next(key for key, drug in lettered.items() if drug == winner)
        twin = _write(universe, replace(frame, key=winner), other, lettered, answer)
        states = ("holds", "does not hold") if was_true else ("does not hold", "holds")
        change, back = (f"{name}: {a} -> {b}" for a, b in (states, states[::-1]))
        return Pair(draft=draft, twin=twin, change=change, back=back)
    return None


def _write(universe: Universe, frame: Frame, plan: Plan, lettered: dict[str, str], answer: str) -> Draft:
    problem, drugs = universe.knowledge.treatments[frame.problem], universe.knowledge.drugs
    sex: Sex = "female" if frame.patient.sex == "female" else "male"
    phrases = {name: plan.yes[name] if name in plan.true else plan.no[name] for name in plan.order}
    opening, facts, closing, ask = plan.sentences
    question = " ".join(
        (
            opening.format(patient=write_patient(frame.patient), problem=problem.name),
            facts.format(items=write_list(list(phrases.values()))),
            closing,
            ask,
        )
    )
    holding = find_holding(universe, frame.patient, plan.true)
    return Draft(
        question=question,
        options={key: drugs[name].name for key, name in lettered.items()},
        answer=answer,
        truth=TreatmentTruth(
            problem=frame.problem,
            age=frame.patient.age,
            sex=sex,
            facts=phrases,
            holds=holding,
            candidates=lettered,
            forbidden=find_forbidden(universe, frame.problem, holding),
        ),
        tags=Tags(
            specialty=problem.specialty,
            difficulty=frame.difficulty,
            age_band=find_band(frame.patient.age),
            sex=sex,
            topic=frame.problem,
        ),
    )
