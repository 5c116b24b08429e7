"""Measured accuracies beside published ones, with intervals, and what cannot be concluded from them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any

import yaml

from gazal.score.tally import find_wilson

PROTOCOL = "lenient"
"""Published figures count what a reply commits to in any way, so they are held against this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One published accuracy."""

    model: str
    suite: str
    """As published: ``medqa``, ``mmlu_pro_medical``, ``pubmedqa``, ``medmcqa``."""
    accuracy: float
    n: int
    source: str
    note: str = ""
    """What keeps it from being compared strictly."""

    @property
    def ci95(self) -> tuple[float, float]:
        """Wilson interval, with n as published."""
        return find_wilson(round(self.accuracy * self.n), self.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A measured accuracy beside a published one."""

    measured: str
    suite: str
    accuracy: float
    n: int
    published: Figure
    delta: float
    """Measured minus published."""
    ci95: tuple[float, float]
    """Newcombe's interval of the difference of two independent shares: the items are the same, but which of
    them the published model had right is not known, so nothing can be paired."""
    says: str
    """``higher``, ``lower`` or ``within noise``; ``part`` where not all items were asked."""


def list_figures() -> list[Figure]:
    """Every published figure, model by model."""
    known = _read()
    return [
        Figure(
            model=model,
            suite=suite,
            accuracy=row[suite] / 100.0,
            n=about["n"],
            source=known["sources"][row["source"]],
            note=known["notes"].get(f"{model}/{suite}", ""),
        )
        for model, row in known["models"].items()
        for suite, about in known["suites"].items()
        if suite in row
    ]


def compare_published(results: Mapping[str, Any]) -> Iterator[Beside]:
    """Every measured model of ``results.json`` beside every published figure on the same suite."""
    suites = {measured: name for name, about in _read()["suites"].items() for measured in about["measured"]}
    for suite, models in results.get("protocols", {}).items():
        figures = [figure for figure in list_figures() if figure.suite == suites.get(suite)]
        for name, outcomes in models.items():
            if not outcomes:
                continue
            outcome = outcomes[PROTOCOL]
            for figure in figures:
                yield _put_beside(name, suite, outcome["right"], outcome["n"], figure)


def find_newcombe(right_a: int, n_a: int, right_b: int, n_b: int) -> tuple[float, float]:
    """95 % interval of share a minus share b, from the Wilson intervals of both (hybrid score interval)."""
    a, b = right_a / n_a, right_b / n_b
    (low_a, high_a), (low_b, high_b) = find_wilson(right_a, n_a), find_wilson(right_b, n_b)
    down = sqrt((a - low_a) ** 2 + (high_b - b) ** 2)
    up = sqrt((high_a - a) ** 2 + (b - low_b) ** 2)
    return a - b - down, a - b + up


def _put_beside(name: str, suite: str, right: int, n: int, figure: Figure) -> Beside:
    low, high = find_newcombe(right, n, round(figure.accuracy * figure.n), figure.n)
    says = "part" if n != figure.n else "higher" if low > 0.0 else "lower" if high < 0.0 else "within noise"
    return Beside(
        measured=name,
        suite=suite,
        accuracy=right / n,
        n=n,
        published=figure,
        delta=right / n - figure.accuracy,
        ci95=(low, high),
        says=says,
    )


@cache
def _read() -> dict[str, Any]:
    return yaml.safe_load(Path(__file__).with_name("published.yaml").read_text(encoding="utf-8"))
