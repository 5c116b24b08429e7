"""A fingerprint of the weights under an adapter, so that a run goes on over those that it began with."""

import hashlib
from typing import cast

import torch
from accelerate.utils import gather_object
from torch import nn
from torch.distributed.tensor import DTensor

from gazal.model.shards import find_shard, is_sharded


@torch.no_grad()
def fingerprint_frozen(model: nn.Module) -> str:
    """First 16 hex digits of a hash over all parameters that do not train: names, shapes and values.

    Each tensor is first reduced where it lies to the exclusive or of its numbers (`torch.hash_tensor`). One
    whose numbers were only put into another order is not told apart.
    Where the model is sharded, every process must call this, and all get what one process would.
    """
    frozen = {name: p for name, p in model.named_parameters() if not p.requires_grad and p.numel()}
    found = {name: int(torch.hash_tensor(find_shard(p)).item()) for name, p in frozen.items()}
    if is_sharded(model):
        parts = cast(list[dict[str, int]], gather_object([found]))
        for name, parameter in frozen.items():
            if isinstance(parameter, DTensor):
                found[name] = 0
                for part in parts:
                    found[name] ^= part.get(name, 0)
    lines = (f"{name} {tuple(p.shape)} {p.dtype} {found[name]:x}" for name, p in frozen.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
