"""``gazal synth``: a teacher behind an endpoint writes worked replies; those that pass become a set."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gazal.cli.curate import build_set, index_suites, need_libraries, say_set
from gazal.errors import ConfigError, DataError

if TYPE_CHECKING:
    from gazal.core.case import Case
    from gazal.core.stage import StageFolder
    from gazal.curate.synth import Asked
    from gazal.engine.api import ApiEngine

ROUNDS = 3
"""So often is asked again what brought an empty reply or failed after all retries."""


def synth(
    endpoint: Annotated[str, typer.Option(metavar="URL", help="An OpenAI-compatible service.")],
    model: Annotated[str, typer.Option(help="The teacher, as the service calls it.")],
    out: Annotated[Path, typer.Option(help="Folder of the set.")] = Path("sets/synth"),
    cases: Annotated[Path | None, typer.Option(help="Questions with keys, one case a line.")] = None,
    suite: Annotated[
        list[str] | None, typer.Option(help="A public training set, such as medqa_train_4opt; repeatable.")
    ] = None,
    world: Annotated[int | None, typer.Option(min=1, help="So many cases of the world.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many of each suite.")] = None,
    samples: Annotated[
        int, typer.Option(min=1, help="Replies to each case; the first good one is kept.")
    ] = 4,
    temperature: Annotated[float, typer.Option(min=0.0)] = 0.7,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Of one reply.")] = 2048,
    most_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Stop asking when the ledger has so many tokens, and build the set of it."),
    ] = None,
    in_flight: Annotated[int, typer.Option(min=1, help="Requests at a time.")] = 256,
    key_variable: Annotated[
        str, typer.Option(metavar="NAME", help="Variable of the key.")
    ] = "OPENAI_API_KEY",
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds that one reply may take.")] = 600.0,
    data: Annotated[Path | None, typer.Option(help="Where public files are. Default: $GAZAL_DATA.")] = None,
    leaks: Annotated[
        bool, typer.Option("--leaks/--no-leaks", help="Hold it against evaluation sets.")
    ] = True,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Ask a teacher for worked replies, never showing it the key; keep those that every gate lets through."""
    from gazal.cli.served import find_endpoint
    from gazal.config.sampling import Sampling
    from gazal.core.stage import open_stage
    from gazal.curate.synth import Asked
    from gazal.engine.api import ApiEngine

    need_libraries(parquet=True)
    if data is not None:
        os.environ["GAZAL_DATA"] = str(data)
    served = find_endpoint(endpoint, model, key_variable, timeout)
    questions = _gather(cases, suite or [], world, limit, seed)
    sampling = Sampling(temperature=temperature, max_new_tokens=max_new_tokens, batch_size=in_flight)
    asked = Asked(model=model, samples=samples, sampling=sampling, seed=seed)
    against, names = index_suites() if leaks else (None, [])
    settings = {"manner": asked.manner, "samples": samples, "against": names, "limit": limit}
    settings |= {"cases": str(cases), "suites": suite or [], "world": world}
    stage = open_stage(out, settings, seed, {} if cases is None else {"cases": cases})
    if stage is not None:
        _ask(stage, questions, asked, ApiEngine(served, name=model), most_tokens)
        named = [f"--cases {cases}" if cases else "", *(f"--suite {name}" for name in suite or [])]
        named += [f"--world {world}" if world else "", f"--limit {limit}" if limit else ""]
        named += [f"--samples {samples} --temperature {temperature:g} --max-new-tokens {max_new_tokens}"]
        named += [f"--seed {seed}" if seed else "", "" if leaks else "--no-leaks"]
        told = " ".join(["gazal synth --endpoint URL --model", model, *filter(None, named), f"--out {out}"])
        build_set(stage, lambda: _choose(questions, asked, stage), against, names, told)
    say_set(out, as_json)


def _gather(
    cases: Path | None, suites: list[str], world: int | None, limit: int | None, seed: int
) -> list["Case"]:
    from gazal.cases.table import find_suite
    from gazal.config.data import FileSource, Source, SuiteSource, WorldSource
    from gazal.curate.gather import gather_cases

    sources: list[Source] = [FileSource(cases=cases)] if cases else []
    for name in suites:
        suite = find_suite(name)
        if suite.use != "training":
            raise ConfigError(f"{suite.name} is for evaluation only: nothing is learnt from it.")
        sources.append(SuiteSource(suite=suite.name, n=limit))
    if world:
        sources.append(WorldSource(n=world, split="train"))
    if not sources:
        raise ConfigError("nothing to ask: name --cases FILE, --suite NAME or --world N.")
    return list(gather_cases(sources, seed))


def _ask(
    stage: "StageFolder", cases: list["Case"], asked: "Asked", engine: "ApiEngine", most_tokens: int | None
) -> None:
    from gazal.cli.say import StageBars
    from gazal.curate.synth import LEDGER, ask, count_tokens, list_missing, read_ledger

    path = stage.part / LEDGER
    ledger = read_ledger(path)
    missing = list_missing(cases, asked, ledger)
    n, most = len(cases) * asked.samples, asked.sampling.max_new_tokens
    typer.echo(
        f"{path}: {n - len(missing):,} of {n:,} replies are there; {len(missing):,} requests of at most "
        f"{most:,} tokens are left, {len(missing) * most:,} at most",
        err=True,
    )
    failed, tokens = 0, sum(map(count_tokens, ledger.values()))
    with StageBars() as bars:
        for _ in range(ROUNDS):
            room = None if most_tokens is None else most_tokens - tokens
            if room is not None and room <= 0:
                return
            for done, entry in enumerate(ask(engine, missing, asked, path, room), 1):
                failed += entry is None
                tokens += count_tokens(entry) if entry else 0
                bars.show("synth", done, len(missing), f"{tokens:,} tokens, {failed} failed")
            missing = list_missing(cases, asked, read_ledger(path))
            if not missing:
                return
    raise DataError(f"{path}: {len(missing)} requests brought no reply. Run the same command again for them.")


def _choose(cases: list["Case"], asked: "Asked", stage: "StageFolder") -> Any:
    from gazal.curate.checks import Limits
    from gazal.curate.synth import LEDGER, choose, read_ledger

    return choose(cases, asked, read_ledger(stage.part / LEDGER), Limits())
