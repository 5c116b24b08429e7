"""``gazal score``: judge recorded replies of any model."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gazal.cli.reward import find_reward

if TYPE_CHECKING:
    from gazal.core.score import Verdict
    from gazal.score.tally import Tally


def score(
    cases: Annotated[Path, typer.Option(help="The cases, one a line.")],
    replies: Annotated[Path, typer.Option(help="The replies, one a line: case_id and text at least.")],
    recipe: Annotated[
        Path | None, typer.Option(help="Compose by this recipe's grpo.reward. Default: the default reward.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="PATH=VALUE", help="Change a value, such as grpo.reward.format=0.1; repeatable."
        ),
    ] = None,
    rubric_endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Ask an OpenAI-compatible service what it thinks of each reply."),
    ] = None,
    rubric_model: Annotated[str | None, typer.Option(help="The model whose opinions count.")] = None,
    rubric: Annotated[Path | None, typer.Option(help="What it grades by, as text. Default: ours.")] = None,
    rubric_record: Annotated[
        Path | None,
        typer.Option(help="Where opinions are kept; without an endpoint, nothing else is looked at."),
    ] = None,
    key_variable: Annotated[
        str, typer.Option(metavar="NAME", help="Environment variable with the key of the endpoint.")
    ] = "OPENAI_API_KEY",
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds that an opinion may take.")] = 120.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: every judge's score and reason per reply.")
    ] = False,
) -> None:
    """Judge replies: is the answer right, is the format kept, do the steps rest on the case?"""
    from functools import partial

    from gazal.cli.opinions import find_opinions
    from gazal.cli.say import show_progress
    from gazal.core.store import read_cases, read_traces
    from gazal.score.compose import compose
    from gazal.score.tally import judge_all, tally_kinds
    from gazal.world.faults import refuse_faulty

    reward, most = find_reward(recipe, overrides or [])
    known, traces = read_cases(cases), read_traces(replies)
    refuse_faulty(known)
    record = rubric_record or replies.with_name(f"{replies.name}.opinions")
    asked = rubric_endpoint or rubric_record
    opinions = (
        find_opinions(known, traces, rubric_model, rubric, record, rubric_endpoint, key_variable, timeout)
        if asked or rubric_model or rubric
        else None
    )
    judge = partial(compose, reward=reward, max_new_tokens=most, opinions=opinions)
    judged = judge_all(known, show_progress(traces, len(traces), "replies"), judge)
    tallies = tally_kinds(judged)
    without = len(known) - len({trace.case_id for trace in traces})
    if as_json:
        record = {
            "cases": len(known),
            "cases_without_reply": without,
            "reward": reward.model_dump(mode="json"),
            "tally": {kind: asdict(tally) for kind, tally in tallies.items()},
            "replies": [_describe(verdict) for _, verdict in judged],
        }
        typer.echo(json.dumps(record, indent=2))
        return
    _show(tallies, len(known), without)


def _show(tallies: Mapping[str, "Tally"], n_cases: int, without: int) -> None:
    if without:
        typer.echo(f"{without} of {n_cases} cases have no reply and are not counted:")
    _print_table(tallies)
    if any(tally.floor is not None for tally in tallies.values()):
        typer.echo("floor: accuracy of a classifier that sees only the options of cases without twins")
    typer.echo("reward: mean of the composed totals, from -1 to 1")
    typer.echo("reasons over all replies:")
    for judge, counts in list(tallies.values())[-1].reasons.items():
        typer.echo(f"{judge}: {', '.join(f'{why} {n}' for why, n in counts.items())}")


def _describe(verdict: "Verdict") -> dict[str, Any]:
    from gazal.score.compose import find_class

    return {
        "case_id": verdict.case_id,
        "sample": verdict.sample,
        **{n: asdict(s) for n, s in verdict.scores.items()},
        "total": verdict.total,
        "class": None if verdict.total is None else find_class(verdict.scores["answer"]),
        "parts": dict(verdict.parts),
        "short_of": list(verdict.short_of),
    }


COLUMNS = ("n", "right", "accuracy", "95 %", "floor", "format", "abstained", "unparsed", "cut off", "failed")
LAST = ("steps supported", "reward")


def _print_table(tallies: Mapping[str, "Tally"]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("kind")
    for name in (*COLUMNS, *LAST):
        table.add_column(name, justify="right")
    for kind, tally in tallies.items():
        low, high = tally.ci95
        shares = (
            tally.format_ok,
            tally.abstained,
            tally.unparsed,
            tally.truncated,
            tally.failed,
            tally.steps_supported,
        )
        table.add_row(
            kind,
            str(tally.n),
            str(tally.right),
            f"{tally.accuracy:.3f}",
            f"{low:.3f}-{high:.3f}",
            "" if tally.floor is None else f"{tally.floor:.3f}",
            *("" if share is None else f"{share:.3f}" for share in shares),
            "" if tally.reward is None else f"{tally.reward:+.3f}",
        )
    Console(width=None if Console().is_terminal else 130).print(table)
