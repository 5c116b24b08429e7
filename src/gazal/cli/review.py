"""``gazal review``: a blinded sheet for clinicians, and what comes back."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gazal.errors import ConfigError, DataError

app = typer.Typer(help="Replies for clinicians to read without knowing whose they are.", no_args_is_help=True)


@app.command("write")
def write(
    folder: Annotated[Path, typer.Argument(help="A run, or the folder of an evaluation.")],
    n: Annotated[int, typer.Option(min=1, help="Cases; each is shown with one reply of every model.")] = 20,
    model: Annotated[list[str] | None, typer.Option(help="Only these models; repeatable.")] = None,
    out: Annotated[Path, typer.Option(help="The sheet; its key goes beside it.")] = Path("review.csv"),
    seed: Annotated[int, typer.Option(min=0, help="Of the draw, the order and the codes.")] = 0,
) -> None:
    """Write a sheet to fill in, and apart from it the key that says whose reply each is."""
    from gazal.core.store import read_traces
    from gazal.evaluate.review import make_sheet, write_sheet
    from gazal.evaluate.samples import keep_first
    from gazal.report.numbers import EVALUATE, is_evaluation, read_asked

    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder. Name a run, such as runs/demo, or an evaluation.")
    place = folder if is_evaluation(folder) else folder / EVALUATE
    key_file = out.with_suffix(".key.json")
    if taken := next((path for path in (out, key_file) if path.exists()), None):
        raise ConfigError(f"{taken}: is there already; it may be filled in. Name another --out.")
    try:
        names = list(json.loads((place / "manifest.json").read_text())["settings"].get("models", ()))
    except (OSError, ValueError, KeyError):
        raise DataError(f"{place}: no evaluation that is whole. Run `gazal evaluate` first.") from None
    names = model or names or [name for name in ("base", "sft", "grpo") if (place / f"{name}.jsonl").exists()]
    if missing := [name for name in names if not (place / f"{name}.jsonl").exists()]:
        raise ConfigError(f"{place}: no replies of {missing[0]!r} there. Name one that was evaluated.")
    replies = {name: keep_first(read_traces(place / f"{name}.jsonl")) for name in names}
    rows, key = make_sheet(read_asked(folder), replies, n, seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(write_sheet(rows), encoding="utf-8")
    key_file.write_text(json.dumps(key, indent=1), encoding="utf-8")
    typer.echo(f"{out}: {len(rows)} replies to {n} cases, models unnamed. Give each reader a copy.")
    typer.echo(f"{key_file}: whose each is. Keep it until the sheets are back, then: gazal review read")


@app.command("read")
def read(
    sheets: Annotated[list[Path], typer.Argument(help="The sheets that came back, one of each reader.")],
    key: Annotated[Path, typer.Option(help="The file that was kept apart.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what readers found of each model, and how far they agree with each other."""
    from gazal.cli.results_table import print_table, start_table
    from gazal.evaluate.review import compare_readers, rate, read_key, read_sheet

    known = read_key(key)
    names = [path.stem if [p.stem for p in sheets].count(path.stem) == 1 else str(path) for path in sheets]
    readers = {name: read_sheet(path, known) for name, path in zip(names, sheets, strict=True)}
    rated, agreed = rate(readers, known), list(compare_readers(readers))
    if as_json:
        told = {"models": {k: asdict(v) for k, v in rated.items()}, "agreement": [asdict(a) for a in agreed]}
        typer.echo(json.dumps(told))
        return
    table = start_table("model", "ratings", "acceptable", "95 %", "soundness (1-5)", "could harm")
    for model, found in rated.items():
        low, high = found.acceptable_ci95
        numbers = (f"{found.acceptable:.3f}", f"{low:.3f}-{high:.3f}", f"{found.soundness:.2f}")
        table.add_row(model, str(found.ratings), *numbers, f"{found.harm:.3f}")
    print_table(table)
    if agreed:
        table = start_table("readers", "column", "n", "same", "kappa")
        for found in agreed:
            kappa = "none" if found.kappa is None else f"{found.kappa:.2f}"
            table.add_row(" and ".join(found.readers), found.column, str(found.n), f"{found.same:.3f}", kappa)
        typer.echo("agreement (Cohen's kappa; of soundness with quadratic weights)")
        print_table(table)
