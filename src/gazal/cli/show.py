"""``gazal show``: one case's way through the house, as far as it has gone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gazal.errors import ConfigError, DataError

if TYPE_CHECKING:
    from gazal.core.case import Case
    from gazal.core.trace import Trace

MARKS = {"supported": "+", "contradicted": "x", "unknown": "?"}
MOST_STEPS = 12
"""So many steps of a reply that is shown in short."""
LONG, BRIEF = 2000, 600
"""Characters of a reply without steps, as a rule and in short."""


def show(
    case_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a case, or the end of one.")],
    cases: Annotated[Path | None, typer.Option(help="The file that holds it.")] = None,
    replies: Annotated[
        Path | None, typer.Option(help="With --cases: replies to show beside the worked solution.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="Or the folder of a run: what each stage did with the case.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write case and replies as a page there, steps marked and explained.")
    ] = None,
    curated: Annotated[
        Path | None, typer.Option("--set", help="Or a curated set: where its example comes from.")
    ] = None,
) -> None:
    """Show a case: question, truth, check, solution and replies, each step marked + (supported), x or ?."""
    from gazal.core.store import read_cases, read_traces

    if curated is not None and cases is run is None:
        _show_example(case_id, curated)
        return
    if run is not None and cases is None:
        if replies is not None:
            raise ConfigError("--replies goes with --cases: a run has its own replies. Leave it out.")
        case = _show_way(case_id, run)
        _write_page(case, _list_evaluated(case, run), html)
        return
    if cases is None or run is not None:
        raise ConfigError(
            "say where the case is: --cases FILE, or --run FOLDER of a run, such as runs/demo, or --set "
            "FOLDER of a curated set; not both."
        )
    case = _find(read_cases(cases), case_id, cases)
    _show_case(case)
    written = [trace for trace in read_traces(replies) if trace.case_id == case.id] if replies else []
    for trace in written:
        _show_trace(case, trace)
    _write_page(case, {f"{trace.model or 'reply'}, sample {trace.sample}": trace for trace in written}, html)


def _write_page(case: "Case", replies: "dict[str, Trace]", html: Path | None) -> None:
    if html is None:
        return
    from gazal.serve.shown import write_case_page

    write_case_page(case, replies, html)
    typer.echo(f"\npage: {html}")


def _list_evaluated(case: "Case", run: Path) -> "dict[str, Trace]":
    """What each model of a run replied to a case of its evaluation."""
    from gazal.serve.items import list_sources, read_items

    sources = [source for source in list_sources(run) if source != "rollouts"]
    found = {source: read_items(run, source) for source in sources}
    return {s: item.trace for s, items in found.items() for item in items if item.case.id == case.id}


def _show_way(case_id: str, run: Path) -> "Case":
    """Read all before the first line is shown, so that a torn file leaves nothing half told."""
    from gazal.cli.show_run import read_gathered, read_way, tell_way

    gathered = read_gathered(run)
    known = {case.id: case for found in gathered.values() for case in found.values()}
    case = _find(list(known.values()), case_id, run / "cases")
    way = read_way(run, case, gathered)
    _show_sources(case.id, run)
    for part in tell_way(way, _show_case(case)):
        if isinstance(part, str):
            typer.echo(part)
        else:
            _show_trace(case, part.trace, part.title, part.brief)
    return case


def _show_sources(case_id: str, run: Path) -> None:
    """Where an example of a curated set comes from, before what a run did with it."""
    from gazal.cli.show_set import find_example, list_sets, tell_lineage

    for folder in list_sets(run):
        try:
            found = find_example(folder, case_id)
        except DataError:
            continue
        for line in () if isinstance(found, dict) else tell_lineage(found, folder):
            typer.echo(line)


def _show_example(wanted: str, folder: Path) -> None:
    from gazal.cli.show_set import find_example, tell_dropped, tell_lineage

    found = find_example(folder, wanted)
    if isinstance(found, dict):
        typer.echo("\n".join(tell_dropped(found, folder)))
        return
    typer.echo("\n".join(tell_lineage(found, folder)))
    _show_case(found.case)
    _show_trace(found.case, found.trace)


def _show_case(case: "Case") -> "Trace | None":
    """Show what a case says and, for a world case, its truth and worked solution; returns the solution."""
    from gazal.world.faults import find_faults
    from gazal.world.solve import solve

    typer.echo(f"case {case.id}\n{_tag(case)}\n")
    for part in (case.context, case.question):
        if part:
            typer.echo(f"{part}\n")
    for letter, text in case.options.items():
        typer.echo(f"  {'*' if letter == case.answer else ' '} {letter}. {text}")
    if case.truth is None:
        return None
    _show_truth(case)
    faults = find_faults(case)
    typer.echo(
        "\ncheck: " + ("; ".join(faults) if faults else f"read back from the text, the key is {case.answer}")
    )
    if faults:
        raise typer.Exit(1)  # What rests on a wrong truth would only mislead.
    solution = solve(case)
    _show_trace(case, solution)
    return solution


def _find(cases: list["Case"], wanted: str, path: Path) -> "Case":
    found = [case for case in cases if case.id == wanted] or [
        case for case in cases if case.id.endswith(wanted)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(
            f"{path}: {len(found)} case ids end in {wanted!r}, such as {found[0].id}. Give more of the id."
        )
    raise DataError(f"{path}: no case {wanted!r} among {len(cases)}; the first is {cases[0].id}.")


def _tag(case: "Case") -> str:
    tags = case.tags
    shown = (case.kind, tags.topic, tags.specialty, tags.difficulty, tags.age_band, tags.sex, case.licence)
    return ", ".join(str(tag) for tag in shown if tag)


def _show_truth(case: "Case") -> None:
    from dataclasses import fields

    typer.echo("\ntruth:")
    for field in fields(case.truth):  # pyright: ignore[reportArgumentType]
        value = getattr(case.truth, field.name)
        if value is None or field.name == "kind":
            continue
        if field.name == "twin":
            value = f"{value.id} ({value.change})"
        if isinstance(value, dict):
            value = "; ".join(f"{k} = {v if v != () else '-'}" for k, v in value.items()) or "-"
        typer.echo(f"  {field.name}: {value}")


def _show_trace(case: "Case", trace: "Trace", title: str = "", brief: bool = False) -> None:
    """Show a reply step by step, each with its mark; in short, without what every judge says."""
    from gazal.score.table import JUDGES

    scores = {name: judge(case, trace) for name, judge in JUDGES.items()}
    title = title or f"reply of {trace.model or 'unknown'}, sample {trace.sample}"
    typer.echo(f"\n{title}:")
    steps, marked = trace.steps, scores["grounding"].steps or [None] * len(trace.steps)
    most = MOST_STEPS if brief else len(steps)
    for number, (step, found) in enumerate(zip(steps, marked, strict=True), 1):
        if number <= most:
            mark, why = (MARKS[found.support], f"  [{found.why}]") if found else (" ", "")
            typer.echo(f"  {mark} Step {number}: {step}{why}")
    if len(steps) > most:
        typer.echo(f"  and {len(steps) - most} steps more")
    if not steps:
        typer.echo(f"  {trace.text[: BRIEF if brief else LONG]}")
    typer.echo(f"  answer {trace.answer}, confidence {trace.confidence}")
    for name, score in ({} if brief else scores).items():
        value = "unscored" if score.value is None else f"{score.value:+.2f}"
        typer.echo(f"  {name}: {value} ({score.why})")
