"""``gazal report``: the page and the summary of a run, written again from its files."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="The folder of a run that was evaluated, such as runs/demo.")],
) -> None:
    """Write report.html and summary.json of a run again; `gazal run` writes them at its end."""
    from gazal.path import write_report

    typer.echo(f"report: {write_report(run).note}")
