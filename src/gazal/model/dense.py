"""The weight of a linear layer as plain numbers, whatever bitsandbytes has packed it into."""

from typing import Any, cast

import torch
from peft.utils.integrations import dequantize_bnb_weight, dequantize_module_weight
from torch import Tensor, nn

_PACKED = ("Params4bit", "Int8Params")


def is_packed(layer: nn.Module) -> bool:
    """Whether bitsandbytes holds its weight in 8 or 4 bits."""
    return type(getattr(layer, "weight", None)).__name__ in _PACKED


@torch.no_grad()
def unpack(layer: nn.Module) -> Tensor:
    """Its weight, [outputs, inputs]: a new tensor where it was packed, else the weight itself."""
    plain = cast(Any, layer)
    if not is_packed(layer):
        return cast(Tensor, dequantize_module_weight(plain))
    # Not by PEFT's function for modules: on a CPU it puts another weight in place, without its 8-bit scales.
    return cast(Tensor, dequantize_bnb_weight(plain.weight, state=getattr(plain, "state", None)))


def keep_packing(model: nn.Module) -> None:
    """Keep bitsandbytes from packing 4-bit weights anew when they are first used.

    On CPUs with bfloat16 instructions it does so outside of training, and rounds their scales: the base that
    trains would no longer be the base that was loaded, and what `unpack` reads would be in another order.
    """
    for layer in model.modules():
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            cast(Any, layer).support_avx512bf16_for_cpu = False
