"""``gazal curate``: rows from anywhere to a set to learn from, with its card."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gazal.errors import ConfigError, DataError

if TYPE_CHECKING:
    from gazal.cases.overlap import Overlap
    from gazal.core.case import WorldKind
    from gazal.core.stage import StageFolder
    from gazal.curate.build import Rules
    from gazal.curate.incoming import Incoming

PAPER = ("diagnosis", "treatment", "uncertainty", "prognosis")
"""The four kinds of the paper's set."""
SPARE = 2
"""As many times the world's cases are drawn as are wanted, for those that are left out."""
ROOM = 5
UNKNOWN, MOST_CHARS = "unknown", 20_000


def curate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="JSON lines, Parquet or a folder that datasets saved, in any known layout: gazal's own, "
            "MedReason, medical-o1, chat messages, or case, reasoning, answer.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the set.")] = Path("sets/curated"),
    world: Annotated[int | None, typer.Option(min=1, help="So many verified cases of the world.")] = None,
    kinds: Annotated[str, typer.Option(help="Kinds of world case, with commas.")] = ",".join(PAPER),
    public: Annotated[
        list[str] | None,
        typer.Option("--set", help="A public set with explanations, such as pubmedqa_explained; repeatable."),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="source=NAME", help="Leave a source out; repeatable.")
    ] = None,
    cap: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:VALUE]=N", help="At most N of each kind, specialty, difficulty, source."),
    ] = None,
    layout: Annotated[
        list[str] | None,
        typer.Option(help="Also write it as case, medreason, medical-o1 or messages; repeatable."),
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the FILES (SPDX).")] = UNKNOWN,
    data: Annotated[Path | None, typer.Option(help="Where public files are. Default: $GAZAL_DATA.")] = None,
    leaks: Annotated[
        bool, typer.Option("--leaks/--no-leaks", help="Hold everything against the evaluation sets at hand.")
    ] = True,
    most_chars: Annotated[int, typer.Option(min=100, help="Of question and reply.")] = MOST_CHARS,
    seed: Annotated[int, typer.Option(min=0, help="Of the world's cases.")] = 0,
    parquet: Annotated[bool, typer.Option("--parquet/--no-parquet", help="Also write Parquet.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Judge, deduplicate and decontaminate rows; every row left out is kept with its reason."""
    from gazal.core.stage import open_stage
    from gazal.curate.strata import read_caps
    from gazal.world.knowledge import load_knowledge

    need_libraries(parquet)
    if data is not None:
        os.environ["GAZAL_DATA"] = str(data)
    if not (files or world or public):
        raise ConfigError("nothing to curate: name FILES, --world N or --set NAME.")
    against, names = index_suites() if leaks else (None, [])
    settings = {
        "world": world,
        "kinds": _read_kinds(kinds),
        "sets": sorted(public or []),
        "without": sorted(_read_without(without or [])),
        "caps": read_caps(cap or []),
        "layouts": _read_layouts(layout or []),
        "licence": licence,
        "leaks": leaks,
        "against": names,
        "most_chars": most_chars,
        "knowledge": load_knowledge().version if world else None,
    }
    stage = open_stage(out, settings, seed, {str(path): path for path in files or []})
    if stage is not None:
        rules = _make_rules(settings, most=world if world and not files and not public else None)
        told = _tell_command(list(map(str, files or [])), settings, seed, out)
        build_set(
            stage,
            lambda: _list_rows(files or [], licence, public or [], world, settings["kinds"], seed),
            against,
            names,
            told,
            rules=rules,
            parquet=parquet,
            layouts=settings["layouts"],
        )
    say_set(out, as_json)


def build_set(
    stage: "StageFolder",
    list_rows: Callable[[], Iterator["Incoming"]],
    against: "Overlap | None",
    names: list[str],
    command: str,
    *,
    rules: "Rules | None" = None,
    parquet: bool = True,
    layouts: Sequence[str] = (),
) -> None:
    """Build a set in the folder of a stage: examples, what was dropped, card, Parquet, manifest."""
    from gazal.core.stage import close_stage
    from gazal.curate.build import Rules, count
    from gazal.curate.card import write_card
    from gazal.curate.checks import Limits

    rules = rules or Rules(limits=Limits())
    _build(list_rows(), rules, against, stage.part)
    counted = count(stage.part)
    _refuse_empty(counted, stage.part)
    _write(stage.part / "card.md", write_card(stage.final.name, counted, names, command))
    _write_formats(stage.part, parquet, layouts)
    del counted["lengths"]
    close_stage(stage, counted)


def need_libraries(parquet: bool) -> None:
    """Refuse to begin what lacks a library at its end."""
    from importlib.util import find_spec

    missing = [
        name for name in ("rensa", "rapidfuzz", *(["pyarrow"] if parquet else [])) if not find_spec(name)
    ]
    if missing:
        raise ConfigError(f"{', '.join(missing)}: not installed. Run pip install 'gazal[data]'.")


def index_suites() -> tuple["Overlap | None", list[str]]:
    """Every evaluation set at hand. Suites that are part of another are left out."""
    from gazal.cases.overlap import Overlap
    from gazal.cases.table import SUITES, load_suite, locate_suite

    names, cases = [], []
    for name, suite in SUITES.items():
        if suite.use != "evaluation" or name in ("mmlu_pro_health", "mmlu_pro_biology"):
            continue
        try:
            locate_suite(suite, None)
        except (DataError, ConfigError):
            continue
        cases += load_suite(name)
        names.append(name)
    if not names:
        typer.echo("no evaluation set is at hand: nothing is held against one. See docs/data.md.", err=True)
        return None, []
    return Overlap(cases), names


def _list_rows(
    files: list[Path],
    licence: str,
    public: list[str],
    world: int | None,
    kinds: list["WorldKind"],
    seed: int,
) -> Iterator["Incoming"]:
    from gazal.curate.incoming import read_file, read_set, read_world

    named = (read_file(path, licence) for path in files)
    sets = (read_set(name, seed) for name in public)
    n = 0 if world is None else world if files or public else SPARE * world
    return chain(
        chain.from_iterable(named), chain.from_iterable(sets), read_world(n, kinds, seed) if n else iter(())
    )


def _build(rows: Iterator["Incoming"], rules: "Rules", against: "Overlap | None", folder: Path) -> None:
    from gazal.cli.say import StageBars
    from gazal.curate.build import build

    typer.echo(f"writing to {folder}", err=True)
    with StageBars() as bars:
        for read, kept in build(rows, rules, against, folder):
            bars.show("curate", kept if rules.most else read, rules.most or read, f"{kept:,} kept")


def _make_rules(settings: dict[str, Any], most: int | None) -> "Rules":
    from gazal.curate.build import Rules
    from gazal.curate.checks import Limits

    limits, without = Limits(most_chars=settings["most_chars"]), frozenset(settings["without"])
    return Rules(limits=limits, without=without, most=most, caps=settings["caps"])


def _refuse_empty(counted: dict[str, Any], folder: Path) -> None:
    if not counted["kept"]:
        reasons = (
            ", ".join(f"{reason} {n:,}" for reason, n in counted["dropped"].items()) or "no row was read"
        )
        raise DataError(f"{folder}: nothing was kept ({reasons}). See dropped.jsonl there.")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}). Make room.") from None


def _write_formats(folder: Path, parquet: bool, layouts: Sequence[str]) -> None:
    from gazal.curate.formats import write_layouts, write_parquet

    try:
        if parquet:
            write_parquet(folder)
        write_layouts(folder, layouts)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error}). Make room, then run it again.") from None


