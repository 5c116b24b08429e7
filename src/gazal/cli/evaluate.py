"""``gazal evaluate``: let models reply to a suite, or grade replies that were recorded elsewhere."""

import difflib
import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from gazal.cli.grade import grade_files, lift_protocols, weigh_trained
from gazal.cli.served import find_endpoint
from gazal.errors import ConfigError

if TYPE_CHECKING:
    from gazal.config.data import Source
    from gazal.config.sampling import Sampling
    from gazal.core.case import Case
    from gazal.evaluate.models import Tested
    from gazal.evaluate.run import How

WORLD, WORLD_N = "world", 300
TWINNED = ("diagnosis", "treatment", "uncertainty", "prognosis")
"""The kinds that have counterfactual twins."""
PLAIN: dict[str, Any] = {"temperature": 0.0, "max_new_tokens": 384}
"""How replies are drawn where nothing is said."""
DTYPES = Literal["auto", "float32", "bfloat16", "float16"]


def evaluate(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="A run's folder (its base, SFT and GRPO model), a model's or adapter's folder, tiny-base, "
            "or a name on the hub. Several are compared in pairs.",
        ),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="An OpenAI-compatible service that serves --model: vLLM, OpenAI, ..."
        ),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model as the --endpoint calls it; repeatable.")
    ] = None,
    key_variable: Annotated[
        str, typer.Option(metavar="NAME", help="Environment variable with the key of the --endpoint.")
    ] = "OPENAI_API_KEY",
    timeout: Annotated[
        float, typer.Option(min=1.0, help="Seconds that a reply of the --endpoint may take.")
    ] = 600.0,
    suite: Annotated[
        list[str] | None,
        typer.Option(help="world, or a public question set such as medqa_4opt; repeatable."),
    ] = None,
    cases: Annotated[Path | None, typer.Option(help="Ask the cases of this file instead.")] = None,
    replies: Annotated[
        list[Path] | None,
        typer.Option(help="Ask nobody: grade these recorded replies to --cases or --suite; repeatable."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many cases of each suite, drawn from all of it.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Where public files are. Default: $GAZAL_DATA.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for replies and results. Default: one in runs/evaluate.")
    ] = None,
    likelihood: Annotated[
        bool, typer.Option("--likelihood", help="Also ask which option each model holds most likely.")
    ] = False,
    battery: Annotated[
        list[str] | None,
        typer.Option(
            help="Also ask the cases put otherwise: robustness, faithfulness, reasoning; repeatable."
        ),
    ] = None,
    trained_on: Annotated[
        Path | None,
        typer.Option(help="A run, a curated set or a file of cases: score with and without items in it."),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=1, help="Replies to each case; more give majority and best of k.")
    ] = 1,
    protocol: Annotated[
        str | None,
        typer.Option(help="greedy or paper (temperature 0.7, top-p 0.8, top-k 20), with 2,048 tokens."),
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="A longer reply is cut off.")] = 384,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 takes the most probable token.")] = 0.0,
    batch_size: Annotated[int, typer.Option(min=1, help="Replies written at once.")] = 64,
    dtype: Annotated[DTYPES, typer.Option(help="auto: bfloat16 on a GPU, else float32.")] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Of drawn replies and of the cases of a limit.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Evaluate models on the same cases: accuracy with intervals, format, steps, and paired differences."""
    if data is not None:
        os.environ["GAZAL_DATA"] = str(data)
    if bool(endpoint) != bool(model):
        raise ConfigError("--endpoint URL and --model NAME go together: where it is served, and as what.")
    if bool(models or model) == bool(replies):
        raise ConfigError(
            "name at least one MODEL to ask (or --endpoint and --model), or recorded --replies to grade; "
            "not both."
        )
    sources = _find_sources(suite or [], cases, limit)
    if replies:
        if limit is not None:
            raise ConfigError(
                "--limit does not apply to recorded --replies: all of them are graded. Leave it out."
            )
        grade_files(replies, _gather(sources, None, 0), as_json, trained_on)
        return
    from gazal.evaluate.models import add_served, ask_by_likelihood, find_tested
    from gazal.evaluate.run import How
    from gazal.report.html import REPORT, write_report

    served = [find_endpoint(endpoint or "", name, key_variable, timeout) for name in model or []]
    tested = add_served(find_tested(models, _hold(dtype)) if models else {}, served)
    tested = ask_by_likelihood(tested) if likelihood else tested
    drawn = {"temperature": temperature, "max_new_tokens": max_new_tokens}
    how = How(sampling=_find_sampling(protocol, drawn, batch_size), seed=seed, samples=samples)
    if samples > 1 and how.sampling.greedy:
        raise ConfigError("--samples needs draws that differ: give a --temperature above 0.")
    wanted = _read_batteries(battery or [])
    folder = out or _name_folder(tested, [*(suite or [str(cases)]), *wanted], limit, how)
    whole = _ask(tested, _Asked(sources=sources, limit=limit, batteries=wanted), how, folder)
    if not (folder / REPORT).is_file():
        write_report(folder)
    if trained_on is not None:
        from gazal.core.store import CASES, read_cases, read_traces

        asked = read_cases(folder / CASES)
        written = {name: read_traces(folder / f"{name}.jsonl") for name in tested}
        whole = whole | {"contamination": weigh_trained(asked, written, trained_on)}
    _show(whole, as_json, folder)


def _find_sampling(protocol: str | None, drawn: dict[str, Any], batch_size: int) -> "Sampling":
    from gazal.config.evaluate import PROTOCOLS
    from gazal.config.sampling import Sampling

    if protocol is None:
        return Sampling(**drawn, batch_size=batch_size)
    if protocol not in PROTOCOLS:
        raise ConfigError(f"--protocol {protocol!r} is not known. Known: {', '.join(PROTOCOLS)}.")
    if drawn != PLAIN:
        raise ConfigError(f"--protocol {protocol} says how replies are drawn: leave the other words out.")
    return PROTOCOLS[protocol].model_copy(update={"batch_size": batch_size})


def _hold(dtype: DTYPES) -> Any:
    from gazal.config.model import ModelConfig
    from gazal.model.machine import find_gpu

    chosen = dtype if dtype != "auto" else "bfloat16" if find_gpu() else "float32"
    return ModelConfig(dtype=chosen)


def _find_sources(suites: list[str], cases: Path | None, limit: int | None) -> list["Source"]:
    from gazal.cases.table import find_suite
    from gazal.config.data import FileSource, SuiteSource, WorldSource

    if bool(suites) == (cases is not None):
        raise ConfigError(
            "say what is asked: --suite NAME (world, medqa_4opt, ...) or --cases FILE; not both."
        )
    if cases is not None:
        return [FileSource(cases=cases)]
    found: list[Source] = []
    for name in dict.fromkeys(suites):
        if name == WORLD:
            n = limit or WORLD_N
            found.append(WorldSource(n=n, split="test", seed=0))
            found.append(WorldSource(n=max(1, n // 5), split="test", seed=1, twins=True, kinds=TWINNED))
        else:
            if difflib.get_close_matches(name, [WORLD], n=1, cutoff=0.7):
                raise ConfigError(f"suite {name!r} is not known. Did you mean {WORLD}?")
            found.append(SuiteSource(suite=find_suite(name).name))
    return found


def _gather(sources: list["Source"], limit: int | None, seed: int) -> list["Case"]:
    """Of the world as many as asked for, with their twins; of the others at most ``limit``."""
    from gazal.config.data import WorldSource
    from gazal.curate.gather import gather_cases

    world = [source for source in sources if isinstance(source, WorldSource)]
    others = [source for source in sources if not isinstance(source, WorldSource)]
    return [*gather_cases(world, seed), *gather_cases(others, seed, limit)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is asked, and how else."""

    sources: list["Source"]
    limit: int | None
    batteries: list[str]


