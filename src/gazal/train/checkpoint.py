"""Checkpoints from which a run goes on as if it had never stopped: safetensors and JSON, nothing pickled.

A checkpoint holds the weights that train, the optimizers' state, the random states, the step, and what the
stage keeps between steps, such as a batch of rollouts of which only some were learnt from. The learning rate
and the position in the data follow from the step.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from gazal.errors import TrainingError
from gazal.model.processes import find_index, is_main
from gazal.model.shards import gather, spread_like

PREFIX = "checkpoint-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a stage keeps between steps."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    """JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """What a checkpoint restores."""

    parameters: dict[str, nn.Parameter]
    """The weights that train, by name."""
    optimizers: tuple[Optimizer, ...]
    base: str
    """Fingerprint of the weights that do not train: `load_checkpoint` refuses others."""


def save_checkpoint(
    folder: Path, step: int, learner: Learner, kept: Kept, fingerprint: str, n_kept: int = 1
) -> None:
    """Write a checkpoint, then remove the earlier ones but ``n_kept - 1`` of them.

    Of several processes one writes, and all must call this: each has its random state, and with sharded
    weights its part of everything. What is written is whole, however many they are.

    Args:
        folder: Of the stage.
        step: Optimizer steps done.
        learner: Weights and optimizers.
        kept: What the stage keeps.
        fingerprint: Of everything the run depends on; `load_checkpoint` refuses another.
        n_kept: How many there are afterwards, at most.

    Raises:
        TrainingError: It cannot be written. The earlier checkpoint stays.
    """
    weights = _gather_all(learner.parameters)
    state, random = _gather_all(_flatten(learner.optimizers)), _gather_random()
    if not is_main():
        return
    target = folder / f"{PREFIX}{step:06d}"
    part = folder / f"{target.name}.part"
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        save_file(weights, part / "weights.safetensors")
        save_file(state, part / "optimizer.safetensors")
        save_file(random, part / "random.safetensors")
        save_file(kept.tensors, part / "kept.safetensors")
        facts = {"step": step, "fingerprint": fingerprint, "base": learner.base, "kept": kept.facts}
        (part / "state.json").write_text(json.dumps(facts, allow_nan=False))
        part.replace(target)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise TrainingError(
            f"{target}: cannot be written ({error}). Make room, then run the same command again: it goes on "
            "from the checkpoint before."
        ) from error
    for old in list_checkpoints(folder)[:-n_kept]:
        shutil.rmtree(old)


def load_checkpoint(folder: Path, learner: Learner, fingerprint: str) -> tuple[int, Kept]:
    """Restore the newest checkpoint of a stage; step 0 and nothing kept where there is none.

    Raises:
        TrainingError: It belongs to another run, or cannot be read.
    """
    found = list_checkpoints(folder)
    if not found:
        return 0, Kept()
    where = found[-1]
    try:
        facts = json.loads((where / "state.json").read_text())
        tensors = {
            name: load_file(where / f"{name}.safetensors")
            for name in ("weights", "optimizer", "random", "kept")
        }
        known, step, kept = facts["fingerprint"], int(facts["step"]), facts["kept"]
        base = facts["base"]
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise TrainingError(f"{where}: cannot be read ({error}). Delete {folder} to start again.") from error
    if known != fingerprint:
        raise TrainingError(
            f"{where}: was made by another recipe, other data or another base. Name another --out, or delete "
            f"{folder} to start again."
        )
    if base != learner.base:
        raise TrainingError(
            f"{where}: was made over a base whose weights have the fingerprint {base}; those that were "
            f"loaded have {learner.base}. Was another revision fetched, or an adapter merged into it? Load "
            f"the same base again, or delete {folder} to start again."
        )
    if tensors["weights"].keys() != learner.parameters.keys():
        raise TrainingError(
            f"{where}: holds other weights than those that train. Delete {folder} to start again."
        )
    with torch.no_grad():
        for name, parameter in learner.parameters.items():
            parameter.copy_(spread_like(tensors["weights"][name], parameter))
    _unflatten(learner.optimizers, tensors["optimizer"])
    _write_random(tensors["random"])
    return step, Kept(tensors=tensors["kept"], facts=kept)


def list_checkpoints(folder: Path) -> list[Path]:
    """Whole checkpoints of a stage, the newest last."""
    return sorted(path for path in folder.glob(f"{PREFIX}*") if path.suffix != ".part")


def _flatten(optimizers: tuple[Optimizer, ...]) -> dict[str, Tensor]:
    return {
        f"{which}/{n}/{name}": value
        for which, optimizer in enumerate(optimizers)
        for n, entry in optimizer.state_dict()["state"].items()
        for name, value in entry.items()
    }


def _unflatten(optimizers: tuple[Optimizer, ...], tensors: dict[str, Tensor]) -> None:
    states: list[dict[int, dict[str, Tensor]]] = [{} for _ in optimizers]
    held = [[p for group in optimizer.param_groups for p in group["params"]] for optimizer in optimizers]
    for name, tensor in tensors.items():
        which, n, key = name.split("/", 2)
        value = spread_like(tensor, held[int(which)][int(n)])
        states[int(which)].setdefault(int(n), {})[key] = value
    for optimizer, state in zip(optimizers, states, strict=True):
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _gather_all(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Whole tensors, one after the other; nothing in processes that do not write."""
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        whole = gather(tensor)
        if is_main():
            found[name] = whole.cpu().contiguous()
    return found


def _gather_random() -> dict[str, Tensor]:
    """Every process's random states; dropout draws from them."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    named = {_name_random(name, find_index()): state for name, state in states.items()}
    return {name: state for part in gather_object([named]) for name, state in part.items()}


def _write_random(states: dict[str, Tensor]) -> None:
    """Take up this process's; where there are more of them than there were, the first one's."""
    mine = {name: states.get(_name_random(name, find_index()), states.get(name)) for name in ("cpu", "cuda")}
    if mine["cpu"] is not None:
        torch.set_rng_state(mine["cpu"])
    if mine["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(mine["cuda"])


def _name_random(device: str, index: int) -> str:
    return f"{device}.{index}" if index else device
