"""``gazal run`` and ``gazal pretrain``: a recipe from its first stage to its last, with progress."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gazal.config.recipe import Recipe
    from gazal.path import Progress

Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Change a value, such as grpo.steps=10; repeatable.")
]
Out = Annotated[Path | None, typer.Option(help="Folder of the run. Default: runs/<name of the recipe>.")]


def pretrain(
    recipe: Annotated[Path, typer.Argument(help="Recipe with a `pretrain` stage.")],
    out: Out = None,
    overrides: Overrides = None,
) -> None:
    """Make a small base model from nothing; the same command goes on where it stopped."""
    from gazal.config.load import load_recipe
    from gazal.errors import ConfigError
    from gazal.path import pretrain as make

    read = load_recipe(recipe, overrides or [])
    if read.pretrain is None:
        raise ConfigError(f"{recipe}: has no stage pretrain. Use recipes/tiny-base.yaml, or `gazal run`.")
    folder = out or Path("runs") / read.name
    show_stages(make(read, folder), folder)


def show_stages(events: Iterator["Progress"], folder: Path) -> None:
    """Show each stage's progress, rate and estimate: a bar on a terminal, else a line now and then."""
    from gazal.cli.say import StageBars

    typer.echo(f"writing to {folder}", err=True)
    with StageBars() as bars:
        for event in events:
            bars.show(event.stage, event.done, event.of, event.note)
