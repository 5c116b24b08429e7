"""How replies are drawn from a model."""

from typing import Annotated

from pydantic import Field

from gazal.config.base import Count, Settings


class Sampling(Settings):
    """What each next token is drawn from, and when to stop."""

    temperature: Annotated[float, Field(ge=0.0)] = 1.0
    """0 takes the most probable token each time."""
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Draw from the most probable tokens that together reach this share; 1 is all."""
    top_k: Annotated[int, Field(ge=0)] = 0
    """Draw from so many most probable tokens; 0 is all."""
    max_new_tokens: Count = 320
    """A reply that reaches this is cut off: ``stop`` is ``length``."""
    batch_size: Count = 64
    """Replies written at once: changes memory and speed, not what is written."""

    @property
    def greedy(self) -> bool:
        """Whether nothing is left to chance."""
        return self.temperature == 0.0
