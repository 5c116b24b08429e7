"""Sizes of a model, told from its ``config.json`` alone: nothing here loads weights or torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gazal.config.adapter import AdapterConfig
from gazal.config.model import ModelConfig
from gazal.config.pretrain import TinyShape
from gazal.errors import ConfigError, DataError
from gazal.model.place import find_model

FAMILIES = ("qwen3", "qwen2", "llama", "mistral")
"""Values of ``model_type`` whose layers are built as `Shape` describes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a decoder with gated feed-forward layers."""

    layers: int
    width: int
    mlp: int
    """Inner width of the feed-forward layers."""
    heads: int
    kv_heads: int
    head_width: int
    vocabulary: int
    context: int
    """Most tokens of prompt and reply together."""
    tied: bool
    """Whether the output layer shares the weights of the embedding."""
    head_norms: bool = True
    """Whether queries and keys are normalised head by head, as in Qwen3."""
    biases: int = 0
    """Numbers in the biases of one layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What can be said of a model before it is loaded."""

    shape: Shape | None
    """None: nothing here says its sizes."""
    origin: str
    """Where the sizes come from."""
    folder: Path | None = None
    """Where its files are; None for a checkpoint on the hub."""
    fetched: bool = True
    """Whether weights are on this machine."""
    settings: Mapping[str, Any] | None = None
    """Its ``config.json``."""


def _list_published() -> dict[str, Shape]:
    rows = {
        "Qwen/Qwen3-0.6B": (28, 1024, 3072, 16, True),
        "Qwen/Qwen3-1.7B": (28, 2048, 6144, 16, True),
        "Qwen/Qwen3-4B": (36, 2560, 9728, 32, True),
        "Qwen/Qwen3-8B": (36, 4096, 12288, 32, False),
        "Qwen/Qwen3-14B": (40, 5120, 17408, 40, False),
        "Qwen/Qwen3-32B": (64, 5120, 25600, 64, False),
    }
    return {
        name: Shape(
            layers=layers,
            width=width,
            mlp=mlp,
            heads=heads,
            kv_heads=8,
            head_width=128,
            vocabulary=151_936,
            context=40_960,
            tied=tied,
        )
        for name, (layers, width, mlp, heads, tied) in rows.items()
    }


PUBLISHED: Mapping[str, Shape] = _list_published()
"""Checkpoints whose sizes are known without a download, as their published ``config.json`` gives them."""


def look_up(config: ModelConfig) -> Known:
    """What is known of a model: from its folder, from the hub's cache on this machine, or from a table.

    Raises:
        ConfigError: There is no such model.
        DataError: Its folder is no model folder, or its ``config.json`` cannot be read.
    """
    place = find_model(config.path)
    if isinstance(place, Path):
        return replace(_read_folder(place, "config.json"), folder=place)
    cached = _find_in_cache(place, config.revision)
    if cached is not None:
        fetched = any(cached.glob("*.safetensors"))
        return replace(_read_folder(cached, "config.json in the hub's cache"), fetched=fetched)
    shape = PUBLISHED.get(place)
    origin = "published sizes" if shape else "unknown until it is downloaded"
    return Known(shape=shape, origin=origin, fetched=False)


def from_pretraining(shape: TinyShape) -> Shape:
    """The sizes of the model that pretraining makes."""
    return Shape(
        layers=shape.layers,
        width=shape.width,
        mlp=shape.mlp,
        heads=shape.heads,
        kv_heads=shape.kv_heads,
        head_width=shape.head_width,
        vocabulary=shape.vocabulary,
        context=shape.context,
        tied=True,
    )


def count_parameters(shape: Shape) -> int:
    """Numbers in all weights, shared ones counted once."""
    linear = sum(n_in * n_out for n_in, n_out in list_linears(shape).values())
    norms = 2 * shape.width + (2 * shape.head_width if shape.head_norms else 0)
    embeddings = shape.vocabulary * shape.width * (1 if shape.tied else 2)
    return shape.layers * (linear + norms + shape.biases) + shape.width + embeddings


def list_linears(shape: Shape) -> dict[str, tuple[int, int]]:
    """Inputs and outputs of the linear layers inside one layer, by the last part of their names."""
    queries, keys = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    return {
        "q_proj": (shape.width, queries),
        "k_proj": (shape.width, keys),
        "v_proj": (shape.width, keys),
        "o_proj": (queries, shape.width),
        "gate_proj": (shape.width, shape.mlp),
        "up_proj": (shape.width, shape.mlp),
        "down_proj": (shape.mlp, shape.width),
    }


def list_adapted(shape: Shape, config: AdapterConfig) -> list[str]:
    """Full names of the linear layers that get an adapter.

    Raises:
        ConfigError: A target fits none.
    """
    leaves = list_linears(shape)
    parts = {leaf: "self_attn" if leaf[0] in "qkvo" else "mlp" for leaf in leaves}
    names = [f"model.layers.{n}.{parts[leaf]}.{leaf}" for n in range(shape.layers) for leaf in leaves]
    if config.targets == "all-linear":
        return names
    fits = {t: [name for name in names if f".{name}".endswith(f".{t}")] for t in config.targets}
    for target, found in fits.items():
        if not found:
            raise ConfigError(
                f"adapter.targets: {target!r} is no linear layer that can be adapted. This model has "
                f"{', '.join(sorted(leaves))}; or use all-linear."
            )
    return sorted({name for found in fits.values() for name in found})


def count_adapter(shape: Shape, config: AdapterConfig) -> int:
    """Numbers that train: rank x (inputs + outputs) of each adapted layer, and for DoRA its outputs again.

    Raises:
        ConfigError: A target fits no layer.
    """
    sizes = list_linears(shape)
    adapted = [sizes[name.rpartition(".")[2]] for name in list_adapted(shape, config)]
    return sum(config.rank * (n_in + n_out) + (n_out if config.dora else 0) for n_in, n_out in adapted)


def _read_folder(folder: Path, origin: str) -> Known:
    path = folder / "config.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        family = settings["model_type"]
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(f"{path}: is no model's config.json. Fetch or write the model again.") from None
    shape = _read_shape(settings, path) if family in FAMILIES else None
    said = origin if shape else f"unknown: {origin} names the family {family}"
    return Known(shape=shape, origin=said, settings=settings)


def _read_shape(settings: Mapping[str, Any], path: Path) -> Shape:
    try:
        width, heads = settings["hidden_size"], settings["num_attention_heads"]
        family, mlp = settings["model_type"], settings["intermediate_size"]
        kv_heads = settings.get("num_key_value_heads") or heads
        head_width = settings.get("head_dim") or width // heads
        qkv, out = (heads + 2 * kv_heads) * head_width, width
        attention, feed = settings.get("attention_bias"), settings.get("mlp_bias")
        return Shape(
            layers=settings["num_hidden_layers"],
            width=width,
            mlp=mlp,
            heads=heads,
            kv_heads=kv_heads,
            head_width=head_width,
            vocabulary=settings["vocab_size"],
            context=settings["max_position_embeddings"],
            tied=bool(settings.get("tie_word_embeddings", False)),
            head_norms=family == "qwen3",
            biases=(qkv if family == "qwen2" else qkv + out if attention else 0)
            + (2 * mlp + width if feed else 0),
        )
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise DataError(f"{path}: does not say {error}. Fetch or write the model again.") from None


def _find_in_cache(name: str, revision: str | None) -> Path | None:
    """The folder of a checkpoint in the hub's cache on this machine; no network is asked."""
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(name, "config.json", revision=revision)
    except ValueError:  # A name that the hub does not allow.
        return None
    return Path(found).parent if isinstance(found, str) else None
