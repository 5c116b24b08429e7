"""One optimizer step by several processes: who learns from what, and how their gradients become one.

Each process holds its micro-batches' part of the step's mean, so gradients and metrics are summed.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from gazal.model.shards import find_shard

T = TypeVar("T")
Metrics = dict[str, float | None]


def share_out(micros: Sequence[T], accelerator: Accelerator, sharded: bool) -> Iterator[tuple[T, bool]]:
    """The micro-batches of this process, and whether each counts.

    Args:
        micros: Of the whole step, the largest first.
        accelerator: Of this process.
        sharded: Every process must make as many passes: where it has too few micro-batches, it goes once more
            through the last one, which does not count.
    """
    index, n = accelerator.process_index, accelerator.num_processes
    for k in range(index, len(micros), n):
        yield micros[k], True
    if sharded and micros and 0 < len(micros) % n <= index:
        yield micros[-1], False


def add_up(seen: Metrics, parameters: Sequence[nn.Parameter], accelerator: Accelerator) -> None:
    """Sum gradients and metrics over the processes, in place. A parameter without a gradient gets zeros.

    Not through DistributedDataParallel: the backbone and the output layer are called one by one, which its
    forward hooks do not see, and an adapter's gradients are small enough for one exchange at the end. FSDP2
    has summed those of sharded parameters in the backward pass.
    """
    for parameter in parameters:
        if parameter.grad is None:  # No micro-batch here, or none that reached it.
            parameter.grad = torch.zeros_like(parameter)
    if accelerator.num_processes == 1:
        return
    _add_up_gradients([g for g in _list_gradients(parameters) if not isinstance(g, DTensor)], accelerator)
    names = sorted(set(gather_object(list(seen))))  # A process without a micro-batch has seen nothing.
    sums = _sum(torch.tensor([seen.get(n) or 0.0 for n in names], device=accelerator.device), accelerator)
    seen.update(zip(names, sums.tolist(), strict=True))


@torch.no_grad()
def clip_gradients(parameters: Sequence[nn.Parameter], most: float, accelerator: Accelerator) -> float:
    """Scale gradients down, in place, where their norm over all parameters is larger than ``most``.

    Returns:
        The norm before that; the same in every process.
    """
    gradients = _list_gradients(parameters)
    whole = [g for g in gradients if not isinstance(g, DTensor)]
    norm = torch.nn.utils.get_total_norm(whole)
    if len(whole) < len(gradients):
        parts = [find_shard(g) for g in gradients if isinstance(g, DTensor)]
        squares = torch.nn.utils.get_total_norm(parts).square()
        norm = (_sum(squares, accelerator) + norm.square().to(squares.device)).sqrt()
    share = (most / (norm + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        find_shard(gradient).mul_(share)
    return norm.item()


def _add_up_gradients(gradients: Sequence[Tensor], accelerator: Accelerator) -> None:
    if not gradients:
        return
    flat, at = _sum(torch.cat([g.flatten() for g in gradients]), accelerator), 0
    for gradient in gradients:
        gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
        at += gradient.numel()


def _list_gradients(parameters: Sequence[nn.Parameter]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _sum(tensor: Tensor, accelerator: Accelerator) -> Tensor:
    total = accelerator.reduce(tensor, reduction="sum")
    assert isinstance(total, Tensor)
    return total
