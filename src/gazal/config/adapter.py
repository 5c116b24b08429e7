"""The shape of the adapter that both stages train."""

import math
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from gazal.config.base import Count, Listed, Settings, Text


class AdapterConfig(Settings):
    """DoRA with rank-stabilised LoRA, unless told otherwise.

    Source:
        DoRA: Liu et al. 2024, arXiv:2402.09353. Scaling: Kalajdzievski 2023, arXiv:2312.03732.
    """

    rank: Count = 32
    alpha: Annotated[float, Field(gt=0.0)] = 32.0
    rank_stable: bool = True
    """Scale by alpha / sqrt(rank) instead of alpha / rank."""
    dora: bool = True
    """Train the length of each output row apart from its direction."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    targets: Literal["all-linear"] | Listed[Text] = "all-linear"
    """Names of linear layers such as ``q_proj``; ``all-linear`` is every one but the output layer."""

    @property
    def scale(self) -> float:
        """What the product of the two low-rank matrices is multiplied by."""
        return self.alpha / (math.sqrt(self.rank) if self.rank_stable else self.rank)

    @field_validator("targets", mode="before")
    @classmethod
    def _say_what_targets_are(cls, value: Any) -> Any:
        named = isinstance(value, list | tuple) and value and all(isinstance(v, str) and v for v in value)
        if value != "all-linear" and not named:
            raise ValueError(
                f"must be all-linear or a list of layer names; got {value!r}. Try [q_proj, v_proj]."
            )
        return value