def _read_kinds(kinds: str) -> "list[WorldKind]":
    from gazal.core.case import WORLD_KINDS, WorldKind

    found: list[WorldKind] = [kind for kind in WORLD_KINDS if kind in kinds.split(",")]
    if len(found) != len(kinds.split(",")):
        raise ConfigError(f"--kinds {kinds!r}: known are {', '.join(WORLD_KINDS)}, each once.")
    return found


def _read_layouts(layouts: list[str]) -> list[str]:
    from gazal.curate.formats import LAYOUTS

    if unknown := [name for name in layouts if name not in LAYOUTS]:
        raise ConfigError(f"--layout {unknown[0]!r}: known are {', '.join(LAYOUTS)}.")
    return sorted(set(layouts))


def _read_without(without: list[str]) -> list[str]:
    for entry in without:
        if not entry.startswith("source=") or entry == "source=":
            raise ConfigError(f"--without {entry!r}: say source=NAME, as the card lists sources.")
    return [entry.removeprefix("source=") for entry in without]


def _tell_command(files: list[str], settings: dict[str, Any], seed: int, out: Path) -> str:
    """The command that makes the set again."""
    world, kinds = settings["world"], settings["kinds"]
    parts = ["gazal curate", *files, *([f"--world {world}"] if world else [])]
    parts += [f"--kinds {','.join(kinds)}"] if world and tuple(kinds) != PAPER else []
    parts += [f"--set {name}" for name in settings["sets"]]
    parts += [f"--without source={name}" for name in settings["without"]]
    parts += [f"--cap {stratum}={n}" for stratum, n in settings["caps"].items()]
    parts += [f"--layout {name}" for name in settings["layouts"]]
    parts += [f"--licence {settings['licence']}"] if files and settings["licence"] != UNKNOWN else []
    parts += [f"--most-chars {settings['most_chars']}"] if settings["most_chars"] != MOST_CHARS else []
    parts += [] if settings["leaks"] else ["--no-leaks"]
    return " ".join([*parts, *([f"--seed {seed}"] if seed else []), f"--out {out}"])


def say_set(out: Path, as_json: bool) -> None:
    """What became of the rows, and where the card is."""
    counted = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    counts = counted["counts"]
    if as_json:
        typer.echo(json.dumps({"out": str(out), "seconds": counted["seconds"], **counts}))
        return
    total = sum(counts["dropped"].values())
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in list(counts["dropped"].items())[:ROOM])
    why = f" ({reasons})" if reasons else ""
    typer.echo(f"{out}: {counts['kept']:,} examples kept, {total:,} rows left out{why}")
    typer.echo(f"card: {out / 'card.md'}")
