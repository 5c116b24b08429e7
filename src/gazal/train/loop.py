"""The one loop that pretraining, SFT and GRPO run in.

A stage says what to learn from at a step and what the loss is; the loop does the rest. Which examples a step
sees is a function of the seed and the step alone, so a run goes on from a checkpoint as if never stopped.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from gazal.config.optim import OptimConfig
from gazal.errors import TrainingError
from gazal.model.adapter import list_trainable
from gazal.model.fingerprint import fingerprint_frozen
from gazal.model.processes import start_accelerator
from gazal.model.shards import is_sharded
from gazal.train.batch import Tokens
from gazal.train.checkpoint import Kept, Learner, list_checkpoints, load_checkpoint, save_checkpoint
from gazal.train.monitor import Alarm
from gazal.train.optimizer import make_optimizers
from gazal.train.spread import Metrics, add_up, clip_gradients, share_out
from gazal.train.step import ALARMS, ROLLOUTS, STEPS, Step, append_lines, cut_lines, read_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Micro:
    """What goes through the model at once."""

    rows: Sequence[Sequence[Tokens]]
    """Examples of each row."""
    numbers: Sequence[int] = ()
    """Which rollouts of the batch they are, where the stage learns from rollouts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one optimizer step learns from."""

    micros: Sequence[Micro]
    n_tokens: int
    """Tokens to be learnt in all micro-batches: what the loss is divided by."""
    metrics: Metrics
    """What the stage saw while it made the batch."""
    records: Sequence[Mapping[str, Any]] = ()
    """What a person may want to read, such as rollouts; each names its ``step``."""


class Stage(Protocol):
    """What a stage brings to the loop."""

    @property
    def model(self) -> nn.Module:
        """Its parameters that ask for a gradient are trained."""
        ...

    @property
    def optim(self) -> OptimConfig:
        """Rate, schedule, checkpoints."""
        ...

    @property
    def n_steps(self) -> int:
        """Optimizer steps in all."""
        ...

    @property
    def n_checkpoints(self) -> int:
        """How many checkpoints are kept; with more than one, also that of the start."""
        ...

    def make_batch(self, step: int, accelerator: Accelerator) -> Batch:
        """What step number ``step`` (from 0) learns from."""
        ...

    def find_loss(self, micro: Micro, n_tokens: float, device: torch.device) -> tuple[Tensor, Metrics]:
        """Loss of a micro-batch as its part of the step's mean, and what else was seen, in parts likewise."""
        ...

    def keep(self) -> Kept:
        """What the next step needs and neither weights nor step number tell."""
        ...

    def restore(self, kept: Kept) -> None:
        """Take up what `keep` gave."""
        ...

    def watch(self, history: Sequence[Mapping[str, Any]]) -> list[Alarm]:
        """What the newest step of a history raises."""
        ...


def train(stage: Stage, folder: Path, fingerprint: str) -> Iterator[Step]:
    """Run a stage from its newest checkpoint, or from the start, to its last step.

    Args:
        stage: What is trained, on what.
        folder: Where ``steps.jsonl`` and checkpoints grow.
        fingerprint: Of everything the run depends on; a checkpoint with another is refused.

    Yields:
        Each step once it is done and written down.

    Raises:
        TrainingError: A loss or gradient is not a number, or the disk fails. The newest checkpoint stays.
    """
    accelerator, learner = start_accelerator(), _start_learner(stage)
    unsaved = not list_checkpoints(folder)
    start, kept = load_checkpoint(folder, learner, fingerprint)
    stage.restore(kept)
    if accelerator.is_main_process:
        for name in (STEPS, ROLLOUTS, ALARMS):
            cut_lines(folder / name, start)
    accelerator.wait_for_everyone()
    history = read_lines(folder / STEPS)
    if unsaved and stage.n_checkpoints > 1:
        save_checkpoint(folder, 0, learner, stage.keep(), fingerprint)
    for number in range(start, stage.n_steps):
        began = time.perf_counter()
        batch = stage.make_batch(number, accelerator)
        made = time.perf_counter()
        metrics = _take_step(stage, learner, batch, number, accelerator)
        spent = {"time/batch": made - began, "time/learn": time.perf_counter() - made}
        seen = {**batch.metrics, **metrics, **spent}
        history.append({"step": number + 1, **seen})
        alarms = tuple(stage.watch(history))
        done = Step(step=number + 1, of=stage.n_steps, metrics=seen, alarms=alarms)
        if accelerator.is_main_process:
            append_lines(folder / ROLLOUTS, batch.records)
            append_lines(folder / STEPS, history[-1:])
            append_lines(folder / ALARMS, [asdict(alarm) for alarm in alarms])
        if done.step % stage.optim.checkpoint_every == 0 or done.step == done.of or done.stops:
            save_checkpoint(folder, done.step, learner, stage.keep(), fingerprint, stage.n_checkpoints)
        yield done


def find_rate(optim: OptimConfig, step: int, n_steps: int) -> float:
    """Learning rate of step number ``step`` (from 0): a linear warm-up, then the schedule down to its end."""
    if optim.restart_at is not None:
        again = step >= optim.restart_at
        step, n_steps = (
            (step - optim.restart_at, n_steps - optim.restart_at) if again else (step, optim.restart_at)
        )
    warm = round(optim.warmup * n_steps)
    if step < warm:
        return optim.learning_rate * (step + 1) / warm
    along = (step - warm) / max(n_steps - warm, 1)
    match optim.schedule:
        case "constant":
            share = 1.0
        case "linear":
            share = 1.0 - along
        case _:
            share = 0.5 * (1.0 + math.cos(math.pi * along))
    return optim.learning_rate * (optim.final_learning_rate + (1.0 - optim.final_learning_rate) * share)


def _start_learner(stage: Stage) -> Learner:
    parameters = list_trainable(stage.model)
    optimizers, base = make_optimizers(parameters, stage.optim), fingerprint_frozen(stage.model)
    return Learner(parameters=parameters, optimizers=optimizers, base=base)


def _take_step(
    stage: Stage, learner: Learner, batch: Batch, number: int, accelerator: Accelerator
) -> Metrics:
    rate = find_rate(stage.optim, number, stage.n_steps)
    for group in (group for optimizer in learner.optimizers for group in optimizer.param_groups):
        group["lr"] = rate * group["share"]
    stage.model.train()
    seen: Metrics = {"loss": 0.0}
    for micro, counts in share_out(batch.micros, accelerator, is_sharded(stage.model)):
        loss, more = stage.find_loss(micro, batch.n_tokens, accelerator.device)
        (loss * counts).backward()
        for name, value in {"loss": loss.item(), **more}.items() if counts else ():
            seen[name] = (seen.get(name) or 0.0) + (value or 0.0)
    parameters = list(learner.parameters.values())
    add_up(seen, parameters, accelerator)
    norm = clip_gradients(parameters, stage.optim.max_grad_norm, accelerator)
    if not (math.isfinite(norm) and math.isfinite(seen.get("loss") or 0.0)):
        raise TrainingError(
            f"step {number + 1}: loss {seen.get('loss')}, gradient norm {norm}. The learning rate "
            f"({rate:.3g}) may be too high: lower it, and name another --out."
        )
    for optimizer in learner.optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return {**seen, "grad_norm": norm, "learning_rate": rate, "tokens": float(batch.n_tokens)}
