"""DoRA at nearly LoRA's cost, on any linear layer that PEFT gives DoRA to; same values, parameters and files.

PEFT multiplies an identity matrix by A and B to build the dense update at every forward pass. Here the norms
come from `gazal.model.norms`, and what they scale is scaled in place.

Shapes: N tokens, O outputs, I inputs of a linear layer, R rank.
"""

from typing import Any, cast

import torch
from peft.tuners.lora.variants import DoraLinearVariant
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gazal.model.norms import KeptNorms


class FactoredDora(DoraLinearVariant):
    """PEFT's DoRA of one linear layer.

    With dropout in use, or a weight that lies the other way round, it goes PEFT's own way. Masters in float32
    are cast to the dtype that the base computes in.
    """

    def __init__(self) -> None:
        self.norms = KeptNorms()

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, module: Any, active_adapter: str, x: Tensor, result: Tensor, **kwargs: Any
    ) -> Tensor:
        """Output of the adapted layer, [..., O], from inputs [..., I] and the base's ``result``, [..., O]."""
        dropped = module.training and not isinstance(module.lora_dropout[active_adapter], nn.Identity)
        if dropped or getattr(module, "fan_in_fan_out", False):
            return DoraLinearVariant.forward(module, active_adapter, x, result, **kwargs)
        dtype = result.dtype
        if result._is_view():  # Of bitsandbytes' own making: not to be written into.
            result = result.clone()
        factors = (factor[active_adapter].weight.to(dtype) for factor in (module.lora_A, module.lora_B))
        magnitude_O = module.lora_magnitude_vector[active_adapter].weight
        norm_O = self.norms.find(module, active_adapter, dtype)
        rest = module.get_base_layer().bias, module.scaling[active_adapter]
        with torch.autocast(x.device.type, enabled=False):
            return cast(Tensor, _Scaled.apply(result, x.to(dtype), *factors, magnitude_O, norm_O, *rest))


class _Scaled(torch.autograd.Function):
    """``m / ‖V‖ ⊙ (W x + s B A x)``, into the storage of W x; no gradient goes through the norm.

    Source:
        DoRA: Liu et al. 2024, arXiv:2402.09353, eq. 5 and section 4.3.
    """

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        result, x, weight_A_RI, weight_B_OR, magnitude_O, norm_O, bias_O, scale = inputs
        ctx.mark_dirty(result)
        y_NO, x_NI = result.view(-1, result.shape[-1]), x.reshape(-1, x.shape[-1])
        magnitude_O = without_zeros(magnitude_O)
        share_O = magnitude_O / norm_O
        h_NR = (x_NI @ weight_A_RI.T).mul_(scale)
        if bias_O is not None:
            y_NO -= bias_O
        y_NO.addmm_(h_NR, weight_B_OR.T).mul_(share_O)
        if bias_O is not None:
            y_NO += bias_O
        ctx.scale = scale
        ctx.save_for_backward(result, x, h_NR, weight_A_RI, weight_B_OR, magnitude_O, share_O, bias_O)
        return result

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        (grad,) = grad_outputs
        y, x, h_NR, weight_A_RI, weight_B_OR, magnitude_O, share_O, bias_O = ctx.saved_tensors
        grad_NO, grad_bias = grad.reshape(-1, grad.shape[-1]), None
        grad_m = sum_products(grad_NO, y.view(-1, y.shape[-1]))
        if bias_O is not None:
            grad_bias = grad_NO.sum(0)
            grad_m -= bias_O * grad_bias
        grad_NO = (grad_NO * share_O).to(grad.dtype)
        grad_h_NR = (grad_NO @ weight_B_OR).mul_(ctx.scale)
        grad_x = (grad_h_NR @ weight_A_RI).view_as(x) if ctx.needs_input_grad[1] else None
        grad_A, grad_B = grad_h_NR.T @ x.reshape(-1, x.shape[-1]), grad_NO.T @ h_NR
        return grad_NO.view_as(grad), grad_x, grad_A, grad_B, grad_m / magnitude_O, None, grad_bias, None


def without_zeros(magnitude_O: Tensor) -> Tensor:
    """Magnitudes from which the gradient can be told: one that is zero would hide what it scales."""
    return torch.where(magnitude_O == 0, torch.finfo(torch.float32).tiny, magnitude_O)


def sum_products(a_NO: Tensor, b_NO: Tensor) -> Tensor:
    """Sum over N of a ∘ b, [O] in float32."""
    if a_NO.dtype == torch.float32:
        return torch.linalg.vecdot(a_NO, b_NO, dim=0)  # Without a tensor of their products.
    return (a_NO * b_NO).sum(0, dtype=torch.float32)
