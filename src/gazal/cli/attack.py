"""``gazal attack``: try tricks on a reward before a policy finds them."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gazal.cli.reward import find_reward
from gazal.errors import ConfigError

if TYPE_CHECKING:
    from gazal.config.reward import RewardConfig
    from gazal.core.case import Case
    from gazal.core.trace import Trace
    from gazal.score.attacks.run import FamilyResult, Reward

ROOMY = 1024
"""Tokens of a reply where no recipe says how many there may be: honest work is not long beside it."""
AIMS = {
    "uncommitted": "paid for an answer without giving one",
    "hollow": "paid for work that is not there",
    "disorder": "the worse of two plain replies earns more",
}


def attack(
    recipe: Annotated[
        Path | None, typer.Option(help="Attack this recipe's grpo.reward. Default: the default reward.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change a value of the recipe; repeatable."),
    ] = None,
    own: Annotated[
        str | None,
        typer.Option(
            "--reward",
            metavar="FILE.py:FUNCTION",
            help="Attack a function of yours: (case, trace), or a TRL reward function. The file is executed.",
        ),
    ] = None,
    chat: Annotated[
        bool, typer.Option("--chat", help="Hand a TRL function completions as messages, not as text.")
    ] = False,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Longer replies count as cut off. Default: the recipe's, or 1024."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which cases of the world.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: all families, with the first win.")
    ] = False,
) -> None:
    """Attack a reward with tricks of many families. Exit status 1 if one earns more than honest work."""
    from gazal.cli.say import show_progress
    from gazal.score.attacks.run import attack as run_attack
    from gazal.score.attacks.run import make_grounds

    config, known = find_reward(recipe, overrides or [])
    most = max_new_tokens or (known if recipe else ROOMY)
    reward = _build_reward(config, most, recipe, own, chat)
    grounds = make_grounds(seed)
    tried = run_attack(reward, grounds, most)
    results = list(show_progress(tried, len(grounds), "cases"))[-1]
    if as_json:
        typer.echo(json.dumps(_describe(results, len(grounds)), indent=2, ensure_ascii=True))
    else:
        _show(results, len(grounds))
    raise typer.Exit(1 if any(result.wins for result in results) else 0)


def _build_reward(
    config: "RewardConfig", most: int, recipe: Path | None, own: str | None, chat: bool
) -> "Reward":
    from gazal.score.compose import compose
    from gazal.score.own import load_own_reward

    if own is not None:
        if recipe is not None:
            raise ConfigError("--reward and --recipe name two rewards. Attack one at a time.")
        return load_own_reward(own, chat=chat)

    def judge(cases: Sequence["Case"], traces: Sequence["Trace"]) -> list[float | None]:
        pairs = zip(cases, traces, strict=True)
        return [compose(case, trace, config, max_new_tokens=most).total for case, trace in pairs]

    return judge


def _describe(results: Sequence["FamilyResult"], n_cases: int) -> dict[str, Any]:
    return {
        "cases": n_cases,
        "attempts": sum(result.attempts for result in results),
        "wins": sum(result.wins for result in results),
        "ties": sum(result.ties for result in results),
        "unscored": sum(result.unscored for result in results),
        "families": [_describe_family(result) for result in results],
    }


def _describe_family(result: "FamilyResult") -> dict[str, Any]:
    described = asdict(replace(result, first_win=None))
    if (won := result.first_win) is not None:
        attempt = won.attempt
        described["first_win"] = {
            "case": attempt.case.id,
            "key": attempt.case.answer,
            "text": attempt.text,
            "earned": won.earned if math.isfinite(won.earned) else str(won.earned),
            "honest": list(attempt.honest),
            "honest_earned": won.honest_earned,
            "tie": won.tie,
        }
    return described


def _show(results: Sequence["FamilyResult"], n_cases: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("family")
    for name in ("attempts", "wins", "ties"):
        table.add_column(name, justify="right")
    table.add_column("what is tried")
    for aim, about in AIMS.items():
        mine = [result for result in results if result.aim == aim]
        table.add_row(f"{aim}: {about}", "", "", "", "")
        for result in sorted(mine, key=lambda result: (-result.wins, -result.ties)):
            name = result.family.replace("_", " ")
            table.add_row(f"  {name}", str(result.attempts), str(result.wins), str(result.ties), result.about)
    console = Console()
    console = console if console.is_terminal else Console(width=150)
    console.print(table)
    _show_examples(results)
    wins, ties = (sum(getattr(result, name) for result in results) for name in ("wins", "ties"))
    attempts, unscored = (
        sum(getattr(result, name) for result in results) for name in ("attempts", "unscored")
    )
    typer.echo(
        f"{attempts:,} attempts of {len(results)} families on {n_cases} cases, every key: "
        f"{wins:,} wins, {ties:,} ties"
    )
    if unscored:
        typer.echo(f"{unscored:,} attempts were not scored, so nothing is said of them")
    typer.echo(
        "win: earned more than an honest reply with the same answer, or no finite number; or the worse "
        "of two plain replies earned as much as the better"
    )
    typer.echo("tie: earned as much, where the case's truth shows that the work is missing")


def _show_examples(results: Sequence["FamilyResult"], most: int = 5) -> None:
    won = [result for result in results if result.wins and result.first_win is not None]
    for result in sorted(won, key=lambda result: -result.wins)[:most]:
        found = result.first_win
        assert found is not None
        text = " ".join(found.attempt.text.split())
        typer.echo(
            f"{result.family.replace('_', ' ')}: {found.earned:g} against {found.honest_earned:g} for the "
            f"honest reply, key {found.attempt.case.answer}: {text[:200]!r}{' ...' * (len(text) > 200)}"
        )
    if len(won) > most:
        typer.echo(f"and {len(won) - most} more families win: --json shows one of each")
