"""The reward that a verb looks at: a recipe's, or the default."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gazal.errors import ConfigError

if TYPE_CHECKING:
    from gazal.config.reward import RewardConfig


def find_reward(recipe: Path | None, overrides: Sequence[str]) -> tuple["RewardConfig", int]:
    """What composes, and the most tokens of a reply that it has in view."""
    from gazal.config.load import load_recipe
    from gazal.config.reward import RewardConfig
    from gazal.config.sampling import Sampling

    if recipe is None:
        if overrides:
            raise ConfigError(f"--set {overrides[0]} changes a recipe, and none is named. Add --recipe FILE.")
        return RewardConfig(), Sampling().max_new_tokens
    found = load_recipe(recipe, list(overrides)).grpo
    if found is None:
        raise ConfigError(f"{recipe}: it has no grpo stage, so no reward. Name one that has.")
    return found.reward, found.sampling.max_new_tokens
