"""The first stage of a run: what each later stage learns from or asks, gathered into files."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from gazal.config.data import Source
from gazal.config.recipe import Recipe
from gazal.core.stage import StageFolder
from gazal.core.store import CASES, REPLIES, write_cases, write_traces
from gazal.curate.gather import gather_cases, gather_examples, leave_out_absent


def run_gathering(recipe: Recipe, stage: StageFolder, counts: dict[str, Any]) -> Iterator[str]:
    """Gather for SFT, GRPO and evaluation, each into a folder of its own.

    Args:
        recipe: Names the sources.
        stage: Where to work.
        counts: Filled with how many cases were gathered, what was left out and which rows were dropped.

    Yields:
        What was gathered, for a person.
    """
    counts |= {"gathered": {}, "left_out": {}, "dropped": {}}
    for name, sources in list_sources(recipe).items():
        kept, left_out = leave_out_absent(sources)
        (stage.part / name).mkdir(exist_ok=True)
        gather = _gather_examples if name == "sft" else _gather_cases
        n = counts["gathered"][name] = gather(recipe, stage, name, kept, counts)
        if left_out:
            counts["left_out"][name] = left_out
        absent = f"; without {', '.join(left_out)}: no file at hand" if left_out else ""
        yield f"{n:,} for {name}{absent}"


def list_sources(recipe: Recipe) -> dict[str, Sequence[Source]]:
    """Stage to where its cases come from."""
    sources: dict[str, Sequence[Source]] = {}
    if recipe.sft:
        sources["sft"] = recipe.sft.examples
    if recipe.grpo:
        sources["grpo"] = recipe.grpo.cases
    if recipe.evaluate:
        sources["evaluate"] = recipe.evaluate.cases
    return sources


def _gather_examples(
    recipe: Recipe, stage: StageFolder, name: str, sources: Sequence[Source], counts: dict[str, Any]
) -> int:
    dropped: Counter[str] = Counter()
    pairs = list(gather_examples(sources, recipe.seed, dropped))
    counts["dropped"] = dict(dropped)
    write_traces(stage.part / name / REPLIES, (trace for _, trace in pairs))
    return write_cases(stage.part / name / CASES, (case for case, _ in pairs))


def _gather_cases(
    recipe: Recipe, stage: StageFolder, name: str, sources: Sequence[Source], counts: dict[str, Any]
) -> int:
    limit = recipe.evaluate.limit if recipe.evaluate and name == "evaluate" else None
    return write_cases(stage.part / name / CASES, gather_cases(sources, recipe.seed, limit))
