"""What a rollout is paid for."""

from typing import Annotated

from pydantic import Field, model_validator

from gazal.config.base import Count, Settings

Weight = Annotated[float, Field(ge=0.0, lt=1.0)]


class RewardConfig(Settings):
    """Weights of what shapes a reward. The right answer has none: it is the unit that these are shares of."""

    format: Weight = 0.2
    length: Weight = 0.1
    repetition: Weight = 0.1
    grounding: Weight = 0.3
    length_target: Count | None = None
    """Tokens from which a reply starts to be too long; None is 0.6 of what may be written."""
    abstain_at: Annotated[float, Field(ge=0.05, le=0.95)] = 0.5
    """Probability of being right below which abstaining pays more than answering. Keep it above what a guess
    gets right, or guessing pays; keep it below what the policy gets right, or it learns to abstain."""

    @model_validator(mode="after")
    def _check_sum(self) -> "RewardConfig":
        weights = {name: getattr(self, name) for name in ("format", "length", "repetition", "grounding")}
        if (total := sum(weights.values())) >= 1.0 - 1e-9:
            listed = ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
            raise ValueError(
                f"the weights ({listed}) add up to {total:g}. Keep the sum below 1, "
                "or a wrong answer could earn more than a right one."
            )
        return self

    def find_length_target(self, max_new_tokens: int) -> int:
        """Tokens from which a reply starts to be too long, when so many may be written."""
        return self.length_target or max(1, round(0.6 * max_new_tokens))
