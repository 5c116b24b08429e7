"""Adapted linear layers of a plain float32 base: in blocks of rows of the adapted weight, where that is less.

``V = W + s B A`` is built a block of rows at a time. A block gives its rows' norms, and the outputs that
belong to it in one product; with more tokens than inputs that is less work than a low-rank product over all
tokens, for LoRA, too. While the norms are known and tokens are few, the low-rank way is the shorter one.
Values, parameters and files are PEFT's.

Shapes: N tokens, O outputs, I inputs of a linear layer, R rank.
"""

from collections.abc import Iterator
from typing import Any, cast

import torch
from peft.tuners.lora.layer import Linear, LoraLayer
from peft.tuners.lora.variants import DoraLinearVariant
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gazal.model.dora import FactoredDora, sum_products, without_zeros
from gazal.model.norms import square_rows

BLOCK = 256
"""Rows of V at a time."""


class BlockLinear(Linear):
    """PEFT's adapted linear layer; what is not plain goes PEFT's way, or that of `FactoredDora`."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Output of the adapted layer, [..., O], for inputs [..., I]."""
        if args or kwargs or not self._is_plain(x):
            return super().forward(x, *args, **kwargs)
        name = self.active_adapters[0]
        factors = self.lora_A[name].weight, self.lora_B[name].weight
        weights = cast(tuple[Tensor, Tensor, Tensor], (self.get_base_layer().weight, *factors))
        scale, variant = self.scaling[name], self.lora_variant.get(name)
        if not isinstance(variant, FactoredDora):
            return cast(Tensor, _Adapted.apply(x, *weights, None, None, scale, True))
        magnitude_O = cast(Tensor, self.lora_magnitude_vector[name].weight)
        key = variant.norms.key_of(self, name, torch.float32)
        norm_O = variant.norms.look(key)
        if norm_O is None and not torch.is_grad_enabled():  # What only answers gives the same bits each time.
            norm_O = find_norm(*weights, scale)
        known = norm_O is not None
        norm_O = torch.empty_like(magnitude_O) if norm_O is None else norm_O
        y = cast(Tensor, _Adapted.apply(x, *weights, magnitude_O, norm_O, scale, known))
        variant.norms.keep(key, norm_O)
        return y

    def _is_plain(self, x: Tensor) -> bool:
        """One adapter, in use, without dropout or bias; every dtype float32 and nothing to cast or fetch."""
        names = self.active_adapters
        if self.disable_adapters or self.merged or len(names) != 1 or names[0] not in self.lora_A:
            return False
        base, dropout = self.get_base_layer(), self.lora_dropout[names[0]]
        if type(base) is not nn.Linear or (self.training and not isinstance(dropout, nn.Identity)):
            return False
        if base.bias is not None or base.weight.requires_grad or base.weight.device != x.device:
            return False
        float32 = x.dtype == base.weight.dtype == self.lora_A[names[0]].weight.dtype == torch.float32
        return float32 and not torch.is_autocast_enabled(x.device.type)


def use_fast(adapted: nn.Module) -> None:
    """Let the linear layers that PEFT adapted take the ways of this module; in place, nothing is added."""
    for module in adapted.modules():
        if not isinstance(module, LoraLayer):
            continue
        variants = cast(dict[str, Any], module.lora_variant)
        for name, variant in variants.items():
            if type(variant) is DoraLinearVariant:
                variants[name] = FactoredDora()
                module.cast_input_dtype_enabled = False  # Masters are cast to what is computed in instead.
        if type(module) is not Linear or module.fan_in_fan_out or any(module.lora_bias.values()):
            continue
        if all(isinstance(variant, FactoredDora) for variant in variants.values()):
            module.__class__ = BlockLinear


