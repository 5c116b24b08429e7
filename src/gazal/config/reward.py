"""What a rollout is paid for."""

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from gazal.config.base import Count, Settings

Weight = Annotated[float, Field(ge=0.0, lt=1.0)]
Least = Annotated[float, Field(gt=-1.0, le=1.0)]
"""A gate of -1 would hold nobody back."""
Shaper = Literal[
    "format", "length", "repetition", "grounding", "process", "calibration", "consistency", "rubric"
]
SHAPERS: tuple[Shaper, ...] = get_args(Shaper)
"""The judges that may shape a reward, each a weight of `RewardConfig`; the one list of their names."""


class RewardConfig(Settings):
    """Weights of what shapes a reward. The right answer has none: it is the unit that these are shares of."""

    format: Weight = 0.2
    length: Weight = 0.1
    repetition: Weight = 0.1
    grounding: Weight = 0.3
    process: Weight = 0.0
    calibration: Weight = 0.0
    consistency: Weight = 0.0
    rubric: Weight = 0.0
    gates: dict[Shaper, Least] = Field(default_factory=dict)
    """Judge to the least that it must say. A reply that falls short gets the lowest shaping of its class,
    whatever the other judges say; one that the judge does not score passes."""
    length_target: Count | None = None
    """Tokens from which a reply starts to be too long; None is 0.6 of what may be written."""
    abstain_at: Annotated[float, Field(ge=0.05, le=0.95)] = 0.5
    """Probability of being right below which abstaining pays more than answering. Keep it above what a guess
    gets right, or guessing pays; keep it below what the policy gets right, or it learns to abstain."""

    @property
    def weights(self) -> dict[Shaper, float]:
        """Judge to weight, where it has one."""
        return {name: weight for name in SHAPERS if (weight := getattr(self, name))}

    @model_validator(mode="after")
    def _check_sum(self) -> "RewardConfig":
        if (total := sum(self.weights.values())) >= 1.0 - 1e-9:
            listed = ", ".join(f"{name} {weight:g}" for name, weight in self.weights.items())
            raise ValueError(
                f"the weights ({listed}) add up to {total:g}. Keep the sum below 1, "
                "or a wrong answer could earn more than a right one."
            )
        return self

    @model_validator(mode="after")
    def _check_gates(self) -> "RewardConfig":
        if self.gates and not self.weights:
            raise ValueError(
                f"gates on {', '.join(self.gates)} have nothing to take away: all weights are 0. "
                "Give a judge a weight, or leave the gates out."
            )
        return self

    def find_length_target(self, max_new_tokens: int) -> int:
        """Tokens from which a reply starts to be too long, when so many may be written."""
        return self.length_target or max(1, round(0.6 * max_new_tokens))
