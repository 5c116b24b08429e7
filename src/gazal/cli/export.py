"""``gazal export``: a run's model in the forms that other tools take."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def export(
    run: Annotated[Path, typer.Argument(help="A run, such as runs/demo.")],
    out: Annotated[Path | None, typer.Option(help="A new folder. Default: one in export/.")] = None,
    stage: Annotated[Literal["sft", "grpo"] | None, typer.Option(help="Default: the last.")] = None,
) -> None:
    """Write adapters, merged weights (as trained, and bfloat16) and a model card; check the logits."""
    from gazal.serve.export import export, list_commands

    target = out or Path("export") / run.name
    target.parent.mkdir(parents=True, exist_ok=True)
    for done in export(run, target, stage):
        typer.echo(done, err=True)
    typer.echo(f"{target}: adapters, merged, merged-bf16, README.md (the model card)")
    typer.echo("serve it:")
    for command in list_commands(target):
        typer.echo(f"  {command}")
