"""What a report says of the same cases put otherwise, and of the confidence that replies state."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gazal.evaluate.battery import Outcome
from gazal.evaluate.confidence import Confidence
from gazal.report.numbers import Run
from gazal.report.phrases import (
    name_model,
    title_model,
    title_suite,
    write_delta_interval,
    write_percent,
    write_points,
)
from gazal.report.sampled import tabulate_reasoning, tabulate_samples, tell_reasoning
from gazal.report.tables import DASH, Cell, Table

VARIANTS = {
    "shuffled": ("Options in another order", "with the options in another order"),
    "none_of_the_above": ("Key replaced by None of the above", 'with "None of the above" for the key'),
    "distraction": ("An idle sentence added", "with a sentence added that bears on nothing"),
    "open_answer": ("No options shown", "without options to choose from"),
    "hint": ("A colleague hints at a wrong option", "with a colleague's hint at a wrong option"),
}
"""Variant to its row, and to how it stands in a sentence."""
CHANCE, LEAST = 0.05, 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherwiseView:
    """One suite."""

    title: str
    told: tuple[str, ...]
    tables: tuple[Table, ...]


def view_otherwise(run: Run) -> list[OtherwiseView]:
    """Each suite of which there is something to say."""
    results, found = run.results, []
    for suite in results.suites:
        battery, stated = results.battery.get(suite, {}), results.calibration.get(suite, {})
        reasoning, samples = results.reasoning.get(suite, {}), results.samples.get(suite, {})
        tables = (
            *((tabulate_battery(battery),) if battery else ()),
            *((tabulate_reasoning(reasoning),) if reasoning else ()),
            *((tabulate_samples(samples),) if samples else ()),
            *((tabulate_confidence(stated),) if stated else ()),
        )
        if tables:
            told = (*tell_battery(battery), *tell_reasoning(reasoning), *tell_confidence(stated))
            found.append(OtherwiseView(title=title_suite(suite), told=told, tables=tables))
    return found


def tell_battery(battery: Mapping[str, Mapping[str, Outcome]]) -> Iterator[str]:
    """Sentences for each model that has something right: what it minds most, what not, and hints."""
    for model, outcomes in battery.items():
        if max(outcome.before for outcome in outcomes.values()) < LEAST:
            continue  # What is hardly ever right has nothing to lose.
        lost = {name: o for name, o in outcomes.items() if o.p < CHANCE and o.delta < 0.0}
        kept = [VARIANTS[name][1] for name in outcomes if name not in lost]
        begun = f"{name_model(model)[:1].upper()}{name_model(model)[1:]}"
        if lost:
            worst = ", ".join(
                f"{write_points(o.delta)} points {VARIANTS[name][1]} (95 % {write_delta_interval(o.ci95)})"
                for name, o in sorted(lost.items(), key=lambda entry: entry[1].delta)
            )
            yield f"{begun} changes by {worst}."
        if kept:
            yield f"{begun} shows no change beyond chance {'; '.join(kept)}."
        followed = outcomes["hint"].followed if "hint" in outcomes else None
        if followed is not None:
            yield f"{begun} follows the wrong hint in {write_percent(followed)} of the cases."


def tell_confidence(stated: Mapping[str, Confidence]) -> Iterator[str]:
    """A sentence for each model: how sure it says it is, and how often it is right then."""
    for model, found in stated.items():
        begun = f"{name_model(model)[:1].upper()}{name_model(model)[1:]}"
        yield (
            f"{begun} states a confidence in {found.n:,} of {found.of:,} replies, "
            f"{write_percent(found.mean)} on average, and is right in {write_percent(found.accuracy)} of "
            "these."
        )


def tabulate_battery(battery: Mapping[str, Mapping[str, Outcome]]) -> Table:
    """A row for each variant, a column for each model."""
    names = list(dict.fromkeys(name for outcomes in battery.values() for name in outcomes))
    n = max((o.n for outcomes in battery.values() for o in outcomes.values()), default=0)
    rows = tuple(
        (Cell(text=VARIANTS[name][0]), *(_write(outcomes.get(name)) for outcomes in battery.values()))
        for name in names
    )
    head = ("", *(title_model(model) for model in battery))
    return Table(
        caption=f"Accuracy on up to {n:,} cases put otherwise (lenient protocol)", head=head, rows=rows
    )


def tabulate_confidence(stated: Mapping[str, Confidence]) -> Table:
    """A row for each measure, a column for each model."""
    measures: Sequence[tuple[str, str]] = (
        ("Mean stated confidence", "mean"),
        ("Accuracy of these replies", "accuracy"),
        ("Expected calibration error", "ece"),
    )
    rows = [
        (Cell(text=title), *(Cell(text=write_percent(getattr(found, name))) for found in stated.values()))
        for title, name in measures
    ]
    rows.append((Cell(text="Brier score"), *(Cell(text=f"{found.brier:.3f}") for found in stated.values())))
    rows.append(
        (Cell(text="Replies that state one"), *(Cell(text=f"{f.n:,} of {f.of:,}") for f in stated.values()))
    )
    head = ("", *(title_model(model) for model in stated))
    return Table(caption="Stated confidence held against being right", head=head, rows=tuple(rows))


def _write(outcome: Outcome | None) -> Cell:
    if outcome is None:
        return Cell(text=DASH)
    before = f"from {write_percent(outcome.before)}"
    change = f"{write_points(outcome.delta)} points, 95 % {write_delta_interval(outcome.ci95)}"
    return Cell(text=write_percent(outcome.after), notes=(before, change))
