"""Let the last layer do no more than what is asked of it.

Of the last decoder layer, what a token gives its successors are keys and values; what its MLP makes is read
only where a prediction is wanted. Prompts and padding need none: with four layers, an eighth of all MLPs.

Shapes: B rows, L tokens in a row, N of them whose prediction is wanted, D width.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel


@contextmanager
def spare_last_mlp(plain: PreTrainedModel, wanted_BL: Tensor) -> Iterator[None]:
    """Within, the last layer's MLP reads wanted tokens only; states of the others come out without it.

    Nothing changes in layers of another kind, nor under gradient checkpointing, which runs the layer again.

    Args:
        plain: The model inside an adapter's wrapper.
        wanted_BL: True at the tokens whose last state is read; the shape is that of the model's input.
    """
    mlp, wanted_N = _find_last_mlp(plain), wanted_BL.flatten().nonzero().squeeze(1)
    if mlp is None or not len(wanted_N) or (plain.training and plain.is_gradient_checkpointing):
        yield
        return

    def take(_: nn.Module, args: Any) -> tuple[Tensor]:
        return (args[0].flatten(0, 1).index_select(0, wanted_N),)

    def put_back(_module: nn.Module, _args: Any, out_ND: Any) -> Tensor:
        empty = out_ND.new_zeros((wanted_BL.numel(), out_ND.shape[-1]))
        return empty.index_copy(0, wanted_N, out_ND).view(*wanted_BL.shape, -1)

    handles = mlp.register_forward_pre_hook(take), mlp.register_forward_hook(put_back)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _find_last_mlp(plain: PreTrainedModel) -> nn.Module | None:
    """A plain gated MLP, token by token; what routes tokens to experts is left alone."""
    layers: Any = getattr(plain.base_model, "layers", None)
    mlp = getattr(layers[-1], "mlp", None) if isinstance(layers, nn.ModuleList) and len(layers) else None
    return mlp if hasattr(mlp, "gate_proj") and hasattr(mlp, "down_proj") else None
