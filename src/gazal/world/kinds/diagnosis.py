"""Diagnosis cases: which condition is most likely, given exactly what the vignette says.

The options are fixed first and the key is drawn evenly among them; then patients of the key are made
until one shows a posterior that puts the key first with a margin. So the options alone tell nothing.
"""

import math
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from numpy.typing import NDArray

from gazal.core.case import Tags
from gazal.core.truth import DiagnosisTruth, Sex
from gazal.world.draft import Difficulty, Draft, Pair, letter
from gazal.world.posterior import KEPT, Flags, Floats, draw_subsets, find_band, flip_each, normalise
from gazal.world.records import AGE_BANDS
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
class Dial:
    """What a difficulty means."""

    shown: tuple[int, int]
    denied: tuple[int, int]
    margin: float
    """P(key) is at least this many times the next condition's."""
    least: float
    """P(key) is at least this."""
    most: float
    """P(key) is at most this."""
    near: int
    """Distractors come from this many nearest neighbours of a condition."""
    pick: int
    """Of this many qualifying vignettes the one with the most probable distractors is taken."""


DIALS: dict[Difficulty, Dial] = {
    "easy": Dial(shown=(5, 6), denied=(0, 1), margin=10.0, least=0.85, most=1.0, near=12, pick=1),
    "medium": Dial(shown=(4, 5), denied=(1, 2), margin=4.0, least=0.70, most=0.98, near=8, pick=4),
    "hard": Dial(shown=(4, 5), denied=(1, 2), margin=2.0, least=0.45, most=0.85, near=5, pick=16),
}
MARGIN = min(dial.margin for dial in DIALS.values())
BATCH, BATCHES = 32, 12
LEAST_GAP = 0.2
"""A finding is worth denying when another option has it with at least this much more probability."""


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
    """Make patients of the key until one qualifies; None when none does."""
    lettered, answer = letter(list(frame.candidates), frame.key, rng)
    for _ in range(BATCHES):
        patient = _draw_patient(universe, rng, frame)
        if patient is None:
            return None
        most = BATCH if twins else DIALS[frame.difficulty].pick
        for shown, denied, posterior_C in propose(universe, rng, frame, patient, most):
            plan = _word(universe, rng, patient, shown, denied)
            draft = _write(universe, plan, lettered, answer, posterior_C, frame.difficulty)
            pair = _find_twin(universe, rng, frame, plan, draft) if twins else Pair(draft=draft)
            if pair is not None:
                return pair
    return None


def _draw_patient(universe: Universe, rng: Random, frame: Frame) -> Patient | None:
    """Draw age and sex for the key, where the other options are possible too."""
    weights = {}
    for (band, sex), prior_C in universe.likelihoods.prior_C.items():
        others = [
            math.exp(prior_C[universe.likelihoods.row[name]])
            for name in frame.candidates
            if name != frame.key
        ]
        own = math.exp(prior_C[universe.likelihoods.row[frame.key]])
        weights[band, sex] = own * math.prod(others) ** (1 / 3)
    if not any(weights.values()):
        return None
    band, sex = rng.choices(list(weights), list(weights.values()))[0]
    return Patient(rng.randint(*AGE_BANDS[band]), sex)


def propose(
    universe: Universe, rng: Random, frame: Frame, patient: Patient, most: int
) -> list[tuple[list[str], list[str], Floats]]:
    """Find (shown, denied, posterior) of the qualifying vignettes among one batch of random ones.

    Shapes: K vignettes, F the findings that the options name, C conditions, O the other options.

    Returns:
        The first ``most`` of them, with the most probable distractors first.
    """
    dial, arrays = DIALS[frame.difficulty], universe.likelihoods
    key, others = arrays.row[frame.key], [arrays.row[name] for name in frame.candidates if name != frame.key]
    columns_F = np.flatnonzero(universe.named_CF[[key, *others]].any(axis=0) & universe.mentionable(patient))
    shown_KF, denied_KF = _draw_findings(universe, rng, dial, key, others, columns_F)
    log_KC = arrays.prior_C[find_band(patient.age), patient.sex]
    log_KC = log_KC + shown_KF @ arrays.shown_FC[columns_F] + denied_KF @ arrays.denied_FC[columns_F]
    posterior_KC = normalise(log_KC)
    second_K, best_K = np.partition(posterior_KC, -2, axis=1)[:, -2:].T
    good_K = (posterior_KC[:, key] == best_K) & (best_K >= dial.margin * second_K)
    good_K &= (best_K >= dial.least) & (best_K <= dial.most)
    good_K &= (shown_KF & universe.symptom_F[columns_F]).sum(axis=1) >= 2
    good = [k for k in np.flatnonzero(good_K) if not _clash(universe, columns_F[shown_KF[k] | denied_KF[k]])]
    near_K = np.log(posterior_KC[:, others]).sum(axis=1)
    names, found = tuple(arrays.column), []
    for k in sorted(good[:most], key=lambda k: -near_K[k]):
        shown, denied = ([names[f] for f in columns_F[row]] for row in (shown_KF[k], denied_KF[k]))
        found.append((rng.sample(shown, len(shown)), rng.sample(denied, len(denied)), posterior_KC[k]))
    return found


