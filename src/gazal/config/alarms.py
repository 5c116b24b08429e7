"""What training watches for, and what it does about it."""

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from gazal.config.base import Count, Listed, Settings
from gazal.config.data import Source

AlarmName = Literal[
    "reward_ignores_answer",
    "reward_outruns_accuracy",
    "reward_outruns_truth",
    "truth_falls",
    "component_dominates",
    "component_saturates",
    "length_to_cap",
    "length_collapses",
    "truncated_jump",
    "unparsed_jump",
    "abstained_jump",
    "entropy_collapses",
    "duplicates",
    "no_signal",
    "policy_blow_up",
    "position_bias",
]
ALARMS: tuple[AlarmName, ...] = get_args(AlarmName)
Action = Literal["off", "warn", "pause", "roll_back"]
"""``warn``: say it and go on. ``pause``: keep a checkpoint and stop with exit status 3. ``roll_back``: return
to the last checkpoint from before it began, and go on from there with the remedy."""
THRESHOLDS: dict[AlarmName, float] = {
    "reward_ignores_answer": 0.5,
    "reward_outruns_accuracy": 0.6,
    "reward_outruns_truth": 0.8,
    "truth_falls": 0.1,
    "component_dominates": 0.9,
    "component_saturates": 0.98,
    "length_to_cap": 0.5,
    "length_collapses": 0.4,
    "truncated_jump": 0.15,
    "unparsed_jump": 0.15,
    "abstained_jump": 0.2,
    "entropy_collapses": 0.7,
    "duplicates": 0.25,
    "no_signal": 0.7,
    "policy_blow_up": 0.1,
    "position_bias": 0.2,
}
"""From where an alarm is raised; `gazal.train.monitor` says what each is measured in."""


class Remedy(Settings):
    """What changes after a roll-back. Several roll-backs add up."""

    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    """What the learning rate is multiplied by."""
    kl: Annotated[float, Field(ge=0.0)] | None = None
    """Weight of the term that holds the policy to the start of the stage; None leaves it."""


class AlarmsConfig(Settings):
    """Alarms of a GRPO stage."""

    window: Count = 4
    """Steps that are averaged: the first ones are compared with the newest ones."""
    action: Action = "warn"
    """Of every alarm that ``actions`` does not name."""
    actions: dict[AlarmName, Action] = Field(default_factory=dict)
    thresholds: dict[AlarmName, Annotated[float, Field(gt=0.0)]] = Field(default_factory=dict)
    """Instead of the built-in ones."""
    remedy: Remedy = Remedy()
    most_roll_backs: Annotated[int, Field(ge=1, le=10)] = 2
    """After so many a roll-back becomes a pause."""

    def find_action(self, name: AlarmName) -> Action:
        """What to do where an alarm is raised."""
        return self.actions.get(name, self.action)

    def find_threshold(self, name: AlarmName) -> float:
        """From where it is raised."""
        return self.thresholds.get(name, THRESHOLDS[name])

    @property
    def can_roll_back(self) -> bool:
        """Whether any alarm may."""
        return any(self.find_action(name) == "roll_back" for name in ALARMS)


class TruthChannel(Settings):
    """Held-out counterfactual pairs, asked greedily while training runs. No reward ever pays for them."""

    cases: Listed[Source]
    """With ``twins: true``, from a split that nothing is learnt from or tested on. Other held-out cases may
    stand beside the pairs; they count in all but ``truth/pairs_right``."""
    every: Count = 4
    """Batches of rollouts between two measurements; the first comes before the first step."""

    @model_validator(mode="after")
    def _check_split(self) -> "TruthChannel":
        for source in self.cases:
            if source.source == "world" and source.split == "train":
                raise ValueError("cases of split train are learnt from. Take split: validation.")
        if all(source.source == "world" and not source.twins for source in self.cases):
            raise ValueError("twins is false: the truth channel asks pairs. Set twins: true for some.")
        return self
