"""Prognosis cases: add up a bedside score from the vignette and name the risk class.

Four neighbouring totals are the options and the key is drawn evenly among them; then items are given
values that add up to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from gazal.core.case import Tags
from gazal.core.truth import PrognosisTruth
from gazal.world.draft import Difficulty, Draft, Pair, letter
from gazal.world.kinds.totals import count_ways, draw_pair, fix_points, list_points, list_spans, list_windows
from gazal.world.posterior import find_band
from gazal.world.records import AgeItem, BedsideScore, LevelItem, NumberItem, PressureItem, ScoreItem, SexItem
from gazal.world.scoring import points, risk_class
from gazal.world.text import Patient, pick, write_list, write_patient
from gazal.world.universe import Universe

OPENING = (
    "{patient} has {setting}.",
    "{patient} is assessed for {setting}.",
    "{patient} is seen with {setting}.",
)
FOUND = ("The chart notes {items}.", "Recorded are {items}.", "On assessment: {items}.")
ASK = (
    "What is the {score} and what does it say about the {purpose}?",
    "Add up the {score}: what is the total and what does it mean for the {purpose}?",
)
PRESSURE = "a blood pressure of {value} mmHg"
TRIES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is fixed before the items get values."""

    score: str
    patient: Patient
    totals: tuple[float, ...]
    key: float
    difficulty: Difficulty

    @property
    def signature(self) -> str:
        """Same for every case with this score and patient."""
        return sign(self.score, self.patient)


def sign(score: str, patient: Patient) -> str:
    """The signature of a score and a patient."""
    return "|".join(("prognosis", score, str(patient.age), patient.sex))


def draw_frame(universe: Universe, rng: Random, difficulty: Difficulty) -> Frame:
    """Choose score, patient, four neighbouring totals, and the key evenly among them."""
    scores = universe.knowledge.scores
    name = pick(rng, list(scores))
    score = scores[name]
    patient = Patient(rng.randint(*score.age), "female" if rng.random() < 0.5 else "male")
    windows = list_windows(name, fix_points(score, patient))
    totals = pick(rng, windows)
    return Frame(score=name, patient=patient, totals=totals, key=pick(rng, totals), difficulty=difficulty)


def fill_frame(universe: Universe, rng: Random, frame: Frame, twins: bool) -> Pair | None:
    """Give the items values that add up to the key.

    With ``twins`` key and twin's key are drawn together, such that each total is either equally often.
    """
    score = universe.knowledge.scores[frame.score]
    sentences = tuple(pick(rng, wordings) for wordings in (OPENING, FOUND, ASK))
    if not twins:
        values = _order(rng, frame, _draw_values(rng, frame, score))
        return Pair(draft=_write(universe, frame, values, sentences))
    totals = draw_pair(rng, score, frame.patient, frame.totals)
    if totals is None:
        return None
    frame, other = replace(frame, key=totals[0]), replace(frame, key=totals[1])
    for _ in range(TRIES):
        values = _order(rng, frame, _draw_values(rng, frame, score))
        name = _find_hinge(rng, frame, score, values, totals[1] - totals[0])
        if name is not None:
            item = score.items[name]
            worth = _now(frame, score, name, values[name]) + totals[1] - totals[0]
            changed = {**values, name: _draw_value(rng, item, frame, worth)}
            return Pair(
                draft=_write(universe, frame, values, sentences),
                twin=_write(universe, other, changed, sentences),
                change=f"{name}: {values[name]} -> {changed[name]}",
                back=f"{name}: {changed[name]} -> {values[name]}",
            )
    return None


def _order(rng: Random, frame: Frame, values: dict[str, str]) -> dict[str, str]:
    """Published order, or any order where it should be hard."""
    names = rng.sample(list(values), len(values)) if frame.difficulty == "hard" else list(values)
    return {name: values[name] for name in names}


def _now(frame: Frame, score: BedsideScore, name: str, value: str) -> float:
    """What an item is worth as it stands."""
    return points(score, name, _value(score.items[name], value), frame.patient.age, frame.patient.sex)


def _find_hinge(
    rng: Random, frame: Frame, score: BedsideScore, values: Mapping[str, str], change: float
) -> str | None:
    """An item that can be given another value worth ``change`` more."""
    fits = [
        name
        for name, value in values.items()
        if _now(frame, score, name, value) + change in list_points(score.items[name], frame.patient)
    ]
    return pick(rng, fits) if fits else None


