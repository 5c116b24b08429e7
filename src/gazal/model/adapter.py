"""Adapters on a frozen base: LoRA or DoRA through PEFT, with float32 masters and a start set by the seed."""

import hashlib
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import PreTrainedModel

from gazal.config.adapter import AdapterConfig
from gazal.errors import ConfigError, DataError
from gazal.model.dense import keep_packing, unpack
from gazal.model.linear import use_fast
from gazal.model.norms import square_rows

NAME = "default"
WEIGHTS, SETTINGS = "adapter_model.safetensors", "adapter_config.json"


def add_adapter(model: PreTrainedModel, config: AdapterConfig, seed: int) -> PeftModel:
    """Put a fresh adapter on a model, which is changed in place and frozen.

    The adapted model starts as the base: B is zero and each magnitude is the norm of its row of the weight.
    Adapter and magnitudes are float32 whatever the base is: in bfloat16 a step of a small learning rate is
    rounded away.

    Args:
        model: A plain model.
        config: Rank, scale and which layers.
        seed: Decides A, layer by layer and by the layer's name. No global random state is read or moved.

    Raises:
        ConfigError: A target names no linear layer of this model.

    Source:
        DoRA: Liu et al. 2024, arXiv:2402.09353, eq. 5. Scale alpha / sqrt(r): Kalajdzievski 2023,
        arXiv:2312.03732.
    """
    keep_packing(model)
    settings = LoraConfig(
        r=config.rank,
        lora_alpha=cast(int, config.alpha),
        use_rslora=config.rank_stable,
        use_dora=config.dora,
        lora_dropout=config.dropout,
        target_modules=find_targets(model, config.targets),
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=_cuda_devices(model)):
        adapted = cast(PeftModel, get_peft_model(model, settings, autocast_adapter_dtype=True))
    for name, layer in list_adapted_layers(adapted):
        _start_layer(layer, name, seed)
    _check_masters(adapted)
    use_fast(adapted)
    return adapted


def load_adapter(model: PreTrainedModel, folder: Path) -> PeftModel:
    """Put a saved adapter on a model, ready to be trained further; the model is changed in place and frozen.

    Raises:
        DataError: The folder holds no adapter in safetensors, or one that does not fit this model.
    """
    stored = _read_shapes(folder)
    try:
        with torch.random.fork_rng(devices=_cuda_devices(model)), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Found missing adapter keys")  # Said better below.
            adapted = PeftModel.from_pretrained(model, str(folder), is_trainable=True)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{folder}: does not fit this model ({line[:160]}). Use the base model it was trained on."
        ) from error
    wanted = {
        name: tuple(tensor.shape)
        for name, tensor in get_peft_model_state_dict(adapted, save_embedding_layers=False).items()
    }
    if wanted != stored:
        name = sorted(wanted.items() ^ stored.items())[0][0]
        raise DataError(
            f"{folder}: does not fit this model, the first weight that differs is {name}. Use the base model "
            "it was trained on."
        )
    _check_masters(adapted)
    use_fast(adapted)
    return adapted


def list_adapted_layers(adapted: nn.Module) -> Iterator[tuple[str, LoraLayer]]:
    """Every layer that carries an adapter, by its name in the plain model."""
    base = adapted.get_base_model() if isinstance(adapted, PeftModel) else adapted
    for name, module in base.named_modules():
        if isinstance(module, LoraLayer):
            yield name, module


def list_trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that an optimiser should hold, by name, in the model's order."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def find_targets(model: PreTrainedModel, targets: str | tuple[str, ...]) -> list[str]:
    """Endings of the names of the linear layers to adapt, sorted; the output layer is never among them.

    PEFT passes over a name that fits no layer as long as another does; here each must fit.
    """
    head = model.get_output_embeddings()
    names = [name for name, m in model.named_modules() if isinstance(m, nn.Linear) and m is not head]
    leaves = sorted({name.rpartition(".")[2] for name in names})
    if targets == "all-linear":
        return leaves
    wanted = (targets,) if isinstance(targets, str) else targets
    for target in wanted:
        if not any(name == target or name.endswith(f".{target}") for name in names):
            raise ConfigError(
                f"adapter.targets: {target!r} is no linear layer that can be adapted. "
                f"This model has {', '.join(leaves)}; or use all-linear."
            )
    return sorted(set(wanted))


@torch.no_grad()
def _start_layer(layer: LoraLayer, name: str, seed: int) -> None:
    weight_A = cast(Tensor, layer.lora_A[NAME].weight)
    key = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(key[:7], "big"))
    start = torch.empty(weight_A.shape, dtype=torch.float32)
    nn.init.kaiming_uniform_(start, a=math.sqrt(5), generator=generator)
    weight_A.copy_(start)
    cast(Tensor, layer.lora_B[NAME].weight).zero_()
    magnitude = find_magnitude(layer)
    if magnitude is not None:
        # PEFT takes the norm in the base's dtype; in bfloat16 the start would be off by up to 0.4 %.
        magnitude.copy_(square_rows(unpack(layer.get_base_layer())).sqrt_())


def find_magnitude(layer: LoraLayer) -> Tensor | None:
    """The magnitudes of a DoRA layer; None for LoRA."""
    vectors = layer.lora_magnitude_vector
    return cast(Tensor, vectors[NAME].weight) if NAME in vectors else None


def _check_masters(adapted: PeftModel) -> None:
    low = [name for name, parameter in list_trainable(adapted).items() if parameter.dtype != torch.float32]
    if low or not list_trainable(adapted):
        raise RuntimeError(f"adapter weights are not float32 masters: {low[:3]}")


def _read_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    if not (folder / SETTINGS).is_file():
        raise DataError(
            f"{folder}: has no {SETTINGS}, so it is no adapter. Give the folder that SFT or GRPO wrote."
        )
    if not (folder / WEIGHTS).is_file():
        raise DataError(f"{folder}: has no {WEIGHTS}. Pickled weights are not read; save the adapter again.")
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DataError(f"{folder / WEIGHTS}: cannot be read ({error}). Write the adapter again.") from error


def _cuda_devices(model: nn.Module) -> list[int]:
    return sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