def _draw_findings(
    universe: Universe, rng: Random, dial: Dial, key: int, others: list[int], columns_F: NDArray[np.int64]
) -> tuple[Flags, Flags]:
    """Draw what a batch of vignettes shows and denies, shapes KF."""
    generator = np.random.default_rng(rng.getrandbits(64))
    own_F, other_FO = universe.present_FC[columns_F, key], universe.present_FC[columns_F][:, others]
    # Half of the vignettes lean towards findings that the options share, so that the distractors stay near.
    shared_KF = (np.arange(BATCH) % 2)[:, None] * np.log(other_FO.mean(axis=1))
    weight_KF = np.where(universe.named_CF[key, columns_F], np.log(own_F) + shared_KF, -np.inf)
    gap_F = other_FO.max(axis=1) - own_F
    absent_F = np.where(gap_F > LEAST_GAP, np.log(np.maximum(gap_F, LEAST_GAP)), -np.inf)
    shown_KF = draw_subsets(generator, weight_KF, generator.integers(dial.shown[0], dial.shown[1] + 1, BATCH))
    n_K = generator.integers(dial.denied[0], dial.denied[1] + 1, BATCH)
    return shown_KF, draw_subsets(generator, np.where(shown_KF, -np.inf, absent_F), n_K)


def _clash(universe: Universe, mentioned: NDArray[np.int64]) -> bool:
    return bool(universe.apart_FF[np.ix_(mentioned, mentioned)].any())


def _word(universe: Universe, rng: Random, patient: Patient, shown: list[str], denied: list[str]) -> Plan:
    findings, mentioned = universe.knowledge.findings, [*shown, *denied]
    return Plan(
        patient=patient,
        shown=tuple(shown),
        denied=tuple(denied),
        present={name: pick(rng, findings[name].present) for name in mentioned},
        absent={name: pick(rng, findings[name].absent) for name in mentioned},
        sentences=tuple(pick(rng, options) for options in (COMPLAINT, HISTORY, SIGNS, DENIED, ASK)),
    )


def _find_twin(universe: Universe, rng: Random, frame: Frame, plan: Plan, draft: Draft) -> Pair | None:
    """Look for one finding whose change of polarity makes another option the key, with a margin."""
    assert isinstance(draft.truth, DiagnosisTruth)
    arrays, lettered = universe.likelihoods, dict(draft.truth.candidates)
    flips_MC = flip_each(arrays, plan.patient, plan.shown, plan.denied)
    second_M, best_M = np.partition(flips_MC, -2, axis=1)[:, -2:].T
    letters = {arrays.row[name]: key for key, name in lettered.items() if name != frame.key}
    mentioned = (*plan.shown, *plan.denied)
    for m in rng.sample(range(len(mentioned)), len(mentioned)):
        name, answer = mentioned[m], letters.get(int(flips_MC[m].argmax()))
        if answer is None or best_M[m] < MARGIN * second_M[m]:
            continue
        other = _flip(plan, name)
        if not any(universe.knowledge.findings[n].group == "symptom" for n in other.shown):
            continue
        twin = _write(universe, other, lettered, answer, flips_MC[m], frame.difficulty)
        states = ("shown", "denied") if name in plan.shown else ("denied", "shown")
        change, back = (f"{name}: {a} -> {b}" for a, b in (states, states[::-1]))
        return Pair(draft=draft, twin=twin, change=change, back=back)
    return None


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
    difficulty: Difficulty,
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
    sex: Sex = "female" if plan.patient.sex == "female" else "male"
    truth = DiagnosisTruth(
        age=plan.patient.age,
        sex=sex,
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
            difficulty=difficulty,
            age_band=find_band(plan.patient.age),
            sex=sex,
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
