"""The knobs of making the tiny base model."""

from typing import Annotated

from pydantic import Field, model_validator

from gazal.config.base import Count, Settings
from gazal.config.optim import OptimConfig


class TinyShape(Settings):
    """Sizes of a small model of the Qwen3 architecture."""

    layers: Count = 4
    width: Count = 192
    mlp: Count = 576
    """Inner width of the feed-forward layers."""
    heads: Count = 3
    kv_heads: Count = 3
    """Heads of keys and values; each serves the same number of query heads."""
    head_width: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    """Even, as rotary positions turn numbers in pairs."""
    vocabulary: Count = 4096
    context: Count = 2048
    """Most tokens of prompt and reply together."""

    @model_validator(mode="after")
    def _check_heads(self) -> "TinyShape":
        if self.heads % self.kv_heads:
            raise ValueError(
                f"heads {self.heads} is not a multiple of kv_heads {self.kv_heads}. Make it one, "
                "so that each key serves the same number of queries."
            )
        return self


class PretrainConfig(OptimConfig):
    """Training from nothing on text that the clinical world writes."""

    shape: TinyShape = TinyShape()
    passages: Count
    """How many passages of text are written to learn from."""
    pack_length: Annotated[int, Field(ge=2)] = 512
    """Tokens of a row; passages follow one another through it."""
    rows_per_step: Count = 8
    """Rows of one optimizer step."""
    micro_rows: Count = 8
    """Rows of one forward pass: changes memory and speed, not what is learned."""

    @model_validator(mode="after")
    def _check_context(self) -> "PretrainConfig":
        if self.pack_length > self.shape.context:
            raise ValueError(
                f"pack_length {self.pack_length} is more than shape.context {self.shape.context}. "
                "Shorten the rows or widen the context."
            )
        return self