class _Adapted(torch.autograd.Function):
    """``m / ‖V‖ ⊙ V`` times x; without magnitudes ``V`` times x. No gradient goes through the norm.

    Norms that are not known yet are written into ``norm_O``.

    Source:
        DoRA: Liu et al. 2024, arXiv:2402.09353, eq. 5 and section 4.3.
    """

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        x, weight_OI, weight_A_RI, weight_B_OR, magnitude_O, norm_O, scale, known = inputs
        x_NI, h_NR, share_O = x.reshape(-1, x.shape[-1]), None, None
        if magnitude_O is not None:
            magnitude_O = without_zeros(magnitude_O)
            share_O = magnitude_O / norm_O  # Of norms that are not known yet: written below.
        few = len(x_NI) < weight_OI.shape[1]
        if few:
            # Kept although unknown norms need it only later: run again by checkpointing, they are known.
            h_NR = (x_NI @ weight_A_RI.T).mul_(scale)
        if known and h_NR is not None:
            y_NO = torch.mm(x_NI, weight_OI.T).addmm_(h_NR, weight_B_OR.T)
        else:
            y_NO = x_NI.new_empty(len(x_NI), len(weight_OI))
            for rows, block in _build_blocks(weight_OI, weight_A_RI, weight_B_OR, scale):
                if magnitude_O is not None and share_O is not None and not known:
                    norm_O[rows] = square_rows(block).sqrt_()
                    share_O[rows] = magnitude_O[rows] / norm_O[rows]
                torch.mm(x_NI, (block if few else _scale(block, share_O, rows)).T, out=y_NO[:, rows])
        if few and share_O is not None:  # The share goes onto what is smaller: outputs, or weights.
            y_NO *= share_O
        ctx.scale = scale
        kept = None if magnitude_O is None else y_NO
        ctx.save_for_backward(x, weight_OI, weight_A_RI, weight_B_OR, magnitude_O, share_O, h_NR, kept)
        return y_NO.view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        x, weight_OI, weight_A_RI, weight_B_OR, magnitude_O, share_O, h_NR, y_NO = ctx.saved_tensors
        grad_NO, x_NI = grad_outputs[0].reshape(-1, len(weight_OI)), x.reshape(-1, x.shape[-1])
        grad_x, grad_m, few = None, None, len(x_NI) < len(weight_OI)
        if magnitude_O is not None:
            grad_m = sum_products(grad_NO, y_NO).div_(magnitude_O)
        if few and share_O is not None:
            grad_NO, share_O = grad_NO * share_O, None
        every = slice(None)
        grad_h_NR = (grad_NO @ _scale(weight_B_OR, share_O, every, copy=True)).mul_(ctx.scale)
        if h_NR is None:
            h_NR = (x_NI @ weight_A_RI.T).mul_(ctx.scale)
        grad_B_OR = _scale(grad_NO.T @ h_NR, share_O, every)
        if ctx.needs_input_grad[0] and few:
            grad_x = torch.mm(grad_NO, weight_OI).addmm_(grad_h_NR, weight_A_RI).view_as(x)
        elif ctx.needs_input_grad[0]:
            grad_x = torch.zeros_like(x_NI)
            for rows, block in _build_blocks(weight_OI, weight_A_RI, weight_B_OR, ctx.scale):
                grad_x.addmm_(grad_NO[:, rows], _scale(block, share_O, rows))
            grad_x = grad_x.view_as(x)
        return grad_x, None, grad_h_NR.T @ x_NI, grad_B_OR, grad_m, None, None, None


@torch.no_grad()
def find_norm(weight_OI: Tensor, weight_A_RI: Tensor, weight_B_OR: Tensor, scale: float) -> Tensor:
    """Norms of the rows of ``W + s B A``, [O]; to the last bit those that training finds on its way."""
    blocks = _build_blocks(weight_OI, weight_A_RI, weight_B_OR, scale)
    return torch.cat([square_rows(block).sqrt_() for _, block in blocks])


def _scale(rows_OI: Tensor, share_O: Tensor | None, rows: slice, copy: bool = False) -> Tensor:
    """Rows times their shares, in place unless a copy is asked for."""
    if share_O is None:
        return rows_OI
    share_O1 = share_O[rows].unsqueeze(1)
    return rows_OI * share_O1 if copy else rows_OI.mul_(share_O1)


def _build_blocks(
    weight_OI: Tensor, weight_A_RI: Tensor, weight_B_OR: Tensor, scale: float
) -> Iterator[tuple[slice, Tensor]]:
    """Which rows, and these rows of ``W + s B A``, [BLOCK, I]; never all at once."""
    for start in range(0, len(weight_OI), BLOCK):
        rows = slice(start, start + BLOCK)
        yield rows, torch.addmm(weight_OI[rows], weight_B_OR[rows], weight_A_RI, alpha=scale)
