"""What the clinical world knows, as records: the shape of the YAML files in ``facts/``.

The figures serve to make consistent cases. They are not there to treat anyone.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Probability = Annotated[float, Field(gt=0.0, lt=1.0)]
"""Never 0 or 1: the world holds nothing for certain, so no posterior is decided by one finding."""

Phrase = Annotated[str, Field(pattern=r"^(?:[^,;.?!:]|[.]\d)+$", min_length=3)]
"""A noun phrase that can stand in a list: no comma, no full stop, and no `` and `` (checked below)."""

Band = Literal["child", "teen", "young", "middle", "old"]
AGE_BANDS: Mapping[Band, tuple[int, int]] = {
    "child": (2, 12),
    "teen": (13, 19),
    "young": (20, 39),
    "middle": (40, 64),
    "old": (65, 95),
}
"""Name to first and last year, both included."""

Sex = Literal["female", "male"]
SOURCE = r"^(estimate|dataset:[\w./ -]+|literature:.+)$"
Source = Annotated[str, Field(pattern=SOURCE)]


class Fact(BaseModel):
    """Base of all knowledge records: closed, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Worded(Fact):
    """Something that is said to be there or not to be there."""

    present: Annotated[tuple[Phrase, ...], Field(min_length=2)]
    absent: Annotated[tuple[Phrase, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _can_stand_in_a_list(self) -> Self:
        for phrase in (*self.present, *self.absent):
            if re.search(r"\band\b|\s\s|^\s|\s$", phrase):
                raise ValueError(f"{phrase!r} cannot stand in a list: it has 'and' or stray spaces")
        return self


class Finding(Worded):
    """A symptom, sign or piece of history that a vignette shows or denies."""

    group: Literal["symptom", "sign", "history"]
    background: Probability
    """P(present) under every condition that does not name the finding."""
    sex: Sex | None = None
    """Set when only one sex can have it."""
    age: tuple[int, int] = (2, 95)
    """First and last year of age at which a vignette mentions it."""
    apart: tuple[str, ...] = ()
    """Findings never mentioned beside this one: they contradict, imply or repeat it. One side names it."""
    ddxplus: str | None = None
    """The evidence of the DDXPlus knowledge base that means the same, such as ``E_91``."""
    source: Source = "estimate"


class Likelihood(Fact):
    """P(finding present | condition) with its source."""

    p: Probability
    source: Source = "estimate"


class Condition(Fact):
    """A disease the world can make a patient of."""

    name: Phrase
    """As an option reads: lower case unless a proper name or abbreviation."""
    specialty: str
    weight: Annotated[float, Field(gt=0.0, le=200.0)]
    """Relative frequency among first presentations; 1 is rare, 100 very common."""
    age: dict[Band, Annotated[float, Field(ge=0.0)]]
    """Relative frequency by age band; a band left out or 0 cannot have it."""
    female: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    findings: dict[str, Likelihood]
    ddxplus: str | None = None
    """The DDXPlus pathology that means the same."""
    source: Source = "estimate"
    """Of ``weight``, ``age`` and ``female``."""


class Test(Fact):
    """A diagnostic test for one condition, with the thresholds that make it worth doing."""

    name: Phrase
    condition: str
    sensitivity: Probability
    specificity: Probability
    positive: Annotated[tuple[Phrase, ...], Field(min_length=2)]
    negative: Annotated[tuple[Phrase, ...], Field(min_length=2)]
    treat_above: Probability
    """Probability of the condition from which treating does more good than harm."""
    test_below: Probability
    """Probability of the condition under which neither testing nor treating is worth it."""
    age: tuple[int, int] = (2, 95)
    """First and last year of age at which the test is done."""
    action: Phrase
    """What treating means here, such as ``start anticoagulation``."""
    source: Source = "estimate"

    @model_validator(mode="after")
    def _informs(self) -> Self:
        if self.sensitivity + self.specificity <= 1.05:
            raise ValueError(f"{self.name}: sensitivity + specificity must exceed 1.05 to inform")
        if self.test_below >= self.treat_above:
            raise ValueError(f"{self.name}: test_below must be smaller than treat_above")
        return self


class FlagModifier(Worded):
    """A yes-or-no fact of a patient that bears on the choice of a drug."""

    type: Literal["flag"]
    label: Phrase
    """How a solution names it, such as ``penicillin allergy``."""
    sex: Sex | None = None
    age: tuple[int, int] = (2, 95)
    """First and last year of age in which a patient may have it."""
    doubles: tuple[str, ...] = ()
    """Drug classes that would double a drug the patient takes: no recall question takes them for safe."""
    source: Source = "estimate"


class NumberModifier(Fact):
    """A measured fact of a patient that bears on the choice of a drug."""

    type: Literal["number"]
    label: Phrase
    text: str
    """Holds ``{value}`` once, such as ``an eGFR of {value} mL/min/1.73 m²``."""
    decimals: Annotated[int, Field(ge=0, le=1)] = 0
    range: tuple[float, float]
    """Smallest and largest value that a vignette shows."""
    holds_below: float | None = None
    holds_from: float | None = None
    """Exactly one of the two is set: the modifier holds below, or from, this value."""
    margin: float
    """How far from the threshold an easy value lies, in the same unit."""
    age: tuple[int, int] = (2, 95)
    sex: Sex | None = None
    source: Source = "estimate"

    @model_validator(mode="after")
    def _has_one_threshold(self) -> Self:
        if (self.holds_below is None) == (self.holds_from is None):
            raise ValueError(f"{self.label}: set exactly one of holds_below and holds_from")
        if self.text.count("{value}") != 1:
            raise ValueError(f"{self.label}: text must hold {{value}} once")
        return self


class AgeModifier(Fact):
    """An age below or from which a drug is avoided; the vignette always states the age."""

    type: Literal["age"]
    label: Phrase
    holds_below: int | None = None
    holds_from: int | None = None
    source: Source = "estimate"

    @model_validator(mode="after")
    def _has_one_threshold(self) -> Self:
        if (self.holds_below is None) == (self.holds_from is None):
            raise ValueError(f"{self.label}: set exactly one of holds_below and holds_from")
        return self


Modifier = Annotated[FlagModifier | NumberModifier | AgeModifier, Field(discriminator="type")]


class Drug(Fact):
    """A drug (or other treatment) as an option names it."""

    name: Phrase
    drug_class: str
    avoid: tuple[str, ...] = ()
    """Modifiers under which it must not be given."""
    source: Source = "estimate"


class Treatment(Fact):
    """What to give for a condition, in order of preference."""

    name: Phrase
    """The condition as a vignette names it."""
    specialty: str
    choices: Annotated[tuple[str, ...], Field(min_length=4)]
    """Drugs, the preferred one first. The first that nothing forbids is right."""
    age: tuple[int, int] = (18, 90)
    sex: Sex | None = None
    condition: str | None = None
    """The same condition among the diagnoses, where it is one."""
    source: Source = "estimate"


class Level(Fact):
    """One state of a score item and what it is worth."""

    points: float
    phrases: Annotated[tuple[Phrase, ...], Field(min_length=1)]


class LevelItem(Fact):
    """A score item with named states: present or absent, or none, mild, severe."""

    type: Literal["level"]
    label: Phrase
    levels: Annotated[tuple[Level, ...], Field(min_length=2)]


class NumberBand(Fact):
    """From this value up, until the next band starts, the item is worth so many points."""

    start: float
    points: float


class NumberItem(Fact):
    """A score item read off a measured value."""

    type: Literal["number"]
    label: Phrase
    text: str
    """Holds ``{value}`` once."""
    decimals: Annotated[int, Field(ge=0, le=1)] = 0
    range: tuple[float, float]
    bands: Annotated[tuple[NumberBand, ...], Field(min_length=2)]
    """Ascending by ``start``; the first starts at or below ``range[0]``."""
    male_bands: tuple[NumberBand, ...] = ()
    """Where men have other limits; ``bands`` are then the women's."""


class AgeItem(Fact):
    """A score item read off the age in the first sentence."""

    type: Literal["age"]
    label: Phrase
    bands: Annotated[tuple[NumberBand, ...], Field(min_length=2)]


class SexItem(Fact):
    """A score item read off the sex in the first sentence."""

    type: Literal["sex"]
    label: Phrase
    female: float = 0.0
    male: float = 0.0


class PressureItem(Fact):
    """A blood pressure: ``points`` when systolic or diastolic is low (both limits as published)."""

    type: Literal["pressure"]
    label: Phrase
    systolic_below: int
    diastolic_at_most: int
    points: float


ScoreItem = Annotated[LevelItem | NumberItem | AgeItem | SexItem | PressureItem, Field(discriminator="type")]


class RiskClass(Fact):
    """From this total up, until the next class starts."""

    start: float
    name: Phrase


class BedsideScore(Fact):
    """A published bedside score: what it adds up and what the sum means."""

    name: str
    setting: Phrase
    """The problem the patient has, such as ``community-acquired pneumonia``."""
    purpose: Phrase
    """What the score tells, such as ``30-day mortality``."""
    age: tuple[int, int] = (18, 95)
    items: dict[str, ScoreItem]
    classes: Annotated[tuple[RiskClass, ...], Field(min_length=2)]
    source: Source = "estimate"
