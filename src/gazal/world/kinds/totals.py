"""Which totals a bedside score can reach for a patient, and in how many ways."""

from collections.abc import Mapping
from functools import cache
from random import Random

from gazal.core.truth import Sex
from gazal.world.knowledge import load_knowledge
from gazal.world.records import AgeItem, BedsideScore, LevelItem, NumberItem, PressureItem, ScoreItem, SexItem
from gazal.world.scoring import points, risk_class
from gazal.world.text import Patient, pick

OPTIONS = 4


def fix_points(score: BedsideScore, patient: Patient) -> tuple[Sex, float]:
    """Sex, and the points that age and sex are worth."""
    free = (AgeItem, SexItem)
    worth = sum(
        points(score, n, None, patient.age, patient.sex)
        for n, item in score.items.items()
        if isinstance(item, free)
    )
    return patient.sex, worth


def list_points(item: ScoreItem, patient: Patient) -> tuple[float, ...]:
    """What an item can be worth within the values that a vignette shows."""
    if isinstance(item, LevelItem):
        return tuple(dict.fromkeys(level.points for level in item.levels))
    if isinstance(item, PressureItem):
        return (0.0, item.points)
    assert isinstance(item, NumberItem)
    return tuple(dict.fromkeys(p for _, _, p in list_spans(item, patient.sex)))


def list_spans(item: NumberItem, sex: Sex) -> list[tuple[float, float, float]]:
    """(first value, last value, points) of each band inside the range."""
    bands = item.male_bands if sex == "male" and item.male_bands else item.bands
    step = 10.0**-item.decimals
    ends = [band.start - step for band in bands[1:]] + [item.range[1]]
    spans = [
        (max(b.start, item.range[0]), min(end, item.range[1]), b.points)
        for b, end in zip(bands, ends, strict=True)
    ]
    return [span for span in spans if span[0] <= span[1] + 1e-9]


@cache
def count_ways(name: str, sex: Sex) -> tuple[Mapping[float, int], ...]:
    """For each item and those after it: in how many ways they reach each sum."""
    score, patient = load_knowledge().scores[name], Patient(0, sex)
    ways: list[dict[float, int]] = [{0.0: 1}]
    for item in reversed([i for i in score.items.values() if not isinstance(i, AgeItem | SexItem)]):
        sums: dict[float, int] = {}
        for worth in list_points(item, patient):
            for rest, n in ways[0].items():
                sums[rest + worth] = sums.get(rest + worth, 0) + n
        ways.insert(0, sums)
    return tuple(ways)


@cache
def list_windows(name: str, fixed: tuple[Sex, float]) -> list[tuple[float, ...]]:
    """Runs of neighbouring totals that span two classes or more where there are such."""
    score = load_knowledge().scores[name]
    sex, worth = fixed
    totals = sorted(rest + worth for rest in count_ways(name, sex)[0])
    runs = [tuple(totals[n : n + OPTIONS]) for n in range(len(totals) - OPTIONS + 1)]
    mixed = [run for run in runs if len({risk_class(score, total) for total in run}) > 1]
    return mixed or runs


def draw_pair(
    rng: Random, score: BedsideScore, patient: Patient, totals: tuple[float, ...]
) -> tuple[float, float] | None:
    """Draw two totals that one item can turn into each other.

    From a perfect matching of the four totals, so that each of them is drawn equally often even where
    only neighbours can be turned into each other.
    """
    spans = set()
    for item in score.items.values():
        if not isinstance(item, AgeItem | SexItem):
            spans |= {abs(a - b) for a in list_points(item, patient) for b in list_points(item, patient)}
    matchings = [
        ((totals[0], totals[1]), (totals[2], totals[3])),
        ((totals[0], totals[2]), (totals[1], totals[3])),
        ((totals[0], totals[3]), (totals[1], totals[2])),
    ]
    possible = [m for m in matchings if all(abs(a - b) in spans for a, b in m)]
    if not possible:
        return None
    first, second = rng.sample(pick(rng, pick(rng, possible)), 2)
    return first, second