def _read_batteries(names: list[str]) -> list[str]:
    from gazal.config.evaluate import Battery

    known = get_args(Battery)
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(f"--battery {unknown[0]!r} is not known. Known: {', '.join(known)}.")
    return list(dict.fromkeys(names))


def _ask(models: dict[str, "Tested"], asked: _Asked, how: "How", folder: Path) -> dict[str, Any]:
    from gazal.cli.say import StageBars
    from gazal.core.stage import close_stage, open_stage
    from gazal.core.store import CASES, write_cases
    from gazal.evaluate.models import list_inputs

    cases = _gather(asked.sources, asked.limit, how.seed)
    settings = _settings(models, how) | {
        "cases": _hash(case.id for case in cases),
        "limit": asked.limit,
        **({"batteries": asked.batteries} if asked.batteries else {}),
    }
    stage = open_stage(folder, settings, how.seed, list_inputs(models))
    if stage is None:
        return json.loads((folder / "results.json").read_text(encoding="utf-8"))
    from gazal.evaluate.stage import (
        add_battery,
        list_altered,
        list_variants,
        run_evaluation,
        write_results,
    )

    typer.echo(f"writing to {folder}", err=True)
    write_cases(stage.part / CASES, cases)
    variants = list_variants(cases, asked.batteries, how.seed)
    how = replace(how, altered=list_altered(cases, asked.batteries))
    with StageBars() as bars:
        for name, done, of in run_evaluation(models, cases, how, stage.part, variants):
            bars.show(name, done, of, "")
    whole = write_results(models, cases, stage.part, asked.limit)
    if asked.batteries:
        add_battery(whole, list(models), cases, stage.part, how.seed)
    close_stage(stage, {"cases": len(cases), "models": len(models)})
    return whole


def _settings(models: dict[str, "Tested"], how: "How") -> dict[str, Any]:
    from gazal.evaluate.models import describe_tested

    drawn = how.sampling.model_dump(mode="json", exclude={"batch_size"})
    held = {name: describe_tested(tested) for name, tested in models.items()}
    chosen = [name for name, tested in models.items() if tested.by_likelihood]
    more = {"samples": how.samples} if how.samples > 1 else {}
    return {"sampling": drawn, "models": held, "by_likelihood": chosen, **more}


def _name_folder(models: dict[str, "Tested"], suites: list[str], limit: int | None, how: "How") -> Path:
    """The same command finds its folder again, another command gets another."""
    key = json.dumps([_settings(models, how), suites, limit, how.seed], sort_keys=True)
    return Path("runs") / "evaluate" / f"{'-'.join(models)}-{_hash([key])[:8]}"


def _hash(parts: Any) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _show(whole: dict[str, Any], as_json: bool, folder: Path) -> None:
    from gazal.cli.results_table import show_results
    from gazal.report.html import REPORT

    if as_json:
        typer.echo(json.dumps(lift_protocols(whole)))
        return
    show_results(whole)
    typer.echo(f"{folder}: cases, replies and results.json")
    typer.echo(f"report: {folder / REPORT}")
