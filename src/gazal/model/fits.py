"""Which models a machine can teach: what both stages take, estimated from sizes, against what it has."""

from dataclasses import dataclass
from typing import Literal

from gazal.config.data import WorldSource
from gazal.config.grpo import GRPOConfig
from gazal.config.load import set_values
from gazal.config.model import ModelConfig
from gazal.config.pretrain import TinyShape
from gazal.config.recipe import Recipe
from gazal.config.sft import SFTConfig
from gazal.errors import GazalError
from gazal.model.memory import Build, Phase, estimate_grpo, estimate_sft
from gazal.model.place import TINY_BASE
from gazal.model.shape import PUBLISHED, Shape, count_parameters, from_pretraining, look_up

Stage = Literal["sft", "grpo"]
Result = Literal["fits", "tight", "does not fit", "unknown"]
STAGES: tuple[Stage, ...] = ("sft", "grpo")
TIGHT = 0.85
"""From this share of the memory on it is tight: estimates leave out holes in the heap and other programs."""
_HALF, _AGAIN = "model.dtype=bfloat16", "model.gradient_checkpointing=true"
_SMALL = {
    "sft": ("sft.micro_rows=1",),
    "grpo": ("grpo.micro_rollouts=1", "grpo.sampling.batch_size=8"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether one stage of one model has room."""

    model: str
    n_parameters: int
    stage: Stage
    total: int
    """Bytes that its largest phase takes, as estimated, with these settings."""
    result: Result
    """``unknown`` where nobody knows what the machine has."""
    settings: tuple[str, ...]
    """What differs from the defaults, as ``--set`` takes it."""


def list_fits(room: int | None) -> list[Fit]:
    """Both stages of each model whose sizes are known, with the default adapter.

    Each with the first settings that leave room, from the defaults to what takes least; where none does, with
    the last.

    Args:
        room: Bytes of the GPU, or of main memory where there is none; None where unknown.
    """
    shapes = {TINY_BASE: _find_tiny_shape(), **PUBLISHED}
    recipes = {s: set_values(_write_recipe(), s) for stage in STAGES for s in _list_settings(stage)}
    found = []
    for model, shape in shapes.items():
        for stage in STAGES:
            tried = [_try(model, shape, stage, s, recipes[s], room) for s in _list_settings(stage)]
            found.append(next((fit for fit in tried if fit.result in ("fits", "unknown")), tried[-1]))
    return found


def _try(
    model: str, shape: Shape, stage: Stage, settings: tuple[str, ...], recipe: Recipe, room: int | None
) -> Fit:
    total = max(phase.total for phase in _estimate(shape, stage, recipe))
    return Fit(
        model=model,
        n_parameters=count_parameters(shape),
        stage=stage,
        total=total,
        result=_compare(total, room),
        settings=settings,
    )


def _compare(total: int, room: int | None) -> Result:
    if room is None:
        return "unknown"
    return "fits" if total <= TIGHT * room else "tight" if total <= room else "does not fit"


def _estimate(shape: Shape, stage: Stage, recipe: Recipe) -> list[Phase]:
    assert recipe.sft is not None and recipe.grpo is not None
    build = Build(shape=shape, model=recipe.model, adapter=recipe.adapter)
    return estimate_sft(build, recipe.sft) if stage == "sft" else estimate_grpo(build, recipe.grpo)


def _list_settings(stage: Stage) -> list[tuple[str, ...]]:
    """From the defaults to what takes least, each a little slower or coarser than the one before."""
    return [(), (_HALF,), (_HALF, _AGAIN), (_HALF, _AGAIN, *_SMALL[stage])]


def _write_recipe() -> Recipe:
    """Every default; steps, rate and cases, which have none, do not bear on memory."""
    cases = (WorldSource(n=1),)
    return Recipe(
        name="fits",
        sft=SFTConfig(examples=cases, steps=1, learning_rate=1e-4),
        grpo=GRPOConfig(cases=cases, steps=1, learning_rate=1e-4),
    )


def _find_tiny_shape() -> Shape:
    """Of the tiny base that is here; of the one that pretraining makes where none is."""
    try:
        known = look_up(ModelConfig(path=TINY_BASE)).shape
    except GazalError:
        known = None
    return known or from_pretraining(TinyShape())
