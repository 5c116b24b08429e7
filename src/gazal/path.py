"""``gazal run``: the stages in their order, each made once, each in its folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from gazal.config.load import dump_recipe
from gazal.config.recipe import Recipe
from gazal.core.stage import StageFolder, close_stage, open_stage
from gazal.core.store import CASES, MERGED, REPLIES, read_cases, read_traces
from gazal.errors import ConfigError

if TYPE_CHECKING:
    from gazal.train.step import Step

StageName = Literal["pretrain", "cases", "sft", "grpo", "evaluate"]
RECIPE = "recipe.yaml"
TRAINED = ("pretrain", "sft", "grpo")
FREE = ("checkpoint_every", "micro_rows", "micro_rollouts")
"""Settings that may change while a run goes on: they decide how it is worked out, not what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a stage is."""

    stage: str
    done: int
    of: int
    note: str = ""
    """The newest numbers, for a person."""
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    """All of them, where it trains."""
    alarms: tuple[str, ...] = ()
    """What a person must see at once."""


def run(recipe: Recipe, out: Path, until: StageName | None = None) -> Iterator[Progress]:
    """Go through the stages of a recipe; what is there already is not made again.

    Args:
        recipe: What to do.
        out: Folder of the run.
        until: Stop after this stage.

    Returns:
        How far each stage is; the work is done as this is gone through.

    Raises:
        GazalError: Something a user can mend; what is done so far stays and is gone on from.
    """
    names = list_stages(
        recipe, until
    )  # Now, not with the first event: wrong use is told before anything else.
    if "pretrain" not in names and names != ["cases"]:
        _find_base(recipe)
    kept = _keep_recipe(recipe, out)
    return _go(recipe, out, names, kept)


def _go(recipe: Recipe, out: Path, names: Sequence[str], kept: bool) -> Iterator[Progress]:
    """The stages; of several processes all train, one does the rest."""
    from gazal.model.processes import is_main, wait_for_all

    last = max((n for n, name in enumerate(names) if name in TRAINED), default=0)
    for n, name in enumerate(names):
        if name in TRAINED or is_main():
            for event in STAGES[name](recipe, out):
                if is_main():
                    yield event
        if n < last:  # Not for the evaluation: it takes longer than processes wait for one another.
            wait_for_all()
    if not is_main():
        return
    if not kept:  # Every stage agreed with the recipe: what differs is a stage that is not there.
        (out / RECIPE).write_text(dump_recipe(recipe), encoding="utf-8")
    if names[-1] == "evaluate":
        yield write_report(out)


def write_report(out: Path) -> Progress:
    """Write ``report.html``, and of a run that was evaluated ``summary.json``.

    Raises:
        DataError: The folder is none of a run or an evaluation, or a file is torn.
    """
    from gazal.report import html, numbers, summary

    if (out / numbers.EVALUATE).is_dir():
        summary.write_summary(out)
    return Progress(stage="report", done=1, of=1, note=str(html.write_report(out)))


def find_folder(out: Path, stage: str) -> Path:
    """Where a stage of a run puts what it makes."""
    return out / ("base" if stage == "pretrain" else stage)


def list_stages(recipe: Recipe, until: StageName | None = None) -> list[str]:
    """Names of the stages that a recipe goes through, in their order.

    Raises:
        ConfigError: It has no stage of the name in ``until``.
    """
    wanted = [name for name in STAGES if name == "cases" or getattr(recipe, name) is not None]
    if recipe.pretrain is not None and recipe.sft is recipe.grpo is recipe.evaluate is None:
        wanted = ["pretrain"]
    if until is None:
        return wanted
    if until not in wanted:
        raise ConfigError(f"recipe {recipe.name}: has no stage {until}. Its stages: {', '.join(wanted)}.")
    return wanted[: wanted.index(until) + 1]


def _keep_recipe(recipe: Recipe, out: Path) -> bool:
    """Write the recipe into the folder of its run; False where another is there: it may be the right one."""
    path, text = out / RECIPE, dump_recipe(recipe)
    try:
        out.mkdir(parents=True, exist_ok=True)
        if path.exists():
            return path.read_text(encoding="utf-8") == text
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"--out {out}: cannot be written ({error.strerror}). Name another folder."
        ) from None
    return True


def _pretrain(recipe: Recipe, out: Path) -> Iterator[Progress]:
    from gazal.train.stages import run_pretraining
    from gazal.world.knowledge import load_knowledge

    assert recipe.pretrain is not None
    settings = {**_settings(pretrain=recipe.pretrain), "knowledge": load_knowledge().version}
    stage = _open(find_folder(out, "pretrain"), settings, recipe.seed, {})
    if stage is None:
        return
    for step in run_pretraining(recipe, stage):
        yield _tell("pretrain", step)
    _close(stage, {"steps": recipe.pretrain.steps})


def _cases(recipe: Recipe, out: Path) -> Iterator[Progress]:
    """Gather what each stage learns from or asks, so that every later stage reads files."""
    from gazal.curate.stage import list_inputs, list_sources, run_gathering
    from gazal.world.knowledge import load_knowledge

    settings: dict[str, Any] = {"knowledge": load_knowledge().version}
    sources = list_sources(recipe)
    settings |= {name: [s.model_dump(mode="json") for s in listed] for name, listed in sources.items()}
    settings["limit"] = recipe.evaluate.limit if recipe.evaluate else None
    stage = open_stage(out / "cases", settings, recipe.seed, list_inputs(recipe))
    if stage is None:
        return
    counts: dict[str, Any] = {}
    for note in run_gathering(recipe, stage, counts):
        yield Progress(stage="cases", done=len(counts["gathered"]), of=len(sources), note=note)
    close_stage(stage, counts)


def _sft(recipe: Recipe, out: Path) -> Iterator[Progress]:
    from gazal.train.stages import run_sft

    assert recipe.sft is not None
    settings = _settings(model=recipe.model, adapter=recipe.adapter, sft=recipe.sft)
    folder = out / "cases" / "sft"
    stage = _open(out / "sft", settings, recipe.seed, {"examples": folder, **_find_base(recipe)})
    if stage is None:
        return
    cases = {case.id: case for case in read_cases(folder / CASES)}
    pairs = [(cases[trace.case_id], trace) for trace in read_traces(folder / REPLIES)]
    counts: dict[str, Any] = {}
    for step in run_sft(recipe, pairs, stage, counts):
        yield _tell("sft", step)
    _close(stage, counts)


def _grpo(recipe: Recipe, out: Path) -> Iterator[Progress]:
    from gazal.train.stages import run_grpo

    assert recipe.grpo is not None
    settings = _settings(model=recipe.model, adapter=recipe.adapter, grpo=recipe.grpo)
    start = out / "sft" / MERGED if recipe.sft else None
    inputs = {"cases": out / "cases" / "grpo", **({"sft": start} if start else _find_base(recipe))}
    if recipe.grpo.truth_channel:
        inputs["truth"] = out / "cases" / "truth"
    if recipe.grpo.reward_function is not None:
        inputs["reward_function"] = Path(recipe.grpo.reward_function.rpartition(":")[0])
    stage = _open(out / "grpo", settings, recipe.seed, inputs)
    if stage is None:
        return
    cases = read_cases(out / "cases" / "grpo" / CASES)
    held_out = read_cases(out / "cases" / "truth" / CASES) if recipe.grpo.truth_channel else []
    for step in run_grpo(recipe, cases, start, stage, held_out):
        yield _tell("grpo", step)
    _close(stage, {"cases": len(cases)})


def _evaluate(recipe: Recipe, out: Path) -> Iterator[Progress]:
    from gazal.evaluate.models import Tested
    from gazal.evaluate.run import How
    from gazal.evaluate.stage import (
        add_battery,
        list_altered,
        list_variants,
        run_evaluation,
        write_results,
    )
    from gazal.train.stages import start_from

    config = recipe.evaluate
    assert config is not None
    trained = {name: out / name / MERGED for name in ("sft", "grpo") if getattr(recipe, name)}
    inputs = {"cases": out / "cases" / "evaluate", **trained, **_find_base(recipe)}
    settings = _settings(model=recipe.model, sampling=config.sampling)
    if config.samples > 1:
        settings["samples"] = config.samples
    if config.batteries:
        settings["batteries"] = [*config.batteries, config.battery_cases]
    stage = open_stage(out / "evaluate", settings, recipe.seed, inputs)
    if stage is None:
        return
    models = {"base": Tested(config=recipe.model, by_likelihood=True)}
    models |= {name: Tested(config=start_from(recipe.model, place)) for name, place in trained.items()}
    cases = read_cases(out / "cases" / "evaluate" / CASES)
    variants = list_variants(cases, config.batteries or (), recipe.seed, config.battery_cases)
    altered = list_altered(cases, config.batteries or (), config.battery_cases)
    how = How(sampling=config.sampling, seed=recipe.seed, samples=config.samples, altered=altered)
    asked = run_evaluation(models, cases, how, stage.part, variants)
    for name, done, of in asked:
        yield Progress(stage="evaluate", done=done, of=of, note=name)
    whole = write_results(models, cases, stage.part, config.limit)
    if config.batteries:
        add_battery(whole, list(models), cases, stage.part, recipe.seed)
    close_stage(stage, {"cases": len(cases), "models": len(models)})


STAGES = {"pretrain": _pretrain, "cases": _cases, "sft": _sft, "grpo": _grpo, "evaluate": _evaluate}


def _settings(**parts: BaseModel) -> dict[str, Any]:
    """What decides the outcome of a stage, for its fingerprint."""
    whole = {name: part.model_dump(mode="json") for name, part in parts.items()}
    for part in whole.values():
        for name in FREE:
            part.pop(name, None)
        for sampling in (part, part.get("sampling", {})):
            sampling.pop("batch_size", None)
        for name in ("address", "folder", "memory"):
            part.get("engine", {}).pop(name, None)
    return whole


def _open(final: Path, settings: dict[str, Any], seed: int, inputs: dict[str, Path]) -> StageFolder | None:
    from gazal.model.processes import main_first

    with main_first():
        return open_stage(final, settings, seed, inputs)


def _close(stage: StageFolder, counts: dict[str, Any]) -> None:
    from gazal.model.processes import is_main, wait_for_all

    wait_for_all()
    if is_main():
        close_stage(stage, counts)


def _find_base(recipe: Recipe) -> dict[str, Path]:
    """The base as an input to be hashed; nothing for a checkpoint on the hub, which its revision names."""
    from gazal.model.place import find_model

    place = find_model(recipe.model.path)
    return {"base": place} if isinstance(place, Path) else {}


def _tell(stage: str, step: "Step") -> Progress:
    named = {"loss": "loss", "reward/total": "reward", "rollout/right": "right"}
    seen = {word: step.metrics.get(name) for name, word in named.items()}
    found = [f"{word} {value:.3f}" for word, value in seen.items() if value is not None]
    alarms = tuple(f"step {a.step}, {a.name} ({a.action}): {a.what}" for a in step.alarms)
    return Progress(
        stage=stage, done=step.step, of=step.of, note=", ".join(found), numbers=step.metrics, alarms=alarms
    )
