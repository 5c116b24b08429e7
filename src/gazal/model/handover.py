"""Merged weights for an engine that keeps a model of its own: one tensor at a time, or as files."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
from peft import PeftModel
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from gazal.model.adapter import list_adapted_layers
from gazal.model.dense import unpack
from gazal.model.merge import merge_weight
from gazal.model.shards import gather

FILE_BYTES = 2_000_000_000
"""Size at which another file is begun: what a hand-over through files holds in memory at most."""


@torch.no_grad()
def list_merged(adapted: PeftModel) -> Iterator[tuple[str, Tensor]]:
    """Names and weights, in the base's dtype, of what an adapter changes; nothing is merged in place.

    Linear layers beside an adapted one come along, as do biases: engines hold the weights of such neighbours
    as one (query, key and value; gate and up) and cannot take up a part of it. Where the model is sharded,
    every process must go through the list.
    """
    base = cast(PreTrainedModel, adapted.get_base_model())
    dtype = base.dtype
    adapters = dict(list_adapted_layers(adapted))
    for parent in dict.fromkeys(name.rpartition(".")[0] for name in adapters):
        for child, module in base.get_submodule(parent).named_children():
            name = f"{parent}.{child}" if parent else child
            layer = adapters.get(name)
            plain = layer.get_base_layer() if layer is not None else module
            if not isinstance(plain, nn.Linear):
                continue
            weight = merge_weight(layer) if layer is not None else gather(unpack(plain))
            yield f"{name}.weight", weight.to(dtype)
            if plain.bias is not None:
                yield f"{name}.bias", gather(plain.bias)


def save_merged(adapted: PeftModel, folder: Path) -> None:
    """Write what `list_merged` lists into safetensors files of at most some 2 GB."""
    held: dict[str, Tensor] = {}
    n_bytes = n_files = 0
    for name, weight in list_merged(adapted):
        if held and n_bytes + weight.nbytes > FILE_BYTES:
            save_file(held, folder / f"model-{n_files:05d}.safetensors")
            held, n_bytes, n_files = {}, 0, n_files + 1
        held[name] = weight.cpu().contiguous()
        n_bytes += weight.nbytes
    save_file(held, folder / f"model-{n_files:05d}.safetensors")
