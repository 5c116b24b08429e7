"""``gazal report``: the page and the summary of a run, written again from its files."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[
        Path,
        typer.Argument(
            help="The folder of a run that was evaluated, such as runs/demo, or of an evaluation."
        ),
    ],
) -> None:
    """Write the report again, and a run's summary.json; `gazal run` and `gazal evaluate` write them."""
    from gazal.path import write_report

    typer.echo(f"report: {write_report(run).note}")
