"""``gazal cases``: make cases of the clinical world, read a public question set, or check a file."""

import difflib
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gazal.errors import ConfigError

if TYPE_CHECKING:
    from gazal.core.case import Case, WorldKind

Split = Literal["train", "validation", "test"]
Difficulty = Literal["easy", "medium", "hard", "mixed"]


def cases(
    ctx: typer.Context,
    kind: Annotated[
        list[str] | None, typer.Option(help="Kind of case; repeat for several. Default: all five in turn.")
    ] = None,
    n: Annotated[int | None, typer.Option("--n", min=1, help="How many cases. Default: 100.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same cases.")] = 0,
    split: Annotated[Split, typer.Option(help="Splits never share a case, whatever the seeds.")] = "train",
    difficulty: Annotated[Difficulty, typer.Option(help="One level, or all three mixed.")] = "mixed",
    twins: Annotated[
        bool,
        typer.Option(
            "--twins", help="Follow each case by its counterfactual twin (on top of --n; recall has none)."
        ),
    ] = False,
    solutions: Annotated[Path | None, typer.Option(help="Write worked solutions there, as replies.")] = None,
    prompts: Annotated[
        Path | None, typer.Option(help="Write what to ask a model there, one prompt a line.")
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="Read a public question set instead, such as medqa_4opt.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Where the public files are. Default: $GAZAL_DATA.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write, one case a line.")] = None,
    check: Annotated[
        Path | None, typer.Option(help="Check a file of world cases against their own text.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --check: print JSON.")] = False,
) -> None:
    """Make cases whose answers are provably right, read public question sets, or check a file of cases."""
    mode = "--check" if check else "--suite" if suite else "making cases"
    _refuse_idle(ctx, mode)
    if check is not None:
        _check(check, as_json)
        return
    if out is None:
        raise ConfigError("say where to write with --out FILE, or check a file with --check FILE.")
    _check_beside({"--solutions": solutions, "--prompts": prompts}, out)
    if suite is not None:
        read = _read_suite(suite, data, n, out)
    else:
        settings = {"seed": seed, "split": split, "difficulty": difficulty, "twins": twins}
        read = _make(_read_kinds(kind or []), n or 100, settings, solutions, out)
    if prompts is not None:
        _write_prompts(prompts, read)


APPLY = {
    "--check": {"check", "as_json"},
    "--suite": {"suite", "data", "n", "out", "prompts"},
    "making cases": {"kind", "n", "seed", "split", "difficulty", "twins", "solutions", "prompts", "out"},
}
"""What one runs for to the options that bear on it."""


def _refuse_idle(ctx: typer.Context, mode: str) -> None:
    """An option that would be passed over in silence is a misunderstanding."""
    for name in ctx.params:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE" and name not in APPLY[mode]:
            option = "--json" if name == "as_json" else f"--{name}"
            raise ConfigError(f"{option} does not apply to {mode}: leave it out.")


def _check_beside(files: dict[str, Path | None], out: Path) -> None:
    """Refuse files that could not be written, or that would overwrite each other, before any work is done."""
    from gazal.core.manifest import name_manifest

    taken = {out.resolve(), name_manifest(out).resolve()}
    for option, path in files.items():
        if path is None:
            continue
        if path.resolve() in taken:
            raise ConfigError(
                f"{option} names {path}, which is written for another option. Name another file."
            )
        if not path.parent.is_dir():
            raise ConfigError(f"{option} {path}: there is no folder {path.parent}. Make it first.")
        taken.add(path.resolve())


def _make(
    kinds: list["WorldKind"], n: int, settings: dict[str, Any], solutions: Path | None, out: Path
) -> list["Case"]:
    from gazal.cli.say import show_progress
    from gazal.core.manifest import write_manifest
    from gazal.core.store import write_cases, write_traces
    from gazal.world.generate import make_cases
    from gazal.world.knowledge import load_knowledge
    from gazal.world.solve import solve

    if settings["twins"] and set(kinds) == {"recall"}:
        raise ConfigError("recall cases have no twins: leave out --twins or add another --kind.")
    start, made = time.monotonic(), []
    stream = show_progress(make_cases(kinds, n=n, **settings), n * (1 + settings["twins"]), "cases")
    write_cases(out, _keep(stream, made))
    if solutions is not None:
        write_traces(solutions, (solve(case) for case in made))
    counts = Counter(case.kind for case in made)
    made_by = {"kinds": kinds, "n": n, **settings, "knowledge": load_knowledge().version}
    write_manifest(out, "cases", made_by, counts, time.monotonic() - start)
    summary = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    also = f"; worked solutions in {solutions}" if solutions else ""
    typer.echo(f"{out}: {len(made)} cases ({summary}){also}")
    return made


def _write_prompts(path: Path, cases: list["Case"]) -> None:
    from gazal.core.chat import hash_prompt, write_prompt
    from gazal.core.store import write_lines

    def dump(case: "Case") -> bytes:
        prompt = write_prompt(case)
        return json.dumps({"case_id": case.id, "prompt": prompt, "prompt_hash": hash_prompt(prompt)}).encode()

    typer.echo(f"{path}: {write_lines(path, cases, dump)} prompts")


def _read_kinds(names: list[str]) -> list["WorldKind"]:
    from gazal.core.case import WORLD_KINDS

    for name in names:
        if name not in WORLD_KINDS:
            near = difflib.get_close_matches(name, WORLD_KINDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            known = ", ".join(WORLD_KINDS)
            raise ConfigError(
                f"--kind {name!r} is not a kind of case.{hint} Repeat --kind for several of: {known}."
            )
    return [kind for kind in WORLD_KINDS if kind in names] or list(WORLD_KINDS)


def _keep(stream: Iterator["Case"], made: list["Case"]) -> Iterator["Case"]:
    for case in stream:
        made.append(case)
        yield case


def _read_suite(name: str, data: Path | None, limit: int | None, out: Path) -> list["Case"]:
    from gazal.cases.table import find_suite, load_suite
    from gazal.core.manifest import write_manifest
    from gazal.core.store import write_cases

    start = time.monotonic()
    read = load_suite(name, data, limit=limit)
    write_cases(out, read)
    suite = find_suite(name)
    counts = {"cases": len(read), "published": suite.n}
    write_manifest(
        out,
        "cases",
        {"suite": name, "licence": suite.licence, "limit": limit},
        counts,
        time.monotonic() - start,
    )
    share = "" if len(read) == suite.n else f" of {suite.n:,}"
    typer.echo(f"{out}: {len(read):,}{share} cases of {name} ({suite.licence}, for {suite.use})")
    return read


def _check(path: Path, as_json: bool) -> None:
    from gazal.cli.say import show_progress
    from gazal.core.store import read_objects
    from gazal.world.check import check_lines

    checked = check_lines(path, show_progress(read_objects(path), None, "cases checked"))
    if as_json:
        typer.echo(
            json.dumps({"n": checked.n, "faults": [asdict(fault) for fault in checked.faults]}, indent=2)
        )
    else:
        for fault in checked.faults:
            typer.echo(f"line {fault.line}, {fault.case_id}: {fault.what}")
        bad = len({fault.line for fault in checked.faults})
        typer.echo(f"{path}: {checked.n:,} cases checked, {bad:,} with faults")
    if checked.faults:
        raise typer.Exit(1)
