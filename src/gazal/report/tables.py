"""The tables of a report: numbers in, text cells out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gazal.evaluate.compare import Paired
from gazal.evaluate.results import Outcome, Result
from gazal.report.numbers import Asked, Run
from gazal.report.phrases import (
    MINUS,
    find_part,
    plural,
    title_kind,
    title_model,
    write_delta_interval,
    write_duration,
    write_interval,
    write_memory,
    write_p,
    write_percent,
    write_points,
)

DASH = "\u2013"
STAGES = {"base": "making the base", "cases": "gathering cases", "evaluate": "evaluation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What stands in a table, with smaller lines below it."""

    text: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A caption, a head and rows of which the first cell is a heading."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def tabulate_models(asked: Asked, models: Mapping[str, Result], title: str) -> Table:
    """A column for each model. What a model that wrote nothing cannot have is a dash."""
    return Table(
        caption=title,
        head=("", *(title_model(model) for model in models)),
        rows=tuple(_list_measures(asked, list(models.values()))),
    )


def _list_measures(asked: Asked, results: Sequence[Result]) -> Iterator[tuple[Cell, ...]]:
    parts = [_note(find_part(asked, result.n)) for result in results]
    both = list(zip(results, parts, strict=True))
    yield _name("Right"), *(Cell(text=f"{r.right:,}", notes=part or (f"of {r.n:,}",)) for r, part in both)
    yield (
        _name("Accuracy", "with 95 % interval"),
        *(Cell(text=write_percent(r.accuracy), notes=(write_interval(r.ci95), *part)) for r, part in both),
    )
    if any(result.pairs for result in results):
        yield (
            _name("Pairs right", "both of a counterfactual pair"),
            *(
                Cell(text=write_percent(r.pairs_right), notes=(f"of {r.pairs:,} pairs", *part))
                for r, part in both
            ),
        )
    if any(result.steps_supported is not None for result in results):
        shares = [Cell(text=write_percent(result.steps_supported)) for result in results]
        yield _name("Steps supported", "by the truth of the case"), *shares
    manners = (
        ("Format kept", "every rule of it", "format_ok"),
        ("Abstained", "said it cannot be determined", "abstained"),
        ("Unparsed", "no single answer to be read", "unparsed"),
        ("Cut off", "before an answer", "truncated"),
        ("Not delivered", "the engine failed", "failed"),
    )
    for name, note, field in manners:
        shares = [getattr(result, field) for result in results]
        if any(shares) or field != "failed":
            yield _name(name, note), *(Cell(text=write_percent(share)) for share in shares)


def tabulate_kinds(
    asked: Asked, models: Mapping[str, Result], guesses: Mapping[str, float | None], title: str
) -> Table:
    """A row for each kind of case, with what guessing gives, and a column for each model."""
    kinds = dict.fromkeys(kind for result in models.values() for kind in result.by_kind)
    rows = []
    for kind in kinds:
        outcomes = [result.by_kind.get(kind) for result in models.values()]
        n = max(outcome.n for outcome in outcomes if outcome is not None)
        cells = [_write_outcome(asked, outcome) for outcome in outcomes]
        guess = guesses.get(kind)
        beside = "" if guess is None else f"; guessing {write_percent(guess)}"
        rows.append((_name(title_kind(kind), f"{n:,} {plural(n, 'case')}{beside}"), *cells))
    return Table(caption=title, head=("", *(title_model(model) for model in models)), rows=tuple(rows))


def _write_outcome(asked: Asked, outcome: Outcome | None) -> Cell:
    if outcome is None:
        return Cell(text=DASH)
    notes = (write_interval(outcome.ci95), f"{outcome.right:,} of {outcome.n:,}")
    # A kind is a part of its suite: what limits the one limits the other.
    return Cell(text=write_percent(outcome.accuracy), notes=(*notes, *_note(find_part(asked, asked.n))))


def tabulate_paired(asked: Asked, paired: Sequence[Paired], title: str) -> Table:
    """A row for every two models on the same cases of a suite."""
    rows = tuple(
        (
            Cell(text=f"{title_model(pair.a)} \u2192 {title_model(pair.b)}"),
            Cell(text=f"{pair.n:,}"),
            Cell(
                text=write_points(pair.delta),
                notes=(write_delta_interval(pair.ci95), *_note(find_part(asked, pair.n))),
            ),
            _write_chance(pair),
            Cell(text=f"{pair.only_a:,}"),
            Cell(text=f"{pair.only_b:,}"),
        )
        for pair in paired
    )
    head = ("", "Cases", "Difference (points)", "p", "Only before", "Only after")
    return Table(caption=title, head=head, rows=rows)


def _write_chance(pair: Paired) -> Cell:
    """The corrected p with the other in brackets where there were several comparisons, else the one."""
    plain, corrected = (
        "" if p is None else write_p(p).removeprefix("p\u00a0=\u00a0").removeprefix("p\u00a0")
        for p in (pair.p, pair.p_holm)
    )
    return Cell(text=plain) if corrected in ("", plain) else Cell(text=corrected, notes=(f"({plain})",))


def tabulate_stages(run: Run) -> Table:
    """A row for each stage: time, memory, and what identifies what it was made from."""
    rows = tuple(
        (
            Cell(text=f"{name}/", notes=_note(STAGES.get(name, ""))),
            Cell(text=write_duration(stage.seconds)),
            Cell(text=write_memory(stage.peak_rss_mb)),
            Cell(text=stage.fingerprint),
            Cell(
                text="" if stage.inputs else DASH,
                notes=tuple(f"{name} {digest[:12]}" for name, digest in stage.inputs.items()),
            ),
            Cell(text="", notes=run.files[name]),
        )
        for name, stage in run.stages.items()
    )
    head = ("Stage", "Time", "Peak memory", "Fingerprint", "Made from", "Files")
    return Table(caption="Stages of the run", head=head, rows=rows)


def tabulate_points(
    columns: Mapping[str, Sequence[tuple[float, float | None]]], title: str, *, shares: bool = False
) -> Table:
    """A row for each step, a column for each line of a chart."""
    write = write_percent if shares else write_number
    steps = [step for step, _ in next(iter(columns.values()))]
    rows = [
        (Cell(text=f"{step:g}"), *(Cell(text=write(points[n][1])) for points in columns.values()))
        for n, step in enumerate(steps)
    ]
    return Table(caption=title, head=("Step", *columns), rows=tuple(rows))


def write_number(value: float | None) -> str:
    """A number with three digits that count; a dash where there is none."""
    if value is None:
        return DASH
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return text.replace("-", MINUS)


def _name(text: str, note: str = "") -> Cell:
    return Cell(text=text, notes=_note(note))


def _note(text: str) -> tuple[str, ...]:
    return (text,) if text else ()
