"""Diagnosis cases: which condition is most likely, given exactly what the vignette says.

The options are fixed first and the key is drawn evenly among them; then patients of the key are made
until one shows a posterior that puts the key first with a margin. So the options alone tell nothing.
"""

from dataclasses import dataclass, replace
from random import Random

from gazal.core.case import Tags
from gazal.core.truth import DiagnosisTruth
from gazal.world.draft import Difficulty, Draft, Pair, letter
from gazal.world.kinds.vignettes import DIALS, Options, Vignette, find_turn, find_vignette, grade_posterior
from gazal.world.posterior import KEPT, Floats, find_band
from gazal.world.text import Patient, pick, write_list, write_patient
from gazal.world.universe import Universe

COMPLAINT = (
    "{patient} presents with {items}.",
    "{patient} comes to the clinic with {items}.",
    "{patient} is seen because of {items}.",
    "{patient} seeks help for {items}.",
)
HISTORY = (
    "The history includes {items}.",
    "The records mention {items}.",
    "Background: {items}.",
)
SIGNS = (
    "Examination shows {items}.",
    "Examination reveals {items}.",
    "The physical examination finds {items}.",
)
DENIED = ("Also noted: {items}.", "Also documented: {items}.", "Of note: {items}.")
GROUPS = ("symptom", "history", "sign")
"""The order in which a vignette shows them."""
ASK = ("Which diagnosis is most likely?", "What is the most likely diagnosis?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is fixed before a patient is made."""

    candidates: tuple[str, ...]
    key: str
    difficulty: Difficulty

    @property
    def signature(self) -> str:
        """Same for every case with these options."""
        return sign(self.candidates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything a vignette says, with the wording of each finding for both polarities."""

    patient: Patient
    shown: tuple[str, ...]
    denied: tuple[str, ...]
    present: dict[str, str]
    absent: dict[str, str]
    sentences: tuple[str, ...]
    """The chosen complaint, history, signs, denial and question."""


def sign(candidates: tuple[str, ...]) -> str:
    """The signature of a set of options, in any order."""
    return "diagnosis|" + "|".join(sorted(candidates))


def draw_frame(universe: Universe, rng: Random, difficulty: Difficulty) -> Frame:
    """Choose options among the neighbours of a condition and the key evenly among the options."""
    anchor = universe.likelihoods.conditions[int(rng.random() * len(universe.likelihoods.conditions))]
    near = universe.neighbours[anchor][: DIALS[difficulty].near]
    candidates = (anchor, *rng.sample(near, 3))
    return Frame(candidates=candidates, key=candidates[int(rng.random() * 4)], difficulty=difficulty)


def fill_frame(universe: Universe, rng: Random, frame: Frame, twins: bool) -> Pair | None:
    """Make a patient of the key, and with ``twins`` one more of another option; None where that fails."""
    if twins:
        return _fill_twins(universe, rng, frame)
    lettered, answer = letter(list(frame.candidates), frame.key, rng)
    options = Options(candidates=frame.candidates, key=frame.key, dial=DIALS[frame.difficulty])
    vignette = find_vignette(universe, rng, options)
    if vignette is None:
        return None
    plan = _word(universe, rng, vignette)
    return Pair(draft=_write(universe, plan, lettered, answer, vignette.posterior_C))


def _fill_twins(universe: Universe, rng: Random, frame: Frame) -> Pair | None:
    """Split the options into two pairs that can both be turned into each other, and write one of them.

    Both have to exist though one is written: else options that are easily turned would be keys more often.
    """
    names, turns = rng.sample(frame.candidates, 4), []
    for pair in (names[:2], names[2:]):
        for key, partner in (pair, pair[::-1]):
            options = Options(candidates=frame.candidates, key=key, dial=DIALS[frame.difficulty])
            turn = find_turn(universe, rng, options, partner)
            if turn is not None:
                turns.append((turn, key, partner))
                break
        else:
            return None
    turn, key, partner = pick(rng, turns)
    lettered, answer = letter(list(frame.candidates), key, rng)
    other = next(place for place, name in lettered.items() if name == partner)
    plan = _word(universe, rng, turn.vignette)
    states = ("shown", "denied") if turn.finding in plan.shown else ("denied", "shown")
    change, back = (f"{turn.finding}: {a} -> {b}" for a, b in (states, states[::-1]))
    return Pair(
        draft=_write(universe, plan, lettered, answer, turn.vignette.posterior_C),
        twin=_write(universe, _flip(plan, turn.finding), lettered, other, turn.posterior_C),
        change=change,
        back=back,
    )


def _word(universe: Universe, rng: Random, vignette: Vignette) -> Plan:
    findings, mentioned = universe.knowledge.findings, [*vignette.shown, *vignette.denied]
    return Plan(
        patient=vignette.patient,
        shown=tuple(vignette.shown),
        denied=tuple(vignette.denied),
        present={name: pick(rng, findings[name].present) for name in mentioned},
        absent={name: pick(rng, findings[name].absent) for name in mentioned},
        sentences=tuple(pick(rng, options) for options in (COMPLAINT, HISTORY, SIGNS, DENIED, ASK)),
    )


def _flip(plan: Plan, name: str) -> Plan:
    shown = tuple(n for n in plan.shown if n != name) + ((name,) if name in plan.denied else ())
    denied = tuple(n for n in plan.denied if n != name) + ((name,) if name in plan.shown else ())
    return replace(plan, shown=shown, denied=denied)


def _write(
    universe: Universe,
    plan: Plan,
    lettered: dict[str, str],
    answer: str,
    posterior_C: Floats,
) -> Draft:
    conditions, findings, row = (
        universe.knowledge.conditions,
        universe.knowledge.findings,
        universe.likelihoods.row,
    )
    kept = {
        name: round(float(posterior_C[n]), 6)
        for n, name in enumerate(universe.likelihoods.conditions)
        if posterior_C[n] > KEPT or name in lettered.values()
    }
    truth = DiagnosisTruth(
        age=plan.patient.age,
        sex=plan.patient.sex,
        shown={
            name: plan.present[name]
            for group in GROUPS
            for name in plan.shown
            if findings[name].group == group
        },
        denied={name: plan.absent[name] for name in plan.denied},
        candidates=lettered,
        posterior=dict(sorted(kept.items(), key=lambda pair: (-pair[1], row[pair[0]]))),
    )
    return Draft(
        question=write_vignette(universe, plan),
        options={key: conditions[name].name for key, name in lettered.items()},
        answer=answer,
        truth=truth,
        tags=Tags(
            specialty=conditions[lettered[answer]].specialty,
            difficulty=grade_posterior(kept[lettered[answer]]),
            age_band=find_band(plan.patient.age),
            sex=plan.patient.sex,
        ),
    )


def write_vignette(universe: Universe, plan: Plan) -> str:
    """Write the patient, what is there, what is not, and the question."""
    findings = universe.knowledge.findings
    complaint, history, signs, denied, ask = plan.sentences
    groups = {group: [plan.present[n] for n in plan.shown if findings[n].group == group] for group in GROUPS}
    sentences = [complaint.format(patient=write_patient(plan.patient), items=write_list(groups["symptom"]))]
    if groups["history"]:
        sentences.append(history.format(items=write_list(groups["history"])))
    if groups["sign"]:
        sentences.append(signs.format(items=write_list(groups["sign"])))
    if plan.denied:
        sentences.append(denied.format(items=write_list([plan.absent[n] for n in plan.denied])))
    return " ".join((*sentences, ask))
