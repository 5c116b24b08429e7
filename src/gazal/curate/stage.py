"""The first stage of a run: what each later stage learns from or asks, gathered into files."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gazal.cases.explained import EXPLAINED
from gazal.config.data import CuratedSource, FileSource, Source, SuiteSource, WorldSource
from gazal.config.recipe import Recipe
from gazal.core.example import EXAMPLES
from gazal.core.stage import StageFolder
from gazal.core.store import CASES, REPLIES, write_cases, write_traces
from gazal.curate.gather import find_files, gather_cases, gather_examples, leave_out_absent, refuse_keys


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
        if recipe.grpo.truth_channel:
            sources["truth"] = recipe.grpo.truth_channel.cases
    if recipe.evaluate:
        sources["evaluate"] = recipe.evaluate.cases
    return sources


def list_inputs(recipe: Recipe) -> dict[str, Path]:
    """Name to the file or folder of every source that is at hand: where one has changed, a run stops.

    Raises:
        DataError: A file is missing.
        ConfigError: There is no such suite, or it has nothing to learn from.
    """
    inputs: dict[str, Path] = {}
    for name, sources in list_sources(recipe).items():
        for place, source in enumerate(leave_out_absent(sources)[0]):
            match source:
                case FileSource():
                    inputs[f"{name}.{place}.cases"] = source.cases
                    if source.replies is not None:
                        inputs[f"{name}.{place}.replies"] = source.replies
                case CuratedSource(path=path):
                    inputs[f"{name}.{place}.curated"] = path / EXAMPLES
                case SuiteSource(suite=suite) if name == "sft" and suite not in EXPLAINED:
                    raise refuse_keys(suite)
                case SuiteSource():
                    inputs[f"{name}.{place}.suite"] = find_files(source.suite)
                case WorldSource():
                    pass  # The version of the knowledge stands among the settings.
    return inputs


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
