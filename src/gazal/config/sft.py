"""The knobs of stage 1."""

from typing import Annotated

from pydantic import Field

from gazal.config.base import Count, Listed
from gazal.config.data import Source
from gazal.config.optim import OptimConfig


class SFTConfig(OptimConfig):
    """Supervised fine-tuning on worked solutions; the loss is over the reply only."""

    examples: Listed[Source]
    pack_length: Annotated[int, Field(ge=2)] = 512
    """Tokens of a row. An example that is longer is left out and counted."""
    packing: bool = True
    """Put several examples into a row; none sees another. False gives each its own row."""
    rows_per_step: Count = 16
    """Rows of one optimizer step."""
    micro_rows: Count = 4
    """Rows of one forward pass: changes memory and speed, not what is learned."""
