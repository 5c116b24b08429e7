"""``gazal score``: judge recorded replies of any model."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from gazal.core.score import Verdict
    from gazal.score.tally import Tally


def score(
    cases: Annotated[Path, typer.Option(help="The cases, one a line.")],
    replies: Annotated[Path, typer.Option(help="The replies, one a line: case_id and text at least.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: every judge's score and reason per reply.")
    ] = False,
) -> None:
    """Judge replies: is the answer right, is the format kept, do the steps rest on the case?"""
    from gazal.cli.say import show_progress
    from gazal.core.store import read_cases, read_traces
    from gazal.score.tally import judge_all, tally_kinds
    from gazal.world.faults import refuse_faulty

    known, traces = read_cases(cases), read_traces(replies)
    refuse_faulty(known)
    judged = judge_all(known, show_progress(traces, len(traces), "replies"))
    tallies = tally_kinds(judged)
    without = len(known) - len({trace.case_id for trace in traces})
    if as_json:
        record = {
            "cases": len(known),
            "cases_without_reply": without,
            "tally": {kind: asdict(tally) for kind, tally in tallies.items()},
            "replies": [_describe(verdict) for _, verdict in judged],
        }
        typer.echo(json.dumps(record, indent=2))
        return
    if without:
        typer.echo(f"{without} of {len(known)} cases have no reply and are not counted:")
    _print_table(tallies)
    if any(tally.floor is not None for tally in tallies.values()):
        typer.echo("floor: accuracy of a classifier that sees only the options of cases without twins")
    typer.echo("reasons over all replies:")
    for judge, counts in list(tallies.values())[-1].reasons.items():
        typer.echo(f"{judge}: {', '.join(f'{why} {n}' for why, n in counts.items())}")


def _describe(verdict: "Verdict") -> dict[str, Any]:
    return {
        "case_id": verdict.case_id,
        "sample": verdict.sample,
        **{n: asdict(s) for n, s in verdict.scores.items()},
    }


COLUMNS = ("n", "right", "accuracy", "95 %", "floor", "format", "abstained", "unparsed", "cut off", "failed")


def _print_table(tallies: Mapping[str, "Tally"]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("kind")
    for name in (*COLUMNS, "steps supported"):
        table.add_column(name, justify="right")
    for kind, tally in tallies.items():
        low, high = tally.ci95
        shares = (
            tally.format_ok,
            tally.abstained,
            tally.unparsed,
            tally.truncated,
            tally.failed,
            tally.steps_supported,
        )
        table.add_row(
            kind,
            str(tally.n),
            str(tally.right),
            f"{tally.accuracy:.3f}",
            f"{low:.3f}-{high:.3f}",
            "" if tally.floor is None else f"{tally.floor:.3f}",
            *("" if share is None else f"{share:.3f}" for share in shares),
        )
    Console(width=None if Console().is_terminal else 120).print(table)
