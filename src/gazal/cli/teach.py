"""What ``gazal synth`` asks: a teacher for replies, and a second model what it thinks of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gazal.errors import DataError

if TYPE_CHECKING:
    from gazal.config.endpoint import Endpoint
    from gazal.core.case import Case
    from gazal.curate.choose import Gates
    from gazal.curate.synth import Asked, Entry, Purse
    from gazal.engine.base import StreamingEngine

ROUNDS = 3
"""So often is asked again what brought an empty reply or failed after all retries."""
OPINIONS = "opinions.jsonl"


def ask_teacher(
    folder: Path, cases: list["Case"], asked: "Asked", engine: "StreamingEngine", purse: "Purse"
) -> Mapping[str, "Entry"]:
    """Ask for what the ledger lacks, until nothing does or the purse is empty; the whole ledger.

    Raises:
        DataError: Requests brought no reply however often they were sent, or the ledger cannot be written.
    """
    from gazal.cli.say import StageBars
    from gazal.curate.synth import LEDGER, ask, list_missing, pay_for_ledger, read_ledger

    path = folder / LEDGER
    ledger = read_ledger(path)
    missing = list_missing(cases, asked, ledger)
    pay_for_ledger(cases, asked, ledger, purse)
    _say_estimate(path, len(cases) * asked.samples, missing, asked, purse)
    failed = 0
    with StageBars() as bars:
        for _ in range(ROUNDS):
            if not missing or purse.empty:
                return ledger
            for done, entry in enumerate(ask(engine, missing, asked, path, purse), 1):
                failed += entry is None
                spent = f"{purse.tokens:,} tokens" + (f", {purse.money:,.2f} spent" if purse.money else "")
                bars.show("synth", done, len(missing), f"{spent}, {failed} failed")
            ledger = read_ledger(path)
            missing = list_missing(cases, asked, ledger)
    if missing and not purse.empty:
        raise DataError(
            f"{path}: {len(missing)} requests brought no reply. Run the same command again for them."
        )
    return ledger


def ask_second_model(
    folder: Path,
    cases: list["Case"],
    asked: "Asked",
    ledger: Mapping[str, "Entry"],
    gates: "Gates",
    endpoint: "Endpoint",
) -> "Gates":
    """The gates with the opinions of a second model, once all that it takes to choose are there.

    Raises:
        DataError: Some calls failed after all retries.
    """
    from gazal.cli.say import show_progress
    from gazal.curate.choose import list_candidates
    from gazal.engine.api import ApiEngine
    from gazal.engine.opinions import RUBRIC, Rubric, ask_opinions, list_missing, read_opinions
    from gazal.score.rubric import Opinions

    path, name = folder / OPINIONS, endpoint.model
    rubric = Rubric(text=RUBRIC, model=name)
    values = read_opinions(path, rubric.version)
    engine = ApiEngine(endpoint, name=name)
    while True:
        gates = replace(gates, opinions=Opinions(rubric=rubric.version, values=values))
        pairs = list_candidates(cases, asked, ledger, gates)
        missing = list_missing(pairs, rubric, values)
        if not missing:
            return gates
        typer.echo(f"{path}: {len(missing)} replies go to {name}", err=True)
        for opinion in show_progress(
            ask_opinions(missing, rubric, engine, path), len(missing), "second model"
        ):
            if opinion is not None:
                values[opinion.key] = opinion.value
        if failed := missing.keys() - values.keys():
            raise DataError(
                f"{path}: {len(failed)} calls failed. Run the same command again: what was said is kept."
            )


def _say_estimate(path: Path, n: int, missing: Sequence, asked: "Asked", purse: "Purse") -> None:
    most = asked.sampling.max_new_tokens
    n_in = sum(len(request.prompt) for request in missing) // 4
    price = purse.price(n_in, len(missing) * most)
    cost = f", for {price:,.2f} at most" if price else ""
    typer.echo(
        f"{path}: {n - len(missing):,} of {n:,} replies are there; {len(missing):,} requests of at most "
        f"{most:,} tokens are left, {len(missing) * most:,} at most{cost}",
        err=True,
    )
