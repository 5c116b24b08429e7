"""How weights are stepped: the same knobs in every stage that trains."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gazal.config.base import Count, Settings, Share


class OptimConfig(Settings):
    """The optimizer and its schedule."""

    steps: Count
    """Optimizer steps; in GRPO, batches of rollouts."""
    optimizer: Literal["adamw", "muon", "exadam"] = "adamw"
    """``muon``: Muon for matrices, AdamW for embeddings and vectors. For training from nothing.
    ``exadam``: EXAdam, by the first author of Gazal-R1; its steps are several times as long."""
    muon_share: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Muon's learning rate as a share of AdamW's."""
    learning_rate: Annotated[float, Field(gt=0.0, lt=1.0)]
    """At its peak."""
    warmup: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.05
    """Share of the steps over which the learning rate rises from 0 to its peak."""
    schedule: Literal["cosine", "constant", "linear"] = "cosine"
    """How it falls after that; ``constant`` does not."""
    final_learning_rate: Share = 0.1
    """Where it falls to, as a share of the peak."""
    restart_at: Count | None = None
    """After so many optimizer steps (in GRPO, updates) warm-up and schedule begin anew: how a run that had
    ended is made longer."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    beta2: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.99
    """Memory of the squared gradients. Below the usual 0.999, as runs here are short."""
    max_grad_norm: Annotated[float, Field(gt=0.0)] = 1.0
    checkpoint_every: Count = 50
    """Steps between two checkpoints: what is lost at most when a run is killed."""

    @model_validator(mode="after")
    def _check_restart(self) -> Self:
        if self.restart_at is not None and self.restart_at >= self.steps:
            raise ValueError(
                f"restart_at {self.restart_at} is not before the last of {self.steps} steps. Lower it, or "
                "leave it out."
            )
        return self
