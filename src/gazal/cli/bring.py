"""``gazal import``: questions of one's own, from a spreadsheet to a recipe that runs."""

import hashlib
import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gazal.errors import ConfigError, DataError

if TYPE_CHECKING:
    from gazal.cases.own import Own

RECIPE = """\
# Written by `gazal import {file}`: {n_train} questions to learn from, {n_test} held back. Run it with
#   gazal run {out}/recipe.yaml
name: {name}
seed: 0

model:
  path: {model}   # a folder, or a name on the hub such as Qwen/Qwen3-4B
  dtype: {dtype}

adapter: {{rank: 32, alpha: 32}}

sft:
  examples:
{examples}
  steps: {sft_steps}
  learning_rate: {sft_rate}
  pack_length: 1024
  rows_per_step: 8
  micro_rows: 2

grpo:
  cases:
    - {{source: file, cases: {train}}}
  steps: {grpo_steps}
  learning_rate: 2.0e-5
  cases_per_step: {per_step}
  group_size: 8
  checkpoint_every: 5
  sampling: {{max_new_tokens: 320, batch_size: 48}}
  reward:
    grounding: 0          # no truth to hold steps against: the key alone says what is right
    length_target: 300

evaluate:
  cases:
    - {{source: file, cases: {held}}}
  sampling: {{temperature: 0, max_new_tokens: 320, batch_size: 50}}
"""
TINY = "tiny-base"
MOST_TOLD = 8
FEWEST = 4
"""Questions on either side."""


