"""Models on the same cases, from files to files: replies, choices by likelihood, and what they came to."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gazal.config.endpoint import Endpoint
from gazal.config.sampling import Sampling
from gazal.core.case import Case
from gazal.core.pairs import find_pairs
from gazal.core.store import CASES, read_cases, read_objects, read_traces, write_cases, write_lines
from gazal.engine.api import ApiEngine
from gazal.evaluate.battery import MARK, make_variants, weigh_battery
from gazal.evaluate.counted import find_counted
from gazal.evaluate.models import Tested
from gazal.evaluate.results import LIKELIHOOD, MANNERS, Right, split_suites, summarise
from gazal.evaluate.run import collect_replies

RESULTS, BATTERY = "results.json", "battery"


def run_evaluation(
    models: Mapping[str, Tested],
    cases: Sequence[Case],
    sampling: Sampling,
    seed: int,
    folder: Path,
    variants: Sequence[Case] = (),
) -> Iterator[tuple[str, int, int]]:
    """Let each model reply to the cases; what an earlier run has of them is not asked again.

    Args:
        models: By the name that they have in the results.
        cases: What is asked, the same for all.
        sampling: How replies are drawn.
        seed: Of the draws, if any.
        folder: Where ``<model>.jsonl`` and ``<model>_likelihood.jsonl`` go.
        variants: The cases put otherwise, as `list_variants` gives them, asked while a model is in memory;
            they and the replies to them go into ``battery/``.

    Yields:
        Name of the model, cases done, cases in all.
    """
    if variants:
        (folder / BATTERY).mkdir(exist_ok=True)
        write_cases(folder / BATTERY / CASES, variants)
    for name, tested in models.items():
        wanted = {folder / f"{name}.jsonl": (name, cases)}
        if variants:
            wanted[folder / BATTERY / f"{name}.jsonl"] = (f"{name}, {BATTERY}", variants)
        missing = {path: asked for path, asked in wanted.items() if not path.exists()}
        choices = folder / f"{name}{LIKELIHOOD}.jsonl"
        choosing = tested.by_likelihood and not choices.exists()
        if not missing and not choosing:
            continue
        if isinstance(tested.config, Endpoint):
            engine = ApiEngine(tested.config, name=name)
            for path, (title, asked) in missing.items():
                replies = collect_replies(engine, asked, sampling, seed, path)
                yield from ((title, done, len(asked)) for done, _ in enumerate(replies, 1))
            continue
        from gazal.evaluate.held import LoadedModel  # Loads torch, which a served model does without.

        model = LoadedModel(name, tested.config, tested.adapter)
        for path, (title, asked) in missing.items():
            yield from ((title, done, of) for _, done, of in model.reply(asked, sampling, seed, path))
        if choosing:
            yield from model.choose(cases, choices)


def write_results(
    models: Mapping[str, Tested], cases: Sequence[Case], folder: Path, limit: int | None
) -> dict[str, Any]:
    """Weigh what `run_evaluation` left in a folder; writes ``results.json`` there and returns it.

    Args:
        models: Those that were evaluated.
        cases: What they were asked.
        folder: Where their replies are.
        limit: How many cases of each source were taken at most; None where all were.
    """
    replies = {name: read_traces(folder / f"{name}.jsonl") for name in models}
    choices = {
        name: _read_choices(folder / f"{name}{LIKELIHOOD}.jsonl")
        for name, tested in models.items()
        if tested.by_likelihood
    }
    whole = summarise(cases, replies, choices, limit)
    write_lines(folder / RESULTS, [whole], lambda record: json.dumps(record, indent=2).encode())
    return whole


def list_variants(
    cases: Sequence[Case], batteries: Sequence[str], seed: int, most: int | None = None
) -> list[Case]:
    """The cases put otherwise, of the first ``most``; the second of a counterfactual pair is left out."""
    return make_variants(find_counted(cases, find_pairs(cases))[:most], batteries, seed)


def add_battery(
    whole: dict[str, Any], models: Sequence[str], cases: Sequence[Case], folder: Path, seed: int
) -> None:
    """Weigh the replies to variants and write ``results.json`` again, with ``battery`` by suite and model."""
    variants = read_cases(folder / BATTERY / CASES)
    whole["battery"] = {}
    for suite, asked in split_suites(cases).items():
        ids = {case.id for case in asked}
        mine = [v for v in variants if v.id.rpartition(MARK)[0] in ids]
        whole["battery"][suite] = {
            name: {key: asdict(outcome) for key, outcome in found.items()}
            for name in models
            if (
                found := weigh_battery(
                    asked,
                    read_traces(folder / f"{name}.jsonl"),
                    mine,
                    read_traces(folder / BATTERY / f"{name}.jsonl"),
                    seed,
                )
            )
        }
    write_lines(folder / RESULTS, [whole], lambda record: json.dumps(record, indent=2).encode())


def _read_choices(path: Path) -> dict[str, Right]:
    records = [record for _, record in read_objects(path)] if path.stat().st_size else []
    return {manner: {r["case_id"]: r[manner]["right"] for r in records} for manner in MANNERS}
