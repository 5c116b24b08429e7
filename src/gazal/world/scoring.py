"""What a bedside score gives a patient: points per item, total and risk class."""

import re
from collections.abc import Mapping, Sequence

from gazal.errors import KnowledgeError
from gazal.world.records import (
    AgeItem,
    BedsideScore,
    LevelItem,
    NumberBand,
    NumberItem,
    PressureItem,
    SexItem,
)


def total(score: BedsideScore, values: Mapping[str, float | str], age: int, sex: str) -> float:
    """Add up all items; ``values`` holds, by item id, what `points` takes (nothing for age and sex).

    Raises:
        KnowledgeError: An item has no value, a value belongs to no item, or `points` refuses one.
    """
    for item_id in values:
        if item_id not in score.items:
            raise KnowledgeError(f"{_where(score, item_id, values[item_id])} belongs to no item. Drop it.")
    return sum(points(score, item_id, values.get(item_id), age, sex) for item_id in score.items)


def risk_class(score: BedsideScore, total: float) -> str:
    """Name the class that a total falls into."""
    names = [entry.name for entry in score.classes if entry.start <= total]
    if not names:
        raise KnowledgeError(f"{_where(score, 'total', total)} lies below every class. Check the total.")
    return names[-1]


def points(score: BedsideScore, item_id: str, value: float | str | None, age: int, sex: str) -> float:
    """Give the points of one item.

    Args:
        score: The score to apply.
        item_id: One of its items.
        value: A phrase for a level item, a number with no more decimals than the item has for a
            number item, ``110/70`` for a pressure item. Not read for age and sex items.
        age: Age in years.
        sex: ``female`` or ``male``.

    Raises:
        KnowledgeError: The item or the value is unknown, or the value lies below the first band.
    """
    found: float | None = None
    match score.items.get(item_id):
        case LevelItem(levels=levels):
            found = next((level.points for level in levels if value in level.phrases), None)
        case NumberItem(decimals=decimals) as item:
            # A finer value could fall between "at most 7.0" and "from 7.1" and be scored wrong in silence.
            if isinstance(value, int | float) and abs(round(value, decimals) - value) < 1e-9:
                by_sex = {"female": item.bands, "male": item.male_bands or item.bands}
                found = _band(by_sex.get(sex, ()), value)
        case AgeItem(bands=bands):
            value, found = age, _band(bands, age)
        case SexItem(female=female, male=male):
            value, found = sex, {"female": female, "male": male}.get(sex)
        case PressureItem(systolic_below=systolic, diastolic_at_most=diastolic, points=worth):
            if reading := re.fullmatch(r"(\d+)/(\d+)", str(value)):
                found = worth if int(reading[1]) < systolic or int(reading[2]) <= diastolic else 0.0
    if found is None:
        raise KnowledgeError(f"{_where(score, item_id, value)} has no points. Use one that scores.yaml has.")
    return found


def _band(bands: Sequence[NumberBand], value: float) -> float | None:
    reached = [band.points for band in bands if band.start <= value + 1e-9]
    return reached[-1] if reached else None


def _where(score: BedsideScore, item_id: str, value: object) -> str:
    return f"score {score.name}, item {item_id}: value {value!r}"
