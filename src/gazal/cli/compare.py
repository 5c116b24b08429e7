"""``gazal compare``: measured models beside each other and beside published figures."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gazal.errors import DataError

if TYPE_CHECKING:
    from gazal.evaluate.published import Beside

LIMITS = (
    "Published figures come from other prompts, sampling and harnesses. Which items those models had right",
    "is not known, so nothing is paired: a difference within noise shows no equality, and one beyond it may",
    "be the harness. To compare models, evaluate both here.",
)


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Folders of runs or evaluations, or results.json files."),
    ],
    against: Annotated[
        Literal["published"] | None, typer.Option(help="Also beside published figures.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Put accuracies of several evaluations side by side, with intervals and what cannot be concluded."""
    from gazal.evaluate.published import compare_published

    rows, beside = [], []
    for path in runs:
        results = _read_results(path)
        rows += [
            {
                "run": str(path),
                "suite": suite,
                "model": model,
                **{k: v for k, v in result.items() if k != "by_kind"},
            }
            for suite, models in results["evaluation"].items()
            for model, result in models.items()
        ]
        beside += [(str(path), row) for row in compare_published(results)] if against else []
    if as_json:
        typer.echo(json.dumps({"measured": rows, "published": [_as_dict(run, row) for run, row in beside]}))
        return
    _show_rows(rows)
    if against and not beside:
        typer.echo(
            "none of these suites has a published figure: medqa_4opt, mmlu_pro_medical, pubmedqa, medmcqa"
        )
    if beside:
        _show_beside(beside)


def _read_results(path: Path) -> dict[str, Any]:
    places = [path, path / "results.json", path / "evaluate" / "results.json"]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise DataError(
            f"{path}: no results.json there. Name the folder of an evaluation or of a run that has one."
        )
    try:
        results = json.loads(found.read_text(encoding="utf-8"))
        results["evaluation"].items()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{found}: not the results of an evaluation ({error}). Evaluate again.") from None
    return results


def _show_rows(rows: list[dict[str, Any]]) -> None:
    from gazal.cli.results_table import print_table, start_table

    table = start_table("run", "model", "suite", "n", "right", "accuracy", "95 %")
    for row in rows:
        low, high = row["ci95"]
        numbers = (str(row["n"]), str(row["right"]), f"{row['accuracy']:.3f}", f"{low:.3f}-{high:.3f}")
        table.add_row(row["run"], row["model"], row["suite"], *numbers)
    print_table(table)


def _show_beside(beside: list[tuple[str, "Beside"]]) -> None:
    from gazal.cli.results_table import print_table, start_table

    table = start_table(
        "measured", "published", "suite", "n", "accuracy", "published %", "difference", "95 %", "says"
    )
    for _, row in beside:
        low, high = row.ci95
        mark = "*" if row.published.note else ""
        numbers = (
            str(row.n),
            f"{row.accuracy:.3f}",
            f"{row.published.accuracy:.3f}{mark}",
            f"{row.delta:+.3f}",
        )
        table.add_row(
            row.measured, row.published.model, row.suite, *numbers, f"{low:+.3f} to {high:+.3f}", row.says
        )
    typer.echo(
        "\nbeside published figures (measured: lenient protocol; difference unpaired, Newcombe's interval)"
    )
    print_table(table)
    for note in dict.fromkeys(
        f"* {r.published.model}: {r.published.note}" for _, r in beside if r.published.note
    ):
        typer.echo(note)
    if any(row.says == "part" for _, row in beside):
        typer.echo("part: not all items of the suite were asked, so it is beside another set of questions")
    for source in dict.fromkeys(row.published.source for _, row in beside):
        typer.echo(f"source: {source}")
    typer.echo("\n".join(LIMITS))


def _as_dict(run: str, row: "Beside") -> dict[str, Any]:
    from dataclasses import asdict

    return {"run": run, **asdict(row)}
