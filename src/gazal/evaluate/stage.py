"""The models of one run on the same cases: replies, tallies, paired differences."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

from gazal.config.recipe import Recipe
from gazal.core.case import Case
from gazal.core.store import read_traces, write_lines
from gazal.engine.local import LocalEngine
from gazal.evaluate.compare import compare_paired
from gazal.evaluate.run import collect_replies
from gazal.model.likelihood import choose_options
from gazal.model.load import load_model, load_tokenizer
from gazal.score.tally import judge_all, tally_kinds

RESULTS = "results.json"


def run_evaluation(
    recipe: Recipe, cases: Sequence[Case], models: Mapping[str, Path | None], folder: Path
) -> Iterator[tuple[str, int, int]]:
    """Evaluate models by free replies, and the base by the likelihood of the options as well.

    Args:
        recipe: The base's settings and how replies are sampled.
        cases: What is asked, the same for all.
        models: Name to merged model; None is the base.
        folder: Where replies, choices and ``results.json`` go.

    Yields:
        Name of the model, cases done, cases in all.
    """
    for name, path in models.items():
        config = recipe.model if path is None else recipe.model.model_copy(update={"path": str(path)})
        replies = folder / f"{name}.jsonl"
        choices = folder / f"{name}_likelihood.jsonl"
        if replies.exists() and (path is not None or choices.exists()):
            continue
        tokenizer, model = load_tokenizer(config), load_model(config)
        thinking = recipe.model.enable_thinking
        engine = LocalEngine(model, tokenizer, enable_thinking=thinking, name=name)
        assert recipe.evaluate is not None
        done = 0
        for done, _ in enumerate(
            collect_replies(engine, cases, recipe.evaluate.sampling, recipe.seed, replies), 1
        ):
            yield name, done, len(cases)
        if path is None:
            found: list[dict[str, Any]] = []
            optional = [case for case in cases if case.options]
            both = (
                choose_options(model, tokenizer, optional, enable_thinking=thinking, listed=listed)
                for listed in (False, True)
            )
            for alone, listed in zip(*both, strict=True):
                found.append({"case_id": alone.case_id, "alone": asdict(alone), "listed": asdict(listed)})
                yield f"{name}, options by likelihood", len(found), len(optional)
            write_lines(choices, found, lambda record: json.dumps(record).encode())
    write_lines(folder / RESULTS, [_summarise(cases, models, folder)], _dump)


def _summarise(cases: Sequence[Case], models: Mapping[str, Path | None], folder: Path) -> dict[str, Any]:
    tallies, right = {}, {}
    for name in models:
        judged = judge_all(cases, read_traces(folder / f"{name}.jsonl"))
        tallies[name] = {kind: asdict(tally) for kind, tally in tally_kinds(judged).items()}
        right[name] = {v.case_id: v.scores["answer"].why == "right" for _, v in judged}
    for name in models:
        path = folder / f"{name}_likelihood.jsonl"
        if path.exists():
            records = [json.loads(line) for line in path.read_text().splitlines()]
            for manner in ("alone", "listed"):
                right[f"{name}_likelihood_{manner}"] = {r["case_id"]: r[manner]["right"] for r in records}
    pairs = [(a, b) for a, b in combinations(right, 2) if right[a].keys() == right[b].keys()]
    return {
        "n": len(cases),
        "accuracy": {name: sum(found.values()) / len(found) for name, found in right.items() if found},
        "tallies": tallies,
        "paired": [asdict(compare_paired(a, b, right[a], right[b], "evaluate")) for a, b in pairs],
    }


def _dump(record: Any) -> bytes:
    return json.dumps(record, indent=2).encode()
