"""``gazal synth``: a teacher behind an endpoint writes worked replies; those that pass become a set."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gazal.cli.curate import build_set, index_suites, need_libraries, say_set
from gazal.cli.teach import ask_second_model, ask_teacher
from gazal.errors import ConfigError

if TYPE_CHECKING:
    from gazal.core.case import Case


def synth(
    endpoint: Annotated[
        list[str],
        typer.Option(metavar="URL", help="An OpenAI-compatible service; several share the work."),
    ],
    model: Annotated[str, typer.Option(help="The teacher, as the services call it.")],
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
    agree: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Least share of a case's replies that are right.")
    ] = 0.0,
    checker: Annotated[
        str | None, typer.Option(help="A second model that has to find the reasoning sound.")
    ] = None,
    checker_endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Where it is served. Default: as the teacher.")
    ] = None,
    most_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Stop asking when the ledger has so many tokens, and build the set of it."),
    ] = None,
    price_in: Annotated[float, typer.Option(min=0.0, help="Of a million tokens of prompts.")] = 0.0,
    price_out: Annotated[float, typer.Option(min=0.0, help="Of a million tokens of replies.")] = 0.0,
    most_money: Annotated[
        float | None, typer.Option(min=0.0, help="Stop asking when so much is spent at these prices.")
    ] = None,
    in_flight: Annotated[int, typer.Option(min=1, help="Requests at a time, at each service.")] = 256,
    key_variable: Annotated[
        str, typer.Option(metavar="NAME", help="Variable of the key.")
    ] = "OPENAI_API_KEY",
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds that one reply may take.")] = 600.0,
    stream: Annotated[
        bool, typer.Option("--stream/--whole", help="Take replies word by word, or each as a whole.")
    ] = False,
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
    from gazal.curate.choose import Gates, choose
    from gazal.curate.synth import Asked, Purse
    from gazal.engine.api import ApiEngine
    from gazal.engine.several import SeveralEngines

    need_libraries(parquet=True)
    if data is not None:
        os.environ["GAZAL_DATA"] = str(data)
    if most_money is not None and not price_in + price_out:
        raise ConfigError("--most-money needs --price-in and --price-out: what a million tokens cost.")
    served = [find_endpoint(url, model, key_variable, timeout, stream) for url in endpoint]
    check = None
    if checker is not None:
        check = find_endpoint(checker_endpoint or endpoint[0], checker, key_variable, timeout)
    questions = _gather(cases, suite or [], world, limit, seed)
    sampling = Sampling(temperature=temperature, max_new_tokens=max_new_tokens, batch_size=in_flight)
    asked = Asked(model=model, samples=samples, sampling=sampling, seed=seed)
    against, names = index_suites() if leaks else (None, [])
    settings = {"manner": asked.manner, "samples": samples, "against": names, "limit": limit}
    settings |= {"cases": str(cases), "suites": suite or [], "world": world}
    settings |= {"agree": agree, "checker": checker}
    stage = open_stage(out, settings, seed, {} if cases is None else {"cases": cases})
    if stage is not None:
        purse = Purse(most_tokens=most_tokens, most_money=most_money, price_in=price_in, price_out=price_out)
        teacher = SeveralEngines([ApiEngine(one, name=model) for one in served])
        ledger = ask_teacher(stage.part, questions, asked, teacher, purse)
        gates = Gates(agree=agree)
        if check is not None:
            gates = ask_second_model(stage.part, questions, asked, ledger, gates, check)
        named = [f"--cases {cases}" if cases else "", *(f"--suite {name}" for name in suite or [])]
        named += [f"--world {world}" if world else "", f"--limit {limit}" if limit else ""]
        named += [f"--samples {samples} --temperature {temperature:g} --max-new-tokens {max_new_tokens}"]
        named += [f"--agree {agree:g}" if agree else "", f"--checker {checker}" if checker else ""]
        named += [f"--seed {seed}" if seed else "", "" if leaks else "--no-leaks"]
        told = " ".join(["gazal synth --endpoint URL --model", model, *filter(None, named), f"--out {out}"])
        build_set(stage, lambda: choose(questions, asked, ledger, gates), against, names, told)
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
