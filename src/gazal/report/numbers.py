"""What a run left on disk, read for its report: recipe, manifests, results, steps, cases and replies."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from gazal.config.load import load_recipe
from gazal.config.recipe import Recipe
from gazal.core.case import Case
from gazal.core.stage import MANIFEST
from gazal.core.store import CASES, read_cases, read_objects, read_traces
from gazal.core.trace import Trace
from gazal.errors import DataError
from gazal.evaluate.battery import Outcome as Variant
from gazal.evaluate.compare import Paired
from gazal.evaluate.confidence import Confidence
from gazal.evaluate.reasoning import Outcome as Reasoned
from gazal.evaluate.results import Result
from gazal.evaluate.samples import Sampled

T = TypeVar("T")
FOLDERS = ("base", "cases", "sft", "grpo", "evaluate")
"""Folders of a run that stages leave, in their order."""
REPLYING = ("base", "sft", "grpo")
"""Models that wrote replies, in the order in which one is made from the other."""
LIKELIHOOD = "_likelihood"
"""Ends the name of a model that was asked which option it holds most likely; it writes nothing."""
TRAINED = ("base", "sft", "grpo")
EVALUATE, RESULTS, STEPS = "evaluate", "results.json", "steps.jsonl"
Steps = tuple[Mapping[str, float | None], ...]
"""``group/name`` to number for each optimizer step; None where there was nothing to measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the manifest of one stage says."""

    fingerprint: str
    seconds: float
    peak_rss_mb: float
    seed: int
    gazal: str
    """Version that made it."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """What it was made from: name to sha256."""
    counts: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How much of a suite was asked."""

    n: int
    of: int | None
    """Size of the published set; None where cases are made or come from a file."""
    limit: int | None
    """Most cases taken from each source; None where all were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """``results.json``: every model on every suite, and every two models side by side.

    Raises:
        ValueError: A suite has no size or no model, or a share is not between 0 and 1. No suite at all is a
            run that was not evaluated.
    """

    suites: Mapping[str, Asked]
    evaluation: Mapping[str, Mapping[str, Result]]
    """Suite to model to result."""
    paired: tuple[Paired, ...]
    battery: Mapping[str, Mapping[str, Mapping[str, Variant]]] = field(default_factory=dict)
    """Suite to model to variant to outcome, where cases were put otherwise."""
    reasoning: Mapping[str, Mapping[str, Mapping[str, Reasoned]]] = field(default_factory=dict)
    """Suite to model to alteration to outcome, where a model's own steps were altered."""
    samples: Mapping[str, Mapping[str, Sampled]] = field(default_factory=dict)
    """Suite to model, where several replies to each case were written."""
    calibration: Mapping[str, Mapping[str, Confidence]] = field(default_factory=dict)
    """Suite to model, of those that state a confidence."""

    def __post_init__(self) -> None:
        if self.suites.keys() != self.evaluation.keys():
            raise ValueError(f"suites {list(self.suites)} and evaluation {list(self.evaluation)} differ")
        for suite, models in self.evaluation.items():
            if not models:
                raise ValueError(f"evaluation.{suite} names no model")
            for model, result in models.items():
                if not 0 <= result.right <= result.n or result.n < 1 or not 0 <= result.accuracy <= 1:
                    raise ValueError(f"evaluation.{suite}.{model}: {result.right} right of {result.n}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run, as far as it has gone, or an evaluation on its own."""

    folder: Path
    name: str
    seed: int
    recipe: Recipe | None
    """None for an evaluation on its own."""
    recipe_text: str
    """As it stands in the folder."""
    stages: Mapping[str, Stage]
    """Folder to what its manifest says, for the stages that are whole."""
    files: Mapping[str, tuple[str, ...]]
    """Folder to the names in it."""
    results: Results
    steps: Mapping[str, Steps]
    """``sft``, ``grpo`` and, where the base was made, ``base``: those that the run has, also half done."""
    unfinished: tuple[str, ...] = ()
    """Of a run that was stopped, sentences on what is missing; empty where all is there."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models that wrote replies, in their order."""
        return list_replying({name: None for models in self.results.evaluation.values() for name in models})


def list_replying(models: Iterable[str]) -> tuple[str, ...]:
    """Those of some models that wrote replies: base, SFT and GRPO model first, in this order."""
    wrote = [name for name in models if not name.endswith(LIKELIHOOD)]
    return (*(n for n in REPLYING if n in wrote), *(n for n in wrote if n not in REPLYING))


def read_run(folder: Path) -> Run:
    """Read all that a report tells of, but for cases and replies.

    Raises:
        GazalError: The folder holds no run, it was not evaluated, or a file is missing or torn.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder. Name the folder of a run, such as runs/demo.")
    if is_evaluation(folder):
        return _read_evaluation(folder)
    recipe = folder / "recipe.yaml"
    stages, loaded = read_stages(folder), load_recipe(recipe)
    steps = {name: found for name in TRAINED if (found := _find_steps(folder, name, stages))}
    return Run(
        folder=folder,
        name=loaded.name,
        seed=loaded.seed,
        recipe=loaded,
        recipe_text=recipe.read_text("utf-8-sig"),
        stages=stages,
        files={name: _list_files(folder / name) for name in stages},
        results=read_results(folder) if EVALUATE in stages else Results(suites={}, evaluation={}, paired=()),
        steps=steps,
        unfinished=tuple(_tell_missing(loaded, stages, steps)),
    )


def _find_steps(folder: Path, name: str, stages: Mapping[str, Stage]) -> Steps:
    """Of a stage that is whole, or as far as it has gone; empty where it has not begun."""
    if name in stages:
        return _read_steps(folder / name / STEPS)
    path = folder / f"{name}.part" / STEPS
    return _read_steps(path) if path.is_file() and path.stat().st_size else ()


def _tell_missing(recipe: Recipe, stages: Mapping[str, Stage], steps: Mapping[str, Steps]) -> Iterator[str]:
    for name in ("sft", "grpo"):
        config = getattr(recipe, name)
        if config is None or name in stages:
            continue
        done = f"has come to step {len(steps[name])} of {config.steps}" if name in steps else "has not begun"
        yield f"{name.upper()} {done}."
    if EVALUATE in stages:
        return
    if recipe.evaluate is None:
        yield "The recipe has no evaluation: nothing is known of how well its models do."
    else:
        yield "It was not evaluated: nothing is known of how well its models do."


def is_evaluation(folder: Path) -> bool:
    """Whether a folder was written by ``gazal evaluate``: an evaluation on its own, of whatever models."""
    return (folder / RESULTS).is_file()


def _read_evaluation(folder: Path) -> Run:
    stage = _read(folder / MANIFEST, Stage, f"Delete {folder}")
    results = _read(folder / RESULTS, Results, f"Delete {folder}")
    models = list_replying({name: None for found in results.evaluation.values() for name in found})
    return Run(
        folder=folder,
        name=f"{', '.join(models)} on {', '.join(results.suites)}",
        seed=stage.seed,
        recipe=None,
        recipe_text="",
        stages={EVALUATE: stage},
        files={EVALUATE: tuple(name for name in _list_files(folder) if not name.endswith(".html"))},
        results=results,
        steps={},
    )


def read_stages(folder: Path) -> dict[str, Stage]:
    """Folder to manifest, of the stages that are whole.

    Raises:
        DataError: A manifest is missing or torn.
    """
    there = [name for name in FOLDERS if (folder / name).is_dir()]
    return {name: _read(folder / name / MANIFEST, Stage, f"Delete {folder / name}") for name in there}


def read_results(folder: Path) -> Results:
    """Read ``evaluate/results.json``.

    Raises:
        DataError: It is missing, torn, or does not say what it should.
    """
    if not (folder / EVALUATE).is_dir():
        raise DataError(
            f"{folder}: has no {EVALUATE}/: it was not evaluated. Give the recipe an evaluate stage and "
            f"finish the run: gazal run RECIPE --out {folder}."
        )
    return _read(folder / EVALUATE / RESULTS, Results, f"Delete {folder / EVALUATE}")


def read_asked(folder: Path) -> list[Case]:
    """The cases that the models of a run were asked.

    Raises:
        DataError: They are missing or malformed.
    """
    return read_cases(find_cases(folder))


def find_cases(folder: Path) -> Path:
    """Where the cases of the evaluation stand."""
    return folder / CASES if is_evaluation(folder) else folder / "cases" / EVALUATE / CASES


def find_replies(folder: Path, model: str) -> Path:
    """Where the replies of a model stand."""
    return (folder if is_evaluation(folder) else folder / EVALUATE) / f"{model}.jsonl"


def read_replies(folder: Path, model: str) -> dict[str, Trace]:
    """Case id to what a model replied.

    Raises:
        DataError: The file is missing or malformed.
    """
    return {trace.case_id: trace for trace in read_traces(find_replies(folder, model))}


def _read_steps(path: Path) -> Steps:
    """Each step once; of numbers only."""
    steps = []
    for number, value in read_objects(path):
        if not isinstance(value.get("step"), int):
            raise DataError(f"{path}, line {number}: has no step number. Make the stage again.")
        kept = {name: found for name, found in value.items() if _is_number(found)}
        steps.append(kept)
    return tuple(steps)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _list_files(folder: Path) -> tuple[str, ...]:
    found = sorted(folder.iterdir())
    return tuple(f"{path.name}/" if path.is_dir() else path.name for path in found)


def _read(path: Path, shape: type[T], remedy: str) -> T:
    """A JSON file of a stage as a record."""
    way_out = f"{remedy} and run the same command again: the stage is made anew."
    try:
        return _adapt(shape).validate_json(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: no such file. {way_out}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        what = f"{place}: {first['msg']}" if place else first["msg"]
        raise DataError(f"{path}: torn, or from another version ({what:.200}). {way_out}") from None


@cache
def _adapt(shape: type[T]) -> TypeAdapter[T]:
    return TypeAdapter(shape)
