"""Treatment cases: the first choice, in order of preference, that nothing about this patient forbids.

The four options and the key are drawn first, the key evenly among them; then the patient gets facts
that forbid every better choice and leave the key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from gazal.core.case import Tags
from gazal.core.truth import TreatmentTruth
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
    """Choose facts that make the key right; None when this patient cannot have such facts.

    With ``twins`` the twin's key is drawn evenly as well, before any fact is chosen.
    """
    partner = pick(rng, [name for name in frame.candidates if name != frame.key]) if twins else None
    for _ in range(TRIES):
        chosen = _choose_facts(universe, rng, frame, partner)
        if chosen is None:
            continue
        true, turned = chosen
        plan = _word(universe, rng, frame, true, [turned] if turned and turned not in true else [])
        lettered, answer = letter(list(frame.candidates), frame.key, rng)
        draft = _write(universe, frame, plan, lettered, answer)
        if partner is None or turned is None:
            return Pair(draft=draft)
        return _add_twin(universe, replace(frame, key=partner), plan, draft, turned)
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


def _choose_facts(
    universe: Universe, rng: Random, frame: Frame, partner: str | None
) -> tuple[list[str], str | None] | None:
    """Choose what is true of the patient: it forbids every choice before the key and spares the key.

    With a partner, one fact is the hinge: where it holds, the later of key and partner in the order of
    preference is right, and where it does not, the earlier.

    Returns:
        The true facts and the hinge; None where this patient cannot have such facts.
    """
    choices, drugs = universe.knowledge.treatments[frame.problem].choices, universe.knowledge.drugs
    pair = sorted({frame.key, partner or frame.key}, key=choices.index)
    earlier, later = pair[0], pair[-1]
    by_age = set(find_holding(universe, frame.patient, ()))
    spared = {*drugs[earlier].avoid, *drugs[later].avoid}
    if spared & by_age:
        return None
    true: list[str] = []
    for name in choices[: choices.index(later)]:
        if name == earlier or set(drugs[name].avoid) & {*true, *by_age}:
            continue
        ways = [m for m in drugs[name].avoid if m not in spared and _can_have(universe, m, frame.patient)]
        if not ways:
            return None
        true.append(pick(rng, ways))
    if earlier == later:
        return true, None
    hinges = [
        m
        for m in drugs[earlier].avoid
        if m not in drugs[later].avoid and _can_have(universe, m, frame.patient)
    ]
    if not hinges:
        return None
    hinge = pick(rng, hinges)
    return [*true, *([hinge] if frame.key == later else [])], hinge


def _word(universe: Universe, rng: Random, frame: Frame, true: list[str], false: list[str]) -> Plan:
    """Add facts that do not matter, order all of them, and choose the words."""
    false = [*false, *_draw_extras(universe, rng, frame, [*true, *false])]
    mentioned = rng.sample([*true, *false], len(true) + len(false))
    modifiers, hard = universe.knowledge.modifiers, frame.difficulty == "hard"
    return Plan(
        true=tuple(name for name in mentioned if name in true),
        false=tuple(name for name in mentioned if name in false),
        order=tuple(mentioned),
        yes={name: _phrase(rng, modifiers[name], True, hard) for name in mentioned},
        no={name: _phrase(rng, modifiers[name], False, hard) for name in mentioned},
        sentences=tuple(pick(rng, wordings) for wordings in (OPENING, FACTS, CLOSING, ASK)),
    )


def _draw_extras(universe: Universe, rng: Random, frame: Frame, mentioned: list[str]) -> list[str]:
    """Facts to mention as not holding, of those that would forbid an option if they did."""
    low, high = EXTRA[frame.difficulty]
    # Without any fact the question would have nothing to weigh.
    n = max(rng.randint(low, high), 0 if mentioned else 1)
    drugs = universe.knowledge.drugs
    named = sorted({m for name in frame.candidates for m in drugs[name].avoid} - set(mentioned))
    pool = [m for m in named if _can_have(universe, m, frame.patient)]
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


def _phrase(rng: Random, modifier: Modifier, holds: bool, hard: bool) -> str:
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


def _add_twin(universe: Universe, frame: Frame, plan: Plan, draft: Draft, turned: str) -> Pair:
    """Turn one fact around; ``frame`` has the twin's key."""
    assert isinstance(draft.truth, TreatmentTruth)
    lettered = dict(draft.truth.candidates)
    other = replace(
        plan,
        true=tuple(n for n in plan.order if (n in plan.true) != (n == turned)),
        false=tuple(n for n in plan.order if (n in plan.false) != (n == turned)),
    )
    answer = next(key for key, drug in lettered.items() if drug == frame.key)
    twin = _write(universe, frame, other, lettered, answer)
    states = ("holds", "does not hold") if turned in plan.true else ("does not hold", "holds")
    change, back = (f"{turned}: {a} -> {b}" for a, b in (states, states[::-1]))
    return Pair(draft=draft, twin=twin, change=change, back=back)


def _write(universe: Universe, frame: Frame, plan: Plan, lettered: dict[str, str], answer: str) -> Draft:
    problem, drugs = universe.knowledge.treatments[frame.problem], universe.knowledge.drugs
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
            sex=frame.patient.sex,
            facts=phrases,
            holds=holding,
            candidates=lettered,
            forbidden=find_forbidden(universe, frame.problem, holding),
        ),
        tags=Tags(
            specialty=problem.specialty,
            difficulty=frame.difficulty,
            age_band=find_band(frame.patient.age),
            sex=frame.patient.sex,
            topic=frame.problem,
        ),
    )
