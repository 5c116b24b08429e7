"""A recipe: everything that makes a run what it is."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, model_validator

from gazal.config.adapter import AdapterConfig
from gazal.config.base import Settings
from gazal.config.evaluate import EvaluateConfig
from gazal.config.grpo import GRPOConfig
from gazal.config.model import ModelConfig
from gazal.config.pretrain import PretrainConfig
from gazal.config.sft import SFTConfig

STAGES = ("pretrain", "sft", "grpo", "evaluate")
ORIGINS = ("paper", "card", "inferred", "set")
"""Where a value comes from: the paper's public text, its model card, our choice, the command line."""
UNSOURCED = ("name", "about", "provenance")
"""Keys of a recipe that are no settings, so nothing to give a provenance for."""


class Recipe(Settings):
    """A model, an adapter, and the stages that a run goes through. A stage that is None is left out."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Also the name of the run's folder."""
    about: str = ""
    seed: Annotated[int, Field(ge=0)] = 0
    """What every random choice of the run is drawn from."""
    model: ModelConfig = ModelConfig()
    adapter: AdapterConfig = AdapterConfig()
    """Both stages train one of this shape; the first is merged before the second starts."""
    pretrain: PretrainConfig | None = None
    sft: SFTConfig | None = None
    grpo: GRPOConfig | None = None
    evaluate: EvaluateConfig | None = None
    provenance: dict[str, str] = Field(default_factory=dict)
    """Dotted path of a value to where it comes from: an origin, a colon, and the reason in a few words."""

    @model_validator(mode="after")
    def _check_provenance(self) -> "Recipe":
        if not self.provenance:
            return self
        leaves = dict(list_leaves(self.model_dump(mode="json", exclude={"provenance"})))
        for path, reason in self.provenance.items():
            if path not in leaves:
                near = difflib.get_close_matches(path, leaves, n=1)
                hint = (
                    f"Did you mean {near[0]}?" if near else "Name a value by its path, such as adapter.rank."
                )
                raise ValueError(f"provenance: {path} is no value of this recipe. {hint}")
            origin, colon, why = reason.partition(": ")
            if origin not in ORIGINS or not colon or not why.strip():
                raise ValueError(
                    f"provenance: {path}: {reason!r} does not say where the value comes from. "
                    f"Start with one of {', '.join(f'{origin}:' for origin in ORIGINS)} and give the reason."
                )
        return self


def list_leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted path, value) of all that holds no map: entries of a list of maps go by their number."""
    if isinstance(value, Mapping) and (value or not path):
        for key, inner in value.items():
            yield from list_leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence) and any(isinstance(inner, Mapping) for inner in value):
        for number, inner in enumerate(value):
            yield from list_leaves(inner, f"{path}.{number}")
    else:
        yield path, value
