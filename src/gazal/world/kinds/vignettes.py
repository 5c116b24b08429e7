"""Search for vignettes whose exact posterior puts a given condition first, with a margin.

Many random vignettes are weighed at once. Shapes: K vignettes, F the findings that the options name, C all
conditions, O the options but the key, M single findings turned around.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from gazal.world.draft import Difficulty
from gazal.world.posterior import Flags, Floats, draw_subsets, find_band, normalise
from gazal.world.records import AGE_BANDS
from gazal.world.text import Patient
from gazal.world.universe import Universe


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """What a difficulty means."""

    shown: tuple[int, int]
    denied: tuple[int, int]
    least: float
    """P(key) is at least this."""
    most: float
    """P(key) is less than this."""
    near: int
    """Distractors come from this many nearest neighbours of a condition."""
    pick: int
    """Of this many qualifying vignettes the one with the most probable distractors is taken."""


DIALS: dict[Difficulty, Dial] = {
    "easy": Dial(shown=(5, 6), denied=(0, 1), least=0.9, most=1.01, near=12, pick=1),
    "medium": Dial(shown=(4, 5), denied=(1, 2), least=0.7, most=0.9, near=8, pick=4),
    "hard": Dial(shown=(4, 5), denied=(1, 2), least=0.45, most=0.7, near=5, pick=16),
}
LEAST = DIALS["hard"].least
"""P(key) is at least this in every case, twins included."""
MARGIN = 2.0
"""P(key) is at least this many times that of the next condition, in every case."""
BATCH, BATCHES, TURN_BATCHES = 32, 12, 4
LEAST_GAP = 0.2
"""A finding is worth denying when another option has it with at least this much more probability."""


def grade_posterior(p: float) -> Difficulty:
    """The difficulty of a diagnosis whose key has this probability."""
    return "easy" if p >= DIALS["easy"].least else "medium" if p >= DIALS["medium"].least else "hard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a search is about."""

    candidates: tuple[str, ...]
    key: str
    dial: Dial


@dataclass(frozen=True, slots=True, kw_only=True)
class Vignette:
    """What is shown and denied of whom, and the exact posterior."""

    patient: Patient
    shown: list[str]
    denied: list[str]
    posterior_C: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A vignette and the one finding whose change of polarity makes another option the key."""

    vignette: Vignette
    finding: str
    posterior_C: Floats
    """After the change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Random vignettes of one patient that qualify."""

    patient: Patient
    columns_F: NDArray[np.int64]
    shown_KF: Flags
    denied_KF: Flags
    log_KC: Floats
    """Posterior up to a constant per vignette, in nats."""


def find_vignette(universe: Universe, rng: Random, options: Options) -> Vignette | None:
    """Find a vignette of the key with distractors as near as the dial asks; None when there is none."""
    others = [universe.likelihoods.row[name] for name in options.candidates if name != options.key]
    for batch in _draw_batches(universe, rng, options, BATCHES):
        posterior_KC = normalise(batch.log_KC[: options.dial.pick])
        k = int(np.log(posterior_KC[:, others]).sum(axis=1).argmax())
        return _name(universe, rng, batch, k, posterior_KC[k])
    return None


def find_turn(universe: Universe, rng: Random, options: Options, partner: str) -> Turn | None:
    """Find a vignette of the key that one turned finding makes one of the partner; None if there is none."""
    arrays, row = universe.likelihoods, universe.likelihoods.row[partner]
    for batch in _draw_batches(universe, rng, options, TURN_BATCHES):
        sign_KF = batch.shown_KF.astype(float) - batch.denied_KF
        vignette_M, finding_M = np.nonzero(sign_KF)
        turn_FC = arrays.denied_FC[batch.columns_F] - arrays.shown_FC[batch.columns_F]
        steps_MC = sign_KF[vignette_M, finding_M][:, None] * turn_FC[finding_M]
        posterior_MC = normalise(batch.log_KC[vignette_M] + steps_MC)
        second_M, best_M = np.partition(posterior_MC, -2, axis=1)[:, -2:].T
        good = np.flatnonzero(
            (posterior_MC[:, row] == best_M) & (best_M >= LEAST) & (best_M >= MARGIN * second_M)
        )
        if len(good):
            m = good[int(rng.random() * len(good))]
            k = int(vignette_M[m])
            vignette = _name(universe, rng, batch, k, normalise(batch.log_KC[k : k + 1])[0])
            name = tuple(arrays.column)[batch.columns_F[finding_M[m]]]
            return Turn(vignette=vignette, finding=name, posterior_C=posterior_MC[m])
    return None


def _draw_batches(universe: Universe, rng: Random, options: Options, n: int) -> Iterator[Batch]:
    """Yield what qualifies of n batches; batches in which nothing does are left out."""
    arrays, dial = universe.likelihoods, options.dial
    key = arrays.row[options.key]
    others = [arrays.row[name] for name in options.candidates if name != options.key]
    for _ in range(n):
        patient = _draw_patient(universe, rng, options)
        if patient is None:
            return
        columns_F = np.flatnonzero(
            universe.named_CF[[key, *others]].any(axis=0) & universe.mentionable(patient)
        )
        shown_KF, denied_KF = _draw_findings(universe, rng, dial, key, others, columns_F)
        log_KC = arrays.prior_C[find_band(patient.age), patient.sex]
        log_KC = log_KC + shown_KF @ arrays.shown_FC[columns_F] + denied_KF @ arrays.denied_FC[columns_F]
        posterior_KC = normalise(log_KC)
        second_K, best_K = np.partition(posterior_KC, -2, axis=1)[:, -2:].T
        good_K = (posterior_KC[:, key] == best_K) & (best_K >= MARGIN * second_K)
        good_K &= (best_K >= dial.least) & (best_K < dial.most)
        good_K &= (shown_KF & universe.symptom_F[columns_F]).sum(axis=1) >= 2
        good = [
            k for k in np.flatnonzero(good_K) if not _clash(universe, columns_F[shown_KF[k] | denied_KF[k]])
        ]
        if good:
            yield Batch(
                patient=patient,
                columns_F=columns_F,
                shown_KF=shown_KF[good],
                denied_KF=denied_KF[good],
                log_KC=log_KC[good],
            )


def _name(universe: Universe, rng: Random, batch: Batch, k: int, posterior_C: Floats) -> Vignette:
    names = tuple(universe.likelihoods.column)
    shown, denied = (
        [names[f] for f in batch.columns_F[row]] for row in (batch.shown_KF[k], batch.denied_KF[k])
    )
    return Vignette(
        patient=batch.patient,
        shown=rng.sample(shown, len(shown)),
        denied=rng.sample(denied, len(denied)),
        posterior_C=posterior_C,
    )


def _draw_patient(universe: Universe, rng: Random, options: Options) -> Patient | None:
    """Draw age and sex for the key, where the other options are possible too."""
    weights = {}
    for (band, sex), prior_C in universe.likelihoods.prior_C.items():
        others = [
            math.exp(prior_C[universe.likelihoods.row[name]])
            for name in options.candidates
            if name != options.key
        ]
        own = math.exp(prior_C[universe.likelihoods.row[options.key]])
        weights[band, sex] = own * math.prod(others) ** (1 / 3)
    if not any(weights.values()):
        return None
    band, sex = rng.choices(list(weights), list(weights.values()))[0]
    return Patient(rng.randint(*AGE_BANDS[band]), sex)


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
