"""Norms of the rows of an adapted weight, from products with the small side of the adapter alone.

For ``V = W + s B A``::

    ‖V‖² = ‖W‖² + rowsum(B ∘ (2 s W Aᵀ + s² B A Aᵀ))

so neither ``B A`` nor a copy of W is ever built. What W adds is kept as long as W stays; the norms as long as
A and B do, as between the micro-batches of a step.

Shapes: O outputs, I inputs of a linear layer, R rank.
"""

from typing import Any, cast

import torch
from peft.tuners.lora.layer import LoraLayer
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim.optimizer import register_optimizer_step_post_hook

from gazal.model.dense import unpack

BLOCK = 64
"""Columns of A Aᵀ at a time: it is symmetric, so what lies below the diagonal blocks is not computed."""

ROWS = 1024
"""Rows of a base's weight whose squares are added up together."""

_steps = 0
"""Of all optimisers in this process: some write to parameters in ways that torch counts as no change."""


class KeptNorms:
    """The norms of one layer, until its weights change."""

    def __init__(self) -> None:
        self._key: tuple[Any, ...] = ()
        self._norm_O = torch.empty(0)
        self._base_key: tuple[Any, ...] = ()
        self._square_O = torch.empty(0)
        self._shards: tuple[Tensor, ...] = ()

    def watch(self, layer: LoraLayer, name: str) -> None:
        """Tell changes by the shards that the layer holds now, as FSDP2 registers them outside of a pass.

        What it gathers for a pass may stand where that of the last pass stood, with other values, and counts
        as the same version. The shards are written to as other parameters are. Whoever puts other parameters
        in their place, instead of writing to them, calls this again.
        """
        self._shards = tuple(w for w in _list_weights(layer, name) if isinstance(w, DTensor))

    def key_of(self, layer: LoraLayer, name: str, dtype: torch.dtype) -> tuple[Any, ...]:
        """Another one whenever the norms may have changed."""
        tensors = self._shards or _list_weights(layer, name)
        return _steps, layer.scaling[name], dtype, *map(_key_of, tensors)

    def look(self, key: tuple[Any, ...]) -> Tensor | None:
        """The norms that were kept under this key, [O] in float32; None if the weights have changed since."""
        return self._norm_O if key == self._key else None

    def keep(self, key: tuple[Any, ...], norm_O: Tensor) -> None:
        """Keep norms that the caller has worked out."""
        self._key, self._norm_O = key, norm_O

    @torch.no_grad()
    def find(self, layer: LoraLayer, name: str, dtype: torch.dtype) -> Tensor:
        """The norms, [O] in float32, of the base's weight with A and B as they are in ``dtype``."""
        key = self.key_of(layer, name, dtype)
        norm_O = self.look(key)
        if norm_O is None:
            base = cast(nn.Linear, layer.get_base_layer())
            base_key = _key_of(self._shards[0] if self._shards else base.weight)
            weight_OI = unpack(base)
            if base_key != self._base_key:
                self._square_O, self._base_key = square_rows(weight_OI), base_key
            weight_A, weight_B = (cast(Tensor, f[name].weight) for f in (layer.lora_A, layer.lora_B))
            added_O = square_added(weight_OI, weight_A.to(dtype), weight_B.to(dtype), layer.scaling[name])
            norm_O = (self._square_O + added_O).clamp_(min=0).sqrt_()
            self.keep(key, norm_O)
        return norm_O


def square_rows(weight_OI: Tensor) -> Tensor:
    """Sum of squares of each row, [O] in float32, some rows at a time."""
    parts = (rows.float() for rows in weight_OI.detach().split(ROWS))
    return torch.cat([torch.linalg.vecdot(part, part, dim=1) for part in parts])


def square_added(weight_OI: Tensor, weight_A_RI: Tensor, weight_B_OR: Tensor, scale: float) -> Tensor:
    """What ``s B A`` adds to the sum of squares of each row of the base's weight, [O] in float32."""
    cross_OR = weight_OI.to(weight_A_RI.dtype) @ weight_A_RI.T
    cross_OR *= 2 * scale
    for start in range(0, weight_A_RI.shape[0], BLOCK):
        columns = slice(start, start + BLOCK)
        gram = weight_A_RI[: start + BLOCK] @ weight_A_RI[columns].T
        gram *= scale * scale
        gram[:start] *= 2  # It stands for the block across the diagonal, too.
        cross_OR[:, columns].addmm_(weight_B_OR[:, : start + BLOCK], gram)
    return torch.linalg.vecdot(cross_OR.float(), weight_B_OR.float(), dim=1)


def _list_weights(layer: LoraLayer, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """W, A and B."""
    weights = (layer.get_base_layer().weight, layer.lora_A[name].weight, layer.lora_B[name].weight)
    return cast(tuple[Tensor, Tensor, Tensor], weights)


def _key_of(tensor: Tensor) -> tuple[Any, ...]:
    part = tensor
    if isinstance(tensor, DTensor):
        with torch.no_grad():  # Else it is another tensor, whose version is its own.
            part = tensor.to_local()
    # What is written through a DTensor counts as a change of it, not of its part, and the other way round.
    return part.data_ptr(), part._version, tensor._version, tensor.device


def _count_step(*_: Any) -> None:
    global _steps
    _steps += 1


register_optimizer_step_post_hook(_count_step)
