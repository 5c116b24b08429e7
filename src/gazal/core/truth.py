"""What a world case was made from: enough to recompute its key and to check every reasoning step.

Ids are those of the knowledge files; phrases are as the question shows them. Probabilities are shares
between 0 and 1, rounded to 6 decimals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

CLOSED = ConfigDict(extra="forbid")
Sex = Literal["female", "male"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """The counterfactual partner of a case: one change, another key."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    id: str
    """Id of the partner."""
    change: str
    """What differs, seen from this case, such as ``neck_stiffness: shown -> denied``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisTruth:
    """A patient of one condition, what was shown and denied, and the exact posterior of all conditions."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    kind: Literal["diagnosis"] = "diagnosis"
    age: int
    sex: Sex
    shown: Mapping[str, str]
    """Finding id to its phrase in the question."""
    denied: Mapping[str, str]
    """Finding id to its phrase ("no fever") in the question."""
    candidates: Mapping[str, str]
    """Letter to condition id."""
    posterior: Mapping[str, float]
    """P(condition | age, sex, shown, denied) for the candidates and for all others above 0.001."""
    twin: Twin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TreatmentTruth:
    """A problem, a patient, and which drugs the patient's facts forbid."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    kind: Literal["treatment"] = "treatment"
    problem: str
    age: int
    sex: Sex
    facts: Mapping[str, str]
    """Modifier id to its phrase in the question, for every modifier that the question speaks of."""
    holds: tuple[str, ...]
    """The modifiers that are true of the patient, age rules included."""
    candidates: Mapping[str, str]
    """Letter to drug id."""
    forbidden: Mapping[str, tuple[str, ...]]
    """Drug id to the modifiers that forbid it, for every choice that the world has for the problem."""
    twin: Twin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UncertaintyTruth:
    """A test result on top of a pre-test probability, and the decision that follows."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    kind: Literal["uncertainty"] = "uncertainty"
    form: Literal["post_test", "decision"]
    test: str
    age: int
    sex: Sex
    pretest: float
    other_pretest: float | None
    """A second probability in the question that does not apply to this patient, if it names one."""
    positive: bool
    result: str
    """The phrase that gives the result in the question."""
    sensitivity: float
    specificity: float
    stated: bool
    """Whether the question states sensitivity and specificity or leaves them to be known."""
    posttest: float
    test_below: float | None = None
    treat_above: float | None = None
    candidates: Mapping[str, str]
    """Letter to a probability such as ``0.53``, or to ``treat``, ``test`` or ``wait``."""
    twin: Twin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrognosisTruth:
    """A bedside score: what each item is worth for this patient, and the class of the sum."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    kind: Literal["prognosis"] = "prognosis"
    score: str
    age: int
    sex: Sex
    values: Mapping[str, str]
    """Item id to what the question says of it: a phrase, a number, or a pressure such as ``95/60``."""
    points: Mapping[str, float]
    """Item id to points, age and sex items included."""
    total: float
    risk_class: str
    candidates: Mapping[str, float]
    """Letter to total."""
    twin: Twin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallTruth:
    """One fact: ``relation(subject) = object``."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    kind: Literal["recall"] = "recall"
    relation: str
    subject: str
    object: str
    candidates: Mapping[str, str]
    """Letter to the id of a possible object."""
    twin: None = None


Truth = DiagnosisTruth | TreatmentTruth | UncertaintyTruth | PrognosisTruth | RecallTruth
