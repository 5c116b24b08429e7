"""Merge an adapter into a copy of its base. The base is never written to.

Merging in place and taking the adapter out again rounds the base a little each time; in bfloat16 a thousand
rounds change a sixth of its weights. Here every merge starts from the untouched base.

Shapes: O outputs, I inputs of a linear layer, R rank.
"""

import copy
from pathlib import Path
from typing import cast

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from transformers import PreTrainedModel

from gazal.config.model import ModelConfig
from gazal.model.adapter import NAME, find_magnitude, list_adapted_layers, load_adapter
from gazal.model.dense import is_packed, unpack
from gazal.model.load import load_model
from gazal.model.shards import gather


@torch.no_grad()
def merge_copy(adapted: PeftModel, into: PreTrainedModel | None = None) -> PreTrainedModel:
    """A plain model whose weights hold the adapter.

    Args:
        adapted: The base with its adapter; neither is changed. Where it is sharded, every process must call
            this, and each gets a whole copy.
        into: What an earlier call for the same base returned. Its storage is used again and only the adapted
            layers are written, so that a merge per training step costs little. None makes a new copy.

    Returns:
        The copy, frozen and in evaluation mode, in the base's dtype; computed in float32.

    Raises:
        ValueError: ``into`` is the base itself or has other layers.
    """
    base = cast(PreTrainedModel, adapted.get_base_model())
    merged = _copy_plain(base) if into is None else into
    modules = dict(merged.named_modules())
    for name, layer in list_adapted_layers(adapted):
        weight, linear = getattr(modules.get(name), "weight", None), cast(nn.Linear, layer.get_base_layer())
        shape = linear.out_features, linear.in_features
        if weight is None or weight.shape != shape or weight.data_ptr() == linear.weight.data_ptr():
            raise ValueError(f"merge_copy: {name} of `into` is no copy of the base's layer. Pass into=None.")
        weight.copy_(merge_weight(layer))
    return merged


def load_merged(config: ModelConfig, folder: Path) -> PreTrainedModel:
    """A base with a saved adapter merged into it.

    Args:
        config: The base.
        folder: The adapter, as PEFT saves it.

    Raises:
        DataError: The folder holds no adapter in safetensors, or one that does not fit this base.
        ConfigError: There is no such base.
    """
    return merge_copy(load_adapter(load_model(config), folder))


@torch.no_grad()
def merge_weight(layer: LoraLayer) -> Tensor:
    """Weight of one adapted layer, [O, I] in float32: ``W + s B A``, for DoRA with rows at their magnitudes.

    Source:
        DoRA: Liu et al. 2024, arXiv:2402.09353, eq. 5.
    """
    if layer.merged:
        raise ValueError("merge_weight: PEFT has merged this layer in place. Call unmerge() first.")
    weight_OI = gather(unpack(layer.get_base_layer())).float()
    weight_A_RI = gather(cast(Tensor, layer.lora_A[NAME].weight)).float()
    weight_B_OR = gather(cast(Tensor, layer.lora_B[NAME].weight)).float()
    merged_OI = weight_OI + layer.scaling[NAME] * (weight_B_OR @ weight_A_RI)
    magnitude_O = find_magnitude(layer)
    if magnitude_O is not None:
        norm_O = torch.linalg.norm(merged_OI, dim=1)
        merged_OI = merged_OI * (gather(magnitude_O).float() / norm_O).unsqueeze(1)
    return merged_OI


def _copy_plain(base: PreTrainedModel) -> PreTrainedModel:
    """A model of the base's class with copies of its tensors, but without its adapters and hooks."""
    config = copy.deepcopy(base.config)
    if hasattr(config, "quantization_config"):
        delattr(config, "quantization_config")  # The copy is dense.
    with torch.device("meta"):
        plain = cast(PreTrainedModel, type(base)._from_config(config, dtype=base.dtype))
    _copy_tensors(base, plain)
    plain.tie_weights()
    if any(tensor.is_meta for tensor in (*plain.parameters(), *plain.buffers())):
        raise RuntimeError(f"merge_copy: {type(base).__name__} has weights that could not be copied.")
    if base.generation_config is not None:
        plain.generation_config = copy.deepcopy(base.generation_config)
    plain.name_or_path = base.name_or_path
    return cast(PreTrainedModel, plain.requires_grad_(False).eval())


def _copy_tensors(base: PreTrainedModel, plain: PreTrainedModel) -> None:
    # PEFT moves the weight of an adapted layer one step down.
    parameters = {name.replace(".base_layer.", "."): tensor for name, tensor in base.named_parameters()}
    buffers = {name.replace(".base_layer.", "."): tensor for name, tensor in base.named_buffers()}
    packed = {name.removesuffix(".base_layer"): m for name, m in base.named_modules() if is_packed(m)}
    for path, module in plain.named_modules():
        prefix = f"{path}." if path else ""
        for name, _ in list(module.named_parameters(recurse=False)):
            if prefix + name in parameters:  # A tied weight stands under its first name only.
                tensor = parameters[prefix + name]
                if name == "weight" and path in packed:
                    tensor = unpack(packed[path]).to(base.dtype)
                module.register_parameter(name, nn.Parameter(_copy(tensor)))
        for name, _ in list(module.named_buffers(recurse=False)):
            module._buffers[name] = _copy(buffers[prefix + name])


def _copy(tensor: Tensor) -> Tensor:
    whole = gather(tensor)
    return whole.clone() if whole.data_ptr() == tensor.data_ptr() else whole
