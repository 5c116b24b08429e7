"""Models on the same cases, from files to files: replies, choices by likelihood, and what they came to."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from gazal.config.endpoint import Endpoint
from gazal.config.model import ModelConfig
from gazal.core.case import Case
from gazal.core.pairs import find_pairs
from gazal.core.store import CASES, read_cases, read_objects, read_traces, write_cases, write_lines
from gazal.engine.api import ApiEngine
from gazal.evaluate.battery import MARK, make_variants, weigh_battery
from gazal.evaluate.counted import find_counted
from gazal.evaluate.models import Tested
from gazal.evaluate.reasoning import weigh_reasoning
from gazal.evaluate.results import LIKELIHOOD, MANNERS, Right, split_suites, summarise
from gazal.evaluate.run import How, collect_replies
from gazal.evaluate.samples import keep_first

RESULTS, BATTERY = "results.json", "battery"
Asked = tuple[str, Sequence[Case], How]
"""Title of the progress, what is asked, and how."""
REASONING = "_reasoning"
"""Follows the name of a model where its reasoning was altered; also a battery's name, without the line."""


def run_evaluation(
    models: Mapping[str, Tested],
    cases: Sequence[Case],
    how: How,
    folder: Path,
    variants: Sequence[Case] = (),
) -> Iterator[tuple[str, int, int]]:
    """Let each model reply to the cases; what an earlier run has of them is not asked again.

    Args:
        models: By the name that they have in the results.
        cases: What is asked, the same for all.
        how: How often, and how replies are drawn; variants are asked once.
        folder: Where ``<model>.jsonl`` and ``<model>_likelihood.jsonl`` go.
        variants: The cases put otherwise, as `list_variants` gives them, asked while a model is in memory;
            they and the replies to them go into ``battery/``.

    Yields:
        Name of the model, replies done, replies in all.
    """
    if variants or how.altered:
        (folder / BATTERY).mkdir(exist_ok=True)
    if variants:
        write_cases(folder / BATTERY / CASES, variants)
    for name, tested in models.items():
        wanted = {folder / f"{name}.jsonl": (name, cases, how)}
        if variants:
            once = replace(how, samples=1)
            wanted[folder / BATTERY / f"{name}.jsonl"] = (f"{name}, {BATTERY}", variants, once)
        missing = {path: asked for path, asked in wanted.items() if not path.exists()}
        if isinstance(tested.config, Endpoint):
            yield from _ask_served(name, tested.config, missing)
        else:
            yield from _ask_held(name, tested, missing, (cases, how), folder)


def _ask_served(
    name: str, endpoint: Endpoint, missing: Mapping[Path, Asked]
) -> Iterator[tuple[str, int, int]]:
    engine = ApiEngine(endpoint, name=name) if missing else None
    for path, (title, asked, how) in missing.items():
        assert engine is not None
        replies = collect_replies(engine, asked, how, path)
        yield from ((title, n, len(asked) * how.samples) for n, _ in enumerate(replies, 1))


def _ask_held(
    name: str, tested: Tested, missing: Mapping[Path, Asked], main: tuple[Sequence[Case], How], folder: Path
) -> Iterator[tuple[str, int, int]]:
    cases, how = main
    choices = folder / f"{name}{LIKELIHOOD}.jsonl"
    after = folder / BATTERY / f"{name}{REASONING}.jsonl"
    choosing = tested.by_likelihood and not choices.exists()
    altering = bool(how.altered) and not after.exists()
    if not (missing or choosing or altering):
        return
    from gazal.evaluate.held import LoadedModel  # Loads torch, which a served model does without.

    assert isinstance(tested.config, ModelConfig)
    model = LoadedModel(name, tested.config, tested.adapter)
    for path, (title, asked, manner) in missing.items():
        yield from ((title, done, of) for _, done, of in model.reply(asked, manner, path))
    if choosing:
        yield from model.choose(cases, choices)
    if altering:
        yield from model.answer_after(how.altered, folder / f"{name}.jsonl", after)


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
    return make_variants(_take(cases, most), batteries, seed)


def list_altered(cases: Sequence[Case], batteries: Sequence[str], most: int | None = None) -> list[Case]:
    """The cases of which reasoning is altered, if that is asked for."""
    return _take(cases, most) if REASONING[1:] in batteries else []


def _take(cases: Sequence[Case], most: int | None) -> list[Case]:
    return find_counted(cases, find_pairs(cases))[:most]


def add_battery(
    whole: dict[str, Any], models: Sequence[str], cases: Sequence[Case], folder: Path, seed: int
) -> None:
    """Write ``results.json`` again with ``battery`` and ``reasoning``, each by suite and model.

    Args:
        whole: What `write_results` gave; it gets the two.
        models: Their names.
        cases: What was asked.
        folder: Where replies are.
        seed: Of the variants.
    """
    path = folder / BATTERY / CASES
    variants = read_cases(path) if path.exists() else []
    whole["battery"], whole["reasoning"] = {}, {}
    for suite, asked in split_suites(cases).items():
        ids = {case.id for case in asked}
        mine = [v for v in variants if v.id.rpartition(MARK)[0] in ids]
        put = {name: _weigh_variants(name, asked, mine, folder, seed) for name in models} if mine else {}
        after = {name: _weigh_altered(name, asked, folder) for name in models}
        whole["battery"][suite] = {name: found for name, found in put.items() if found}
        whole["reasoning"][suite] = {name: found for name, found in after.items() if found}
    write_lines(folder / RESULTS, [whole], lambda record: json.dumps(record, indent=2).encode())


def _weigh_variants(
    name: str, asked: Sequence[Case], variants: Sequence[Case], folder: Path, seed: int
) -> dict[str, Any]:
    before = keep_first(read_traces(folder / f"{name}.jsonl"))
    after = read_traces(folder / BATTERY / f"{name}.jsonl")
    return {
        key: asdict(outcome) for key, outcome in weigh_battery(asked, before, variants, after, seed).items()
    }


def _weigh_altered(name: str, asked: Sequence[Case], folder: Path) -> dict[str, Any]:
    path = folder / BATTERY / f"{name}{REASONING}.jsonl"
    if not path.exists() or not path.stat().st_size:
        return {}
    cases = {case.id: case for case in asked}
    rows = [row for _, row in read_objects(path) if row["case_id"] in cases]
    letters = {row["case_id"]: row["letters"] for row in rows}
    chosen = {row["case_id"]: row["chosen"] for row in rows}
    return {key: asdict(outcome) for key, outcome in weigh_reasoning(cases, letters, chosen).items()}


def _read_choices(path: Path) -> dict[str, Right]:
    records = [record for _, record in read_objects(path)] if path.stat().st_size else []
    return {manner: {r["case_id"]: r[manner]["right"] for r in records} for manner in MANNERS}
