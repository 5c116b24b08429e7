"""Prognosis cases: points by walking the published bands, item by item."""

import re
from collections.abc import Mapping

from gazal.core.case import Case
from gazal.core.truth import PrognosisTruth, Truth
from gazal.errors import DataError
from gazal.world.kinds import prognosis
from gazal.world.knowledge import Knowledge
from gazal.world.records import (
    AgeItem,
    BedsideScore,
    LevelItem,
    NumberBand,
    NumberItem,
    PressureItem,
    ScoreItem,
    SexItem,
)
from gazal.world.reread.words import (
    find_name,
    read_items,
    read_number,
    read_whole_patient,
    take,
    take_last,
)
from gazal.world.text import Patient


def reread_prognosis(knowledge: Knowledge, case: Case) -> tuple[Truth, str]:
    """Work out the truth and key of a prognosis case from its text."""
    opening, rest = take(prognosis.OPENING, case.question, "opening")
    patient = read_whole_patient(opening["patient"])
    found, rest = take(prognosis.FOUND, rest, "items")
    ask = take_last(prognosis.ASK, rest)
    name = find_name({s.name: key for key, s in knowledge.scores.items()}, ask["score"], "score")
    score = knowledge.scores[name]
    if (opening["setting"], ask["purpose"]) != (score.setting, score.purpose):
        raise DataError(f"text: the {score.name} is for {score.purpose} in {score.setting}")
    values = _read_values(score, found["items"])
    points = {n: _worth(item, values.get(n, ""), patient) for n, item in score.items.items()}
    total, totals = sum(points.values()), _read_totals(score, case)
    answers = [letter for letter, value in totals.items() if value == total]
    if not answers:
        raise DataError(f"key: the total is {total:g}, which is no option")
    truth = PrognosisTruth(
        score=name,
        age=patient.age,
        sex=patient.sex,
        values=values,
        points=points,
        total=total,
        risk_class=[entry.name for entry in score.classes if total >= entry.start][-1],
        candidates=totals,
    )
    return truth, answers[0]


def _read_values(score: BedsideScore, text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for phrase in read_items(text):
        item, value = _read_item(score.items, phrase)
        if item in values:
            raise DataError(f"text: {item} is given twice")
        values[item] = value
    for name, item in score.items.items():
        if name not in values and not isinstance(item, AgeItem | SexItem):
            raise DataError(f"text: {name} is not given")
    return values


def _read_totals(score: BedsideScore, case: Case) -> dict[str, float]:
    totals = {}
    for letter, text in case.options.items():
        number = re.match(r"(-?[0-9]{1,2}(?:\.5)?) points?: ", text)
        if not number or text != prognosis.write_option(score, float(number[1])):
            raise DataError(f"option: {text!r} ({letter}) is no total of the {score.name} with its class")
        totals[letter] = float(number[1])
    if len(totals) != 4 or sorted(set(totals.values())) != list(totals.values()):
        raise DataError("option: they are not four totals in ascending order")
    return totals


def _read_item(items: Mapping[str, ScoreItem], phrase: str) -> tuple[str, str]:
    for name, item in items.items():
        if isinstance(item, LevelItem) and any(phrase in level.phrases for level in item.levels):
            return name, phrase
        if isinstance(item, NumberItem) and read_number(item.text, phrase, item.decimals) is not None:
            return name, phrase[
                len(item.text.split("{value}")[0]) : len(phrase) - len(item.text.split("{value}")[1])
            ]
        if isinstance(item, PressureItem):
            before, after = prognosis.PRESSURE.split("{value}")
            found = re.fullmatch(
                re.escape(before) + r"([1-9][0-9]{1,2}/[1-9][0-9]{1,2})" + re.escape(after), phrase
            )
            if found:
                return name, found[1]
    raise DataError(f"text: {phrase!r} is no item of the score")


def _worth(item: ScoreItem, value: str, patient: Patient) -> float:
    match item:
        case LevelItem():
            return next(level.points for level in item.levels if value in level.phrases)
        case NumberItem():
            return _walk(
                item.male_bands if patient.sex == "male" and item.male_bands else item.bands, float(value)
            )
        case PressureItem():
            systolic, diastolic = map(int, value.split("/"))
            return (
                item.points if systolic < item.systolic_below or diastolic <= item.diastolic_at_most else 0.0
            )
        case AgeItem():
            return _walk(item.bands, patient.age)
        case SexItem():
            return item.female if patient.sex == "female" else item.male


def _walk(bands: tuple[NumberBand, ...], value: float) -> float:
    for band in reversed(bands):
        if value >= band.start:
            return band.points
    raise DataError(f"number: {value:g} lies below every band")
