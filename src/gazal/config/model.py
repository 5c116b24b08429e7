"""Which model is taught, and how it is held in memory."""

from typing import Literal

from gazal.config.base import Settings, Text


class ModelConfig(Settings):
    """The base model."""

    path: Text = "tiny-base"
    """``tiny-base`` (comes with the package), a local folder, or a hub id such as ``Qwen/Qwen3-8B``."""
    revision: Text | None = None
    """Commit, tag or branch of a hub id; None takes the newest."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Of the frozen weights. Adapters are float32 whatever this is."""
    enable_thinking: bool = True
    """Handed to the chat template. False makes Qwen3's open with an empty thinking block."""
    attention: Literal["sdpa", "eager", "flash_attention_2", "flex_attention"] = "sdpa"
    """``flex_attention``, on a GPU: GRPO learns from a prompt and its replies in one row, which with gradient
    checkpointing, too, reads the prompt once. Replies are written with sdpa all the same."""
    gradient_checkpointing: bool = False
    """Compute activations a second time instead of keeping them: less memory, about a third more time."""
