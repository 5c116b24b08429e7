"""The knobs of stage 2."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from gazal.config.alarms import AlarmsConfig, TruthChannel
from gazal.config.base import Count, Listed
from gazal.config.data import Source
from gazal.config.engine import EngineConfig
from gazal.config.optim import OptimConfig
from gazal.config.reward import SHAPERS, RewardConfig
from gazal.config.sampling import Sampling

LossKind = Literal["dapo", "dr_grpo", "gspo", "cispo"]
AdvantageKind = Literal["sum", "per_component"]


class GRPOConfig(OptimConfig):
    """Group-relative policy optimisation.

    Source:
        Shao et al. 2024, arXiv:2402.03300. ``clip_high`` apart from ``clip_low``, dynamic sampling: Yu et
        al. 2025 (DAPO), arXiv:2503.14476. Advantages left unscaled: Liu et al. 2025 (Dr. GRPO),
        arXiv:2503.20783. Advantages per component: Liu et al. 2026 (GDPO), arXiv:2601.05242.
    """

    cases: Listed[Source]
    cases_per_step: Count = 12
    group_size: int = 8
    """Replies to each case, compared with each other."""
    passes: Count = 1
    """How often each batch of rollouts is gone through."""
    minibatches: Count = 1
    """Optimizer steps per pass. With 1 and 1 pass every step is on-policy and nothing is clipped."""
    micro_rollouts: Count = 16
    """Rollouts of one forward pass: changes memory and speed, not what is learned."""
    loss: LossKind = "dapo"
    """``dapo``: a mean over all tokens. ``dr_grpo``: a sum over tokens, divided by the most there can be.
    ``gspo``: whole replies are clipped, so the clips belong near 3e-4. ``cispo``: clipped tokens learn, too;
    ``clip_low`` has no effect."""
    clip_low: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    """How far the probability ratio may fall below 1 before it stops counting."""
    clip_high: Annotated[float, Field(gt=0.0)] = 0.28
    """How far it may rise above 1. Larger than ``clip_low`` keeps rare tokens alive."""
    kl: Annotated[float, Field(ge=0.0)] = 0.0
    """Weight of a term that holds the policy to the start of the stage; 0 is none."""
    engine_drift: Annotated[float, Field(gt=0.0)] = 0.05
    """Stop where the policy that writes and the one that trains have drifted so far apart (nats a token, see
    ``policy/engine_drift``): weights did not reach the engine, or its numbers differ. bfloat16 alone gives
    some 0.001."""
    advantage: AdvantageKind = "sum"
    """``sum``: the reward is compared within its group. ``per_component``: each component of it is, and is
    divided by its standard deviation there; then they are weighed and added up, and the sum is divided by its
    deviation over the batch (GDPO). So a component counts by its weight, however near its values lie."""
    step_credit: Annotated[float, Field(ge=0.0, le=2.0)] = 0.0
    """Weight of what each reasoning step earns by itself, where a case has a truth: its tokens are pushed by
    how much better the step stands (supported 1, unknown 0, contradicted -1) than the same step of the other
    replies to its case. 0 lets every token share the advantage of its reply alone."""
    computation_credit: Annotated[float, Field(ge=0.0, le=2.0)] = 0.0
    """Weight of what each computation earns by itself, where a case has a truth: the tokens at which its
    outcome stands (a frequency, what rules a drug out, a sum) are pushed by whether it holds (1 or 0), less
    how often it holds in the other replies to the case, and such a one in those to others. Unlike
    ``step_credit`` it leaves all other tokens alone."""
    scale_advantages: bool = False
    """Divide by the standard deviation of the group. False does not (Dr. GRPO)."""
    engine: EngineConfig = EngineConfig()
    dynamic_sampling: Annotated[int, Field(ge=0)] = 0
    """Where all replies of a group earn the same, ask another case in its place; up to so many extra rounds
    per step. 0 is off."""
    mask_truncated: bool = False
    """Learn nothing from replies that were cut off; what they earn still counts in their group's mean."""
    sampling: Sampling = Sampling()
    reward: RewardConfig = RewardConfig()
    reward_function: str | None = None
    """``file.py:function``: pays in place of what ``reward`` comes to, which is still judged and logged. It
    takes ``(case, trace)`` or is a TRL reward function, and must stay within -1 and 1. The file is executed;
    try it with ``gazal attack --reward`` first."""
    truth_channel: TruthChannel | None = None
    """Without it, alarms have nothing to hold the reward against but itself."""
    alarms: AlarmsConfig = AlarmsConfig()

    @field_validator("group_size")
    @classmethod
    def _check_group(cls, value: int) -> int:
        if value < 2:
            raise ValueError(
                f"must be at least 2; got {value}. "
                "A group of one has nothing to be compared with, so every advantage would be 0."
            )
        return value

    @model_validator(mode="after")
    def _check_together(self) -> "GRPOConfig":
        rollouts = self.cases_per_step * self.group_size
        if rollouts % self.minibatches:
            raise ValueError(
                f"cases_per_step {self.cases_per_step} x group_size {self.group_size} = {rollouts} rollouts "
                f"do not divide into {self.minibatches} minibatches. Take a divisor of {rollouts}."
            )
        if self.sampling.greedy:
            raise ValueError("sampling.temperature is 0, so all replies of a group would be the same. Use 1.")
        for name in ("step_credit", "computation_credit"):
            if getattr(self, name) and self.loss == "gspo":
                raise ValueError(
                    f"{name} is per token, but loss gspo weighs whole replies. Take dapo or cispo."
                )
        self._check_advantage()
        target, most = self.reward.length_target, self.sampling.max_new_tokens
        if target is not None and target >= most:
            raise ValueError(
                f"reward.length_target {target} is never passed: sampling.max_new_tokens is {most}. "
                "Lower it, or switch it off with reward.length 0."
            )
        return self

    def object_to_cases(self, n: int) -> str | None:
        """What keeps a run from going with ``n`` cases, and the way out; None where nothing does."""
        size, reward = self.cases_per_step, self.reward
        if reward.rubric or "rubric" in reward.gates:
            # Not at loading: `gazal score` weighs recorded opinions by the same recipe.
            return (
                "grpo.reward looks at the rubric judge, and training asks no model for opinions: no reply "
                "would be scored by it. Set grpo.reward.rubric to 0 and take its gate out; `gazal score` can "
                "weigh it."
            )
        if n < size:
            return (
                f"{n} cases, but grpo.cases_per_step asks for {size} different ones. "
                "Give more cases, or lower it."
            )
        if self.dynamic_sampling and n == size:
            return (
                f"{n} cases, and grpo.cases_per_step asks all of them in each step: "
                "grpo.dynamic_sampling has no other to put in a place. Give more cases, or set it to 0."
            )
        return None

    def _check_advantage(self) -> None:
        if self.advantage != "per_component":
            return
        if self.scale_advantages:
            raise ValueError(
                "scale_advantages is true, but advantage per_component divides every component by its own "
                "deviation already. Leave it at false, or take advantage sum."
            )
        if self.reward_function is not None:
            raise ValueError(
                "advantage is per_component, but reward_function gives one number. Take advantage sum."
            )
        if not self.reward.weights:
            raise ValueError(
                f"advantage is per_component, but reward has one component, the answer: {', '.join(SHAPERS)} "
                "are all 0. Give one a weight, or take advantage sum."
            )