def bring(
    file: Annotated[
        Path, typer.Argument(help="CSV, TSV or JSON lines: question, A, B, ..., answer, explanation.")
    ],
    out: Annotated[Path | None, typer.Option(help="Folder. Default: data/ and the file's name.")] = None,
    test: Annotated[
        float, typer.Option(min=0.05, max=0.95, help="Share of the questions that is held back.")
    ] = 0.3,
    model: Annotated[str, typer.Option(help="What the recipe trains.")] = TINY,
    keep_alike: Annotated[
        bool,
        typer.Option("--keep-alike", help="Learn also from near copies of a question that is held back."),
    ] = False,
) -> None:
    """Read questions of your own, hold some back, and write a recipe that trains on the rest."""
    from gazal.cases.own import find_unknown_columns, read_own
    from gazal.core.store import write_cases, write_traces
    from gazal.curate.own import write_own_reply

    rows = read_own(file)
    for name, near in find_unknown_columns(file).items():
        typer.echo(
            f"{file}: column {name!r} is passed over." + (f" Did you mean {near!r}?" if near else ""),
            err=True,
        )
    folder = out or Path("data") / file.stem
    train, held = _split(rows, test)
    train, leaked = (train, 0) if keep_alike else _leave_out_leaks(train, held)
    if min(len(train), len(held)) < FEWEST:
        raise DataError(
            f"{file}: {len(train)} questions to learn from and {len(held)} to test on; {FEWEST} of each are "
            f"the least. {_advise(leaked)}"
        )
    replies = {own.case.id: write_own_reply(own) for own in train}
    explained = [own for own in train if replies[own.case.id][0] is not None]
    if (folder / "recipe.yaml").exists():
        raise ConfigError(f"{folder / 'recipe.yaml'}: is there already. Name another --out, or remove it.")
    folder.mkdir(parents=True, exist_ok=True)
    write_cases(folder / "train_cases.jsonl", (own.case for own in train))
    write_cases(folder / "test_cases.jsonl", (own.case for own in held))
    if explained:
        write_cases(folder / "explained_cases.jsonl", (own.case for own in explained))
        write_traces(folder / "explained_replies.jsonl", (t for t, _ in replies.values() if t))
    recipe = _write_recipe(file, folder, model, len(train), len(held), bool(explained))
    (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    _tell(rows, train, held, leaked)
    typer.echo(f"explanations to learn from: {len(explained):,}")
    _tell_faults([(own.where, replies[own.case.id][1]) for own in train if replies[own.case.id][1]])
    typer.echo(f"next: gazal run {folder / 'recipe.yaml'}")


def _advise(leaked: int) -> str:
    if not leaked:
        return "Add questions, or move --test."
    return f"{leaked} are near copies of one that is held back: --keep-alike learns from them all the same."


def _split(rows: list["Own"], test: float) -> tuple[list["Own"], list["Own"]]:
    """By a hash of what is asked, so that a question stays on its side when others are added."""
    from gazal.core.case import hash_content

    sides: tuple[list[Own], list[Own]] = ([], [])
    for own in rows:
        case = own.case
        key = hash_content(case.context, case.question, dict(case.options))
        draw = int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 16**8
        sides[draw < test].append(own)
    return sides


def _leave_out_leaks(train: list["Own"], held: list["Own"]) -> tuple[list["Own"], int]:
    """What is an edited copy of a question that is held back, its numbers the same, is not learnt from."""
    if not find_spec("rapidfuzz"):
        typer.echo(
            "rapidfuzz is not installed: near copies across the two sides are not looked for", err=True
        )
        return train, 0
    from gazal.cases.overlap import Overlap

    overlap = Overlap(own.case for own in held)
    matches = [overlap.find_case(own.case) for own in train]
    kept = [
        own
        for own, match in zip(train, matches, strict=True)
        if match is None or _list_numbers(own.case.question) != _list_numbers(match.question)
    ]
    return kept, len(train) - len(kept)


def _list_numbers(text: str) -> list[str]:
    return sorted(re.findall(r"\d+", text))


def _write_recipe(file: Path, out: Path, model: str, n_train: int, n_test: int, explained: bool) -> str:
    tiny = model == TINY
    own = (
        f"    - {{source: file, cases: {out}/explained_cases.jsonl, replies: {out}/explained_replies.jsonl}}"
    )
    world = "    - {source: world, n: 3000, split: train, seed: 0}   # teaches the reply format"
    return RECIPE.format(
        file=file,
        out=out,
        train=_quote(out / "train_cases.jsonl"),
        held=_quote(out / "test_cases.jsonl"),
        name=re.sub(r"[^\w.-]+", "-", out.name, flags=re.ASCII).strip(".-") or "own",
        model=_quote(model),
        dtype="float32" if tiny else "bfloat16",
        n_train=n_train,
        n_test=n_test,
        examples="\n".join([*([own] if explained else []), world]),
        sft_steps=200,
        sft_rate="1.0e-3" if tiny else "1.0e-4",
        grpo_steps=10,
        per_step=min(8, n_train),
    )


def _quote(text: object) -> str:
    return json.dumps(str(text))


def _tell(rows: list["Own"], train: list["Own"], held: list["Own"], leaked: int) -> None:
    from collections import Counter

    letters = Counter(own.case.answer for own in rows if own.case.options)
    shares = ", ".join(f"{letter} {letters[letter]}" for letter in sorted(letters))
    typer.echo(f"{len(rows):,} questions: {len(train):,} to learn from, {len(held):,} held back")
    typer.echo(f"keys: {shares or 'free text'}")
    if leaked:
        typer.echo(
            f"{leaked:,} left out: near copies, with the same numbers, of a question that is held back "
            "(--keep-alike keeps them)"
        )
    if letters and max(letters.values()) > 0.6 * sum(letters.values()):
        typer.echo("most keys are one letter: a model can learn the letter alone. Shuffle the options.")


def _tell_faults(faulty: list[tuple[str, str]]) -> None:
    for where, why in faulty[:MOST_TOLD]:
        typer.echo(f"{where}: the explanation cannot be learnt from ({why}); its question stays")
    if len(faulty) > MOST_TOLD:
        typer.echo(f"and {len(faulty) - MOST_TOLD:,} explanations more")
