"""``gazal run``, and the verbs that are one stage of it: a recipe from its first stage to its last."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gazal.errors import EndpointError, GazalError, Paused, TrainingError

if TYPE_CHECKING:
    from gazal.path import Progress, StageName

RecipeFile = Annotated[Path, typer.Argument(help="A recipe, such as recipes/demo.yaml.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Change a value, such as grpo.steps=10; repeatable.")
]
Track = Annotated[
    list[str] | None,
    typer.Option("--track", help="Send each step to tensorboard, wandb, trackio or mlflow; repeatable."),
]
Out = Annotated[Path | None, typer.Option(help="Folder of the run. Default: runs/<name of the recipe>.")]


def run(
    recipe: RecipeFile,
    out: Out = None,
    overrides: Overrides = None,
    track: Track = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the whole recipe and estimate memory; run nothing.")
    ] = False,
) -> None:
    """Go through a recipe: cases, SFT, GRPO, evaluation. The same command goes on where it stopped."""
    if dry_run:
        _check(recipe, out, overrides)
        return
    _go(recipe, out, overrides, None, track)


def pretrain(recipe: RecipeFile, out: Out = None, overrides: Overrides = None, track: Track = None) -> None:
    """Make a small base model from nothing; the same command goes on where it stopped."""
    _go(recipe, out, overrides, "pretrain", track)


def sft(recipe: RecipeFile, out: Out = None, overrides: Overrides = None, track: Track = None) -> None:
    """Go through a recipe up to supervised fine-tuning."""
    _go(recipe, out, overrides, "sft", track)


def grpo(recipe: RecipeFile, out: Out = None, overrides: Overrides = None, track: Track = None) -> None:
    """Go through a recipe up to reinforcement learning."""
    _go(recipe, out, overrides, "grpo", track)


def _go(
    recipe: Path,
    out: Path | None,
    overrides: list[str] | None,
    until: "StageName | None",
    track: list[str] | None,
) -> None:
    from gazal.config.load import load_recipe
    from gazal.model.processes import is_main
    from gazal.path import run as go

    read = load_recipe(recipe, overrides or [])
    folder = out or Path("runs") / read.name
    events = go(read, folder, until)
    try:
        show_stages(_track(events, track, folder, read.name) if track else events, folder)
    except (Paused, TrainingError, EndpointError, KeyboardInterrupt):
        if is_main():
            _leave_report(folder)
        raise
    if is_main():
        _say_result(folder, evaluated=until is None and read.evaluate is not None)


def _leave_report(folder: Path) -> None:
    """What is true of a run that was stopped, where it has come far enough to tell of."""
    from gazal.path import write_report

    with suppress(GazalError):
        typer.echo(f"report of what is there: {write_report(folder).note}", err=True)


def _track(events: Iterator["Progress"], names: list[str], folder: Path, run: str) -> Iterator["Progress"]:
    """The same events; those of steps go to trackers, too."""
    from gazal.train.trackers import open_trackers

    with open_trackers(names, folder, run) as trackers:
        for event in events:
            if event.numbers:
                trackers.log(event.stage, event.done, event.numbers)
            yield event


def _say_result(folder: Path, *, evaluated: bool) -> None:
    """Where it is; after an evaluation what came of it, and the report last."""
    if not evaluated:
        typer.echo(f"{folder}: done")
        return
    from gazal.cli.results_table import show_results

    show_results(json.loads((folder / "evaluate" / "results.json").read_text(encoding="utf-8")))
    typer.echo(f"report: {folder / 'report.html'}")


def _check(recipe: Path, out: Path | None, overrides: list[str] | None) -> None:
    from gazal.cli.plan import make_plan, refuse_problems
    from gazal.cli.plan_table import show_plan
    from gazal.config.load import load_recipe

    read = load_recipe(recipe, overrides or [])
    plan = make_plan(read, out or Path("runs") / read.name)
    show_plan(plan)
    refuse_problems(plan)
    typer.echo(f"{recipe}: checked, nothing would make it fail")


def show_stages(events: Iterator["Progress"], folder: Path) -> None:
    """Show each stage's progress, rate and estimate: a bar on a terminal, else a line now and then."""
    from gazal.cli.say import StageBars

    with StageBars() as bars:
        for number, event in enumerate(events):
            if number == 0:
                typer.echo(f"writing to {folder}", err=True)
            bars.show(event.stage, event.done, event.of, event.note)
            for alarm in event.alarms:
                bars.say(f"alarm: {alarm}")
