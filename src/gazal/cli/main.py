"""``gazal``: every verb, and what happens when one fails."""

import io
import logging
import signal
import sys
from typing import Annotated

import typer

from gazal import __version__
from gazal.cli.ask import ask
from gazal.cli.attack import attack
from gazal.cli.bring import bring
from gazal.cli.cases import cases
from gazal.cli.compare import compare
from gazal.cli.curate import curate
from gazal.cli.doctor import doctor
from gazal.cli.evaluate import evaluate
from gazal.cli.export import export
from gazal.cli.report import report
from gazal.cli.review import app as review
from gazal.cli.run import grpo, pretrain, run, sft
from gazal.cli.score import score
from gazal.cli.show import show
from gazal.cli.synth import synth
from gazal.cli.ui import ui
from gazal.errors import GazalError, Paused

app = typer.Typer(
    help="Turn a base language model into a medical reasoning model, and prove what each step did.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(cases)
app.command("import")(bring)
app.command()(synth)
app.command()(curate)
app.command()(run)
app.command()(pretrain)
app.command()(sft)
app.command()(grpo)
app.command()(evaluate)
app.command()(compare)
app.command()(report)
app.command()(export)
app.add_typer(review, name="review")
app.command()(doctor)
app.command()(score)
app.command()(attack)
app.command()(show)
app.command()(ask)
app.command()(ui)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gazal {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version and stop."),
    ] = False,
) -> None:
    """Take the options that come before the verb."""


def main() -> None:
    """Run a verb.

    Exit status: 0 done; 1 nothing to show or faults found; 2 wrong use or unreadable input; 3 paused by
    an alarm.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # Replies may hold what no terminal can show.
            stream.reconfigure(errors="backslashreplace")
    # On some CPUs bitsandbytes, which PEFT loads if it can, asks for a kernel that nothing here needs.
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # So that half-written files go.
    try:
        app()
    except Paused as pause:
        print(f"gazal: {pause}", file=sys.stderr)
        sys.exit(3)
    except GazalError as error:
        print(f"gazal: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # The reader of our output went away (`gazal ... | head`): nobody is left to tell.
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":  # For launchers that start modules, such as `accelerate launch -m`.
    main()