def write_number(value: float) -> str:
    """Write points: ``3`` or ``1.5``."""
    return f"{value:g}"


def write_points(value: float) -> str:
    """Write ``1 point`` or ``2.5 points``."""
    return f"{write_number(value)} point{'' if abs(value) == 1 else 's'}"


def write_option(score: BedsideScore, total: float) -> str:
    """Write an option: total and class."""
    return f"{write_points(total)}: {risk_class(score, total)}"


def write_item(item: ScoreItem, value: str) -> str:
    """Write what the vignette says of an item."""
    if isinstance(item, NumberItem):
        return item.text.format(value=value)
    return PRESSURE.format(value=value) if isinstance(item, PressureItem) else value


def _value(item: ScoreItem, text: str) -> float | str:
    return float(text) if isinstance(item, NumberItem) else text


def _draw_values(rng: Random, frame: Frame, score: BedsideScore) -> dict[str, str]:
    """Draw points item by item so that they reach the key, then a value for each."""
    ways = count_ways(frame.score, frame.patient.sex)
    left = frame.key - fix_points(score, frame.patient)[1]
    values: dict[str, str] = {}
    named = [(name, item) for name, item in score.items.items() if not isinstance(item, AgeItem | SexItem)]
    for n, (name, item) in enumerate(named):
        worths = list_points(item, frame.patient)
        worth = rng.choices(worths, [ways[n + 1].get(left - p, 0) for p in worths])[0]
        values[name] = _draw_value(rng, item, frame, worth)
        left -= worth
    return values


def _draw_value(rng: Random, item: ScoreItem, frame: Frame, worth: float) -> str:
    if isinstance(item, LevelItem):
        return pick(rng, [p for level in item.levels if level.points == worth for p in level.phrases])
    if isinstance(item, PressureItem):
        return _draw_pressure(rng, item, worth > 0)
    assert isinstance(item, NumberItem)
    first, last, _ = pick(rng, [span for span in list_spans(item, frame.patient.sex) if span[2] == worth])
    step, room = 10.0**-item.decimals, last - first
    # Easy values keep away from the limits of their band, hard ones seek them.
    share = 0.25 + 0.5 * rng.random() if frame.difficulty == "easy" else rng.random()
    if frame.difficulty == "hard":
        share = share**3 if rng.random() < 0.5 else 1.0 - share**3
    value = min(first + round(share * room / step) * step, last)
    return f"{value:.{item.decimals}f}"


def _draw_pressure(rng: Random, item: PressureItem, low: bool) -> str:
    """Draw a pressure that is low (systolic, diastolic or both) or not low, pulse pressure 25 to 60."""
    while True:
        systolic, pulse = rng.randint(70, 165), rng.randint(25, 60)
        diastolic = systolic - pulse
        is_low = systolic < item.systolic_below or diastolic <= item.diastolic_at_most
        if is_low == low and 35 <= diastolic <= 100:
            return f"{systolic}/{diastolic}"


def _write(universe: Universe, frame: Frame, values: Mapping[str, str], sentences: tuple[str, ...]) -> Draft:
    score, patient = universe.knowledge.scores[frame.score], frame.patient
    lettered, answer = letter([write_number(t) for t in frame.totals], write_number(frame.key), None)
    worth = {
        name: points(
            score, name, _value(item, values[name]) if name in values else None, patient.age, patient.sex
        )
        for name, item in score.items.items()
    }
    opening, found, ask = sentences
    question = " ".join(
        (
            opening.format(patient=write_patient(patient), setting=score.setting),
            found.format(items=write_list([write_item(score.items[name], v) for name, v in values.items()])),
            ask.format(score=score.name, purpose=score.purpose),
        )
    )
    return Draft(
        question=question,
        options={key: write_option(score, float(total)) for key, total in lettered.items()},
        answer=answer,
        truth=PrognosisTruth(
            score=frame.score,
            age=patient.age,
            sex=patient.sex,
            values=dict(values),
            points=worth,
            total=frame.key,
            risk_class=risk_class(score, frame.key),
            candidates={key: float(total) for key, total in lettered.items()},
        ),
        tags=Tags(
            difficulty=frame.difficulty, age_band=find_band(patient.age), sex=patient.sex, topic=frame.score
        ),
    )
