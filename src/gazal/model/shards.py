"""A model spread over the processes of a run with FSDP2: each keeps a part of every decoder layer's weights.

A layer's weights are gathered while it computes and freed after it. What a decoder layer does not hold
(embeddings, the last norm, the output layer) stays whole in every process: it is read outside of the layers.
"""

from collections.abc import Iterable
from typing import Any, cast

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from gazal.errors import ConfigError
from gazal.model.dora import FactoredDora
from gazal.model.logprobs import find_plain_model
from gazal.model.processes import count_processes, find_device, shall_shard


def shard(adapted: PeftModel) -> None:
    """Spread a model over the processes if the run was launched so; in place, on their accelerators.

    Gradients of a sharded weight are summed over the processes at each backward pass, so every process must
    make the same passes in the same order. Whatever optimizer holds its weights must be made after this.

    Args:
        adapted: The same in every process. It may lie in main memory: layers move one by one.

    Raises:
        ConfigError: The model does not say what its decoder layers are.
    """
    if not shall_shard():
        return
    plain, device = find_plain_model(adapted), find_device()
    names = plain._no_split_modules or ()
    layers = [module for module in plain.modules() if type(module).__name__ in names]
    if not layers:
        raise ConfigError(
            f"model.path: {type(plain).__name__} does not name its decoder layers, so FSDP cannot shard it. "
            "Launch without --use_fsdp."
        )
    mesh = init_device_mesh(device.type, (count_processes(),))
    for layer in layers:
        fully_shard(layer, mesh=mesh)
        _sum_gradients(layer)
    whole = {parameter for parameter in plain.parameters() if not isinstance(parameter, DTensor)}
    _move(plain, whole, device)
    # It holds no shard itself; its hooks let the layers' exchanges overlap with what is computed.
    fully_shard(plain.base_model, mesh=mesh, ignored_params=cast(set[nn.Parameter], whole))
    _watch_shards(plain)


def find_start() -> torch.device:
    """Where to load a model that trains: what will be sharded goes to main memory first."""
    return torch.device("cpu") if shall_shard() else find_device()


def is_sharded(model: nn.Module) -> bool:
    """Whether `shard` spread this model."""
    return isinstance(getattr(find_plain_model(model), "base_model", None), FSDPModule)


def gather(tensor: Tensor) -> Tensor:
    """The whole of a tensor, without its gradient; a new one where it is sharded, which all must ask for."""
    tensor = tensor.detach()
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def find_shard(tensor: Tensor) -> Tensor:
    """The part that this process keeps, sharing its memory; all of it where it is not sharded."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def spread_like(whole: Tensor, like: Tensor) -> Tensor:
    """The part that belongs beside this process's part of ``like``, cut out of the whole without asking."""
    if not isinstance(like, DTensor) or whole.shape != like.shape:
        return whole
    whole = whole.to(like.device)
    return distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None)


def _sum_gradients(layer: nn.Module) -> None:
    """Sum, not mean: a process's loss is already its part of the step's mean."""
    sharded = cast(FSDPModule, layer)
    sharded.set_gradient_divide_factor(1.0)
    sharded.set_force_sum_reduction_for_comms(True)  # Else the factor is a multiplication that gloo lacks.


def _move(plain: nn.Module, whole: Iterable[Tensor], device: torch.device) -> None:
    for parameter in whole:
        parameter.data = parameter.data.to(device)
    for module in plain.modules():
        for name, buffer in module._buffers.items():
            module._buffers[name] = None if buffer is None else buffer.to(device)


def _watch_shards(plain: nn.Module) -> None:
    """Let kept norms follow the shards: a gathered weight comes and goes, and says nothing of a change."""
    for layer in plain.modules():
        if not isinstance(layer, LoraLayer):
            continue
        for name, variant in cast(dict[str, Any], layer.lora_variant).items():
            if isinstance(variant, FactoredDora):
                variant.norms.watch(layer, name)
