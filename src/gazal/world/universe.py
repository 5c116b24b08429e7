"""The knowledge with all that can be worked out once and is asked for at every case.

Shapes: C conditions, F findings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gazal.world.knowledge import Knowledge, load_knowledge
from gazal.world.posterior import Flags, Floats, Likelihoods, build_likelihoods, draw_subsets, normalise
from gazal.world.text import Patient


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """Knowledge, its arrays, and who resembles whom."""

    knowledge: Knowledge
    likelihoods: Likelihoods
    neighbours: Mapping[str, tuple[str, ...]]
    """Condition to all others, the most easily confused first."""
    present_FC: Floats
    """P(finding present | condition)."""
    named_CF: Flags
    """Whether a condition names a finding, rather than having it at its background rate."""
    symptom_F: Flags
    ages_F2: NDArray[np.int64]
    """First and last year at which a finding is mentioned."""
    sexes_F: Mapping[str, Flags]
    """Sex to whether a finding can be mentioned of it."""
    apart_FF: Flags
    """Whether two findings are never mentioned together."""

    def mentionable(self, patient: Patient) -> Flags:
        """Which findings a vignette of this patient may mention, shape F."""
        return (
            (self.ages_F2[:, 0] <= patient.age)
            & (patient.age <= self.ages_F2[:, 1])
            & self.sexes_F[patient.sex]
        )


@cache
def build_universe() -> Universe:
    """Build it from the shipped knowledge, once per process."""
    knowledge = load_knowledge()
    likelihoods, findings = build_likelihoods(knowledge), knowledge.findings
    return Universe(
        knowledge=knowledge,
        likelihoods=likelihoods,
        neighbours=_find_neighbours(knowledge, likelihoods),
        present_FC=np.exp(likelihoods.shown_FC),
        named_CF=np.array([[name in c.findings for name in findings] for c in knowledge.conditions.values()]),
        symptom_F=np.array([f.group == "symptom" for f in findings.values()]),
        ages_F2=np.array([f.age for f in findings.values()]),
        sexes_F={s: np.array([f.sex in (None, s) for f in findings.values()]) for s in ("female", "male")},
        apart_FF=_find_apart(knowledge, likelihoods),
    )


def _find_apart(knowledge: Knowledge, likelihoods: Likelihoods) -> Flags:
    apart_FF = np.zeros((len(knowledge.findings), len(knowledge.findings)), dtype=bool)
    for name, finding in knowledge.findings.items():
        for other in finding.apart:
            a, b = likelihoods.column[name], likelihoods.column[other]
            apart_FF[a, b] = apart_FF[b, a] = True
    return apart_FF


def _find_neighbours(
    knowledge: Knowledge, likelihoods: Likelihoods, n: int = 200
) -> dict[str, tuple[str, ...]]:
    """Order conditions by how often short vignettes of the one leave the other in play, both ways.

    From ``n`` vignettes of four findings per condition, always the same ones.
    """
    generator, findings = np.random.default_rng(0), list(knowledge.findings)
    names, confused_CC = likelihoods.conditions, []
    for name in names:
        own = knowledge.conditions[name].findings
        weight_F = np.log(np.array([own[f].p if f in own else 1e-300 for f in findings]))
        shown_KF = draw_subsets(generator, np.tile(weight_F, (n, 1)), np.full(n, 4))
        row = likelihoods.row[name]
        prior_KC = np.stack(list(likelihoods.prior_C.values()))
        likely = np.flatnonzero(np.isfinite(prior_KC[:, row]))
        prior_KC = prior_KC[generator.choice(likely, n)]
        confused_CC.append(np.sqrt(normalise(prior_KC + shown_KF @ likelihoods.shown_FC)).mean(axis=0))
    alike_CC = np.array(confused_CC) + np.array(confused_CC).T
    np.fill_diagonal(alike_CC, -np.inf)
    order_CC = np.argsort(-alike_CC, axis=1, kind="stable")[:, :-1]
    return {name: tuple(names[n] for n in order_CC[row]) for row, name in enumerate(names)}
