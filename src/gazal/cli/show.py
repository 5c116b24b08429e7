"""``gazal show``: one case's way through the house, as far as it has gone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gazal.errors import DataError

if TYPE_CHECKING:
    from gazal.core.case import Case
    from gazal.core.trace import Trace

MARKS = {"supported": "+", "contradicted": "x", "unknown": "?"}


def show(
    case_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a case, or the end of one.")],
    cases: Annotated[Path, typer.Option(help="The file that holds it.")],
    replies: Annotated[Path | None, typer.Option(help="Replies to show beside the worked solution.")] = None,
) -> None:
    """Show a case: question, truth, check, solution and replies, each step marked + (supported), x or ?."""
    from gazal.core.store import read_cases, read_traces
    from gazal.world.faults import find_faults
    from gazal.world.solve import solve

    case = _find(read_cases(cases), case_id, cases)
    typer.echo(f"case {case.id}\n{_tag(case)}\n")
    for part in (case.context, case.question):
        if part:
            typer.echo(f"{part}\n")
    for letter, text in case.options.items():
        typer.echo(f"  {'*' if letter == case.answer else ' '} {letter}. {text}")
    if case.truth is not None:
        _show_truth(case)
        faults = find_faults(case)
        typer.echo(
            "\ncheck: "
            + ("; ".join(faults) if faults else f"read back from the text, the key is {case.answer}")
        )
        if faults:
            raise typer.Exit(1)  # What rests on a wrong truth would only mislead.
        _show_trace(case, solve(case))
    for trace in read_traces(replies) if replies else []:
        if trace.case_id == case.id:
            _show_trace(case, trace)


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


def _show_trace(case: "Case", trace: "Trace") -> None:
    from gazal.score.table import JUDGES

    scores = {name: judge(case, trace) for name, judge in JUDGES.items()}
    typer.echo(f"\nreply of {trace.model or 'unknown'}, sample {trace.sample}:")
    steps = scores["grounding"].steps or [None] * len(trace.steps)
    for number, (step, found) in enumerate(zip(trace.steps, steps, strict=True), 1):
        mark, why = (MARKS[found.support], f"  [{found.why}]") if found else (" ", "")
        typer.echo(f"  {mark} Step {number}: {step}{why}")
    if not trace.steps:
        typer.echo(f"  {trace.text[:2000]}")
    typer.echo(f"  answer {trace.answer}, confidence {trace.confidence}")
    for name, score in scores.items():
        value = "unscored" if score.value is None else f"{score.value:+.2f}"
        typer.echo(f"  {name}: {value} ({score.why})")
