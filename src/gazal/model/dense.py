"""The forward pass of an adapted layer through one dense weight, where that is the least work.

PEFT adds the low-rank update to the base's output and then scales it, in several passes over activations as
large as the batch; its norm builds the dense update besides. Where a batch has many tokens for the size of
the layer, it is less work to build the adapted weight once, run one product with it, and share the weight's
gradient out to A, B and magnitudes. The values are the same; what trains and its files are PEFT's. Models
that only answer stay with PEFT, whose logits they then give to the last bit.

Shapes: N tokens, O outputs, I inputs of a linear layer, R rank.
"""

from typing import Any, cast

import torch
from peft.tuners.lora.layer import Linear
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

PASSES = 400
"""The multiplications that fit into the time of PEFT's passes over one output: measured on a CPU, where
layers of 192 to 512 inputs are then 1.1 to 1.5 times as fast, and those of 2,048 stay with PEFT."""


class DenseLinear(Linear):
    """PEFT's adapted linear layer with a dense forward pass; anything unusual goes PEFT's own way."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Output of the adapted layer, [..., O], for inputs [..., I]."""
        if args or kwargs or not self._is_plain(x) or not self._pays(x):
            return super().forward(x, *args, **kwargs)
        base, name = cast(nn.Linear, self.get_base_layer()), self.active_adapters[0]
        magnitudes = self.lora_magnitude_vector
        magnitude = magnitudes[name].weight if name in magnitudes else None
        factors = self.lora_A[name].weight, self.lora_B[name].weight * self.scaling[name]
        return cast(Tensor, _Dense.apply(x, base.weight, *factors, magnitude))

    def _is_plain(self, x: Tensor) -> bool:
        """In training, with one adapter, without dropout or bias; every dtype float32 and nothing to cast."""
        names = self.active_adapters
        if not self.training or self.disable_adapters or self.merged:
            return False
        if len(names) != 1 or names[0] not in self.lora_A:
            return False
        base, dropout = self.get_base_layer(), self.lora_dropout[names[0]]
        if type(base) is not nn.Linear or not isinstance(dropout, nn.Identity):
            return False
        if base.bias is not None or base.weight.requires_grad:
            return False
        float32 = x.dtype == base.weight.dtype == self.lora_A[names[0]].weight.dtype == torch.float32
        return float32 and not torch.is_autocast_enabled(x.device.type)

    def _pays(self, x: Tensor) -> bool:
        """Whether forward and backward pass are less work this way.

        Besides the two products with the base's weight: one as large for the weight's gradient and three
        between the factors, against three with A and three with B over all tokens and the passes.
        """
        weight_A, base = self.lora_A[self.active_adapters[0]].weight, cast(nn.Linear, self.get_base_layer())
        n, r, i, o = x.numel() // x.shape[-1], cast(Tensor, weight_A).shape[0], *base.weight.shape[::-1]
        return n * o * i + 3 * o * r * i <= 3 * n * r * (i + o) + PASSES * n * o


def use_dense(adapted: nn.Module) -> None:
    """Let the layers that PEFT adapted take the dense way where it pays; in place, nothing is added."""
    for module in adapted.modules():
        if type(module) is not Linear or module.fan_in_fan_out or any(module.lora_bias.values()):
            continue
        if set(module.lora_variant) == set(module.lora_magnitude_vector):  # LoRA or DoRA, no other variant.
            module.__class__ = DenseLinear


class _Dense(torch.autograd.Function):
    """``m / ‖V‖ ⊙ V`` times x, where ``V = W + B A`` (the scale is in B); no gradient goes through the norm.

    Source:
        DoRA: Liu et al. 2024, arXiv:2402.09353, eq. 5 and section 4.3.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight_OI: Tensor,
        weight_A_RI: Tensor,
        weight_B_OR: Tensor,
        magnitude_O: Tensor | None,
    ) -> Tensor:
        whole_OI = torch.addmm(weight_OI, weight_B_OR, weight_A_RI)
        norm_O = None if magnitude_O is None else torch.linalg.vector_norm(whole_OI, dim=1)
        ctx.save_for_backward(x, weight_OI, weight_A_RI, weight_B_OR, magnitude_O, norm_O)
        if magnitude_O is not None and norm_O is not None:
            whole_OI = whole_OI * (magnitude_O / norm_O).unsqueeze(1)
        return nn.functional.linear(x, whole_OI)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        (grad_y,) = grad_outputs
        x, weight_OI, weight_A_RI, weight_B_OR, magnitude_O, norm_O = ctx.saved_tensors
        whole_OI = torch.addmm(weight_OI, weight_B_OR, weight_A_RI)  # Kept, it would take a base's memory.
        share_O1 = None if magnitude_O is None else (magnitude_O / norm_O).unsqueeze(1)
        used_OI = whole_OI if share_O1 is None else whole_OI * share_O1
        grad_x = grad_y @ used_OI if ctx.needs_input_grad[0] else None
        grad_NO, x_NI = grad_y.reshape(-1, grad_y.shape[-1]), x.reshape(-1, x.shape[-1])
        grad_OI = grad_NO.T @ x_NI
        grad_m = None
        if share_O1 is not None:
            grad_m = (grad_OI * whole_OI).sum(1) / norm_O
            grad_OI = grad_OI * share_O1
        return grad_x, None, weight_B_OR.T @ grad_OI, grad_OI @ weight_A_RI.T, grad_m
