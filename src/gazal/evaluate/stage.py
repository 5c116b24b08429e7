"""Models on the same cases, from files to files: replies, choices by likelihood, and what they came to."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gazal.config.endpoint import Endpoint
from gazal.config.sampling import Sampling
from gazal.core.case import Case
from gazal.core.store import read_objects, read_traces, write_lines
from gazal.engine.api import ApiEngine
from gazal.evaluate.models import Tested
from gazal.evaluate.results import LIKELIHOOD, MANNERS, Right, summarise
from gazal.evaluate.run import collect_replies

RESULTS = "results.json"


def run_evaluation(
    models: Mapping[str, Tested], cases: Sequence[Case], sampling: Sampling, seed: int, folder: Path
) -> Iterator[tuple[str, int, int]]:
    """Let each model reply to the cases; what an earlier run has of them is not asked again.

    Args:
        models: By the name that they have in the results.
        cases: What is asked, the same for all.
        sampling: How replies are drawn.
        seed: Of the draws, if any.
        folder: Where ``<model>.jsonl`` and ``<model>_likelihood.jsonl`` go.

    Yields:
        Name of the model, cases done, cases in all.
    """
    for name, tested in models.items():
        replies, choices = folder / f"{name}.jsonl", folder / f"{name}{LIKELIHOOD}.jsonl"
        if replies.exists() and (choices.exists() or not tested.by_likelihood):
            continue
        if isinstance(tested.config, Endpoint):
            engine = ApiEngine(tested.config, name=name)
            asked = collect_replies(engine, cases, sampling, seed, replies)
            yield from ((name, done, len(cases)) for done, _ in enumerate(asked, 1))
            continue
        from gazal.evaluate.held import LoadedModel  # Loads torch, which a served model does without.

        model = LoadedModel(name, tested.config, tested.adapter)
        yield from model.reply(cases, sampling, seed, replies)
        if tested.by_likelihood:
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


def _read_choices(path: Path) -> dict[str, Right]:
    records = [record for _, record in read_objects(path)] if path.stat().st_size else []
    return {manner: {r["case_id"]: r[manner]["right"] for r in records} for manner in MANNERS}
