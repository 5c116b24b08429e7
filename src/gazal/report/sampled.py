"""What a report says of answers after altered reasoning, and of several replies to each case."""

from collections.abc import Iterator, Mapping

from gazal.evaluate.reasoning import WHOLE, Outcome
from gazal.evaluate.samples import Sampled, Share
from gazal.report.phrases import name_model, title_model, write_interval, write_percent
from gazal.report.tables import DASH, Cell, Table

ALTERED = {
    WHOLE: "Its own steps, as they are",
    "first_half": "The first half of its steps",
    "no_steps": "No steps",
    "corrupted": "Its steps with another option written in",
    "swapped": "The steps to another case",
}
"""Alteration to its row."""


def tell_reasoning(reasoning: Mapping[str, Mapping[str, Outcome]]) -> Iterator[str]:
    """A sentence for each model: whether its answer hangs on its steps."""
    for model, outcomes in reasoning.items():
        none, corrupted = outcomes.get("no_steps"), outcomes.get("corrupted")
        if none is None or corrupted is None or corrupted.followed is None:
            continue
        begun = f"{name_model(model)[:1].upper()}{name_model(model)[1:]}"
        yield (
            f"{begun} gives the same answer without any step in {write_percent(none.same)} of {none.n:,} "
            "cases and, with another option written into its steps, that option in "
            f"{write_percent(corrupted.followed)}: the more an answer hangs on the steps, the lower the "
            "first and the higher the second."
        )


def tabulate_reasoning(reasoning: Mapping[str, Mapping[str, Outcome]]) -> Table:
    """A row for each alteration, a column for each model."""
    rows = tuple(
        (Cell(text=title), *(_write(outcomes.get(name)) for outcomes in reasoning.values()))
        for name, title in ALTERED.items()
        if any(name in outcomes for outcomes in reasoning.values())
    )
    caption = "Share of cases with the same answer when a model goes on from its own steps, altered"
    return Table(caption=caption, head=("", *map(title_model, reasoning)), rows=rows)


def tabulate_samples(samples: Mapping[str, Sampled]) -> Table:
    """A row for each way to count, a column for each model."""
    k = max(found.k for found in samples.values())
    rows = [
        (Cell(text="One reply"), *(_share(found.mean) for found in samples.values())),
        (Cell(text="The option that most replies name"), *(_share(f.majority) for f in samples.values())),
    ]
    for m in sorted({m for found in samples.values() for m in found.passed if m > 1}):
        cells = (_share(found.passed.get(m)) for found in samples.values())
        rows.append((Cell(text=f"The best of {m}"), *cells))
    n = max(found.n for found in samples.values())
    caption = f"Accuracy over {k} replies to each of {n:,} cases (lenient protocol)"
    return Table(caption=caption, head=("", *map(title_model, samples)), rows=tuple(rows))


def _write(outcome: Outcome | None) -> Cell:
    if outcome is None:
        return Cell(text=DASH)
    notes = [f"95 % {write_interval(outcome.ci95)}", f"right: {write_percent(outcome.right)}"]
    if outcome.followed is not None:
        notes.append(f"the option written in: {write_percent(outcome.followed)}")
    return Cell(text=write_percent(outcome.same), notes=tuple(notes))


def _share(share: Share | None) -> Cell:
    if share is None:
        return Cell(text=DASH)
    return Cell(text=write_percent(share.value), notes=(f"95 % {write_interval(share.ci95)}",))
