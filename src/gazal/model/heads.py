"""Where the attention heads of a new small model begin: looking back, and looking for what is alike.

To copy from its context a model needs two heads in a row: one that brings to each token what stood before it,
and one that looks for a token so marked. From random weights they appear only after far more text than the
tiny base reads, so they are there from the start; training keeps, bends or drops them
(``benchmarks/copying.py``).

Shapes: W width, D head width, H heads, G heads of keys and values, N numbers that one head reads or writes,
V vocabulary.
"""

from typing import cast

import torch
from torch import Tensor, nn
from transformers import Qwen3Config, Qwen3ForCausalLM

FAST = 0.05
"""Radians a token. Pairs of a head that turn faster tell neighbours apart; 7 of 32 with a theta of 1e6."""
SLOW = 0.004
"""Pairs that turn slower hardly turn within a case, so they can compare tokens whatever lies between them."""
SHARP, KEEN = 4.0, 2.0
"""Scale of queries and keys in the first layer's fast pairs, and in later layers: both are normalised in
Qwen3, and without it the softmax over some hundred tokens is nearly flat."""
CONSTANT = 8.0
"""First number of every embedding, in units of the others' spread: what looking back goes by."""


def start_heads(model: Qwen3ForCausalLM, seed: int) -> None:
    """Set the embeddings and the attention weights of a new model, in place.

    Head h of the first layer looks h + 1 tokens back and writes what it finds into a place of its own. In
    every later layer the first head looks for what followed a token like this one, the second for what came
    after one more token behind a token like the one before this, the third for tokens like this one; they
    add what they find to what will be said. Further heads, and all that is not said here, start at random.

    Args:
        model: A Qwen3 with tied embeddings.
        seed: Of the random parts.
    """
    config, random = model.config, torch.Generator().manual_seed(seed)
    width, heads, spread = config.hidden_size, config.num_attention_heads, config.hidden_size**-0.5
    size = min(config.head_dim, (width - 1) // heads)
    read_WN = _draw_directions(width, size, random)
    written = _draw_directions(width, size * heads, random).split(size, dim=1)
    first, *later = (_Heads(layer, config) for layer in model.model.layers)
    with torch.no_grad():
        embeddings_VW = model.model.embed_tokens.weight
        embeddings_VW.normal_(0.0, spread, generator=random)
        embeddings_VW[:, 0] = CONSTANT * spread
        _look_back(first, read_WN, written, spread, random)
        for layer in later:
            _look_alike(layer, read_WN, written, random)
            _say_found(layer, size, spread, random)


class _Heads:
    """Weights of an attention layer by head: queries HDW, keys and values GDW, output WHD."""

    def __init__(self, layer: nn.Module, config: Qwen3Config):
        heads, groups, size = (
            config.num_attention_heads,
            cast(int, config.num_key_value_heads),
            config.head_dim,
        )
        self.width = config.hidden_size
        self.q_HDW = _find_weight(layer, "q_proj").view(heads, size, self.width)
        self.k_GDW = _find_weight(layer, "k_proj").view(groups, size, self.width)
        self.v_GDW = _find_weight(layer, "v_proj").view(groups, size, self.width)
        self.o_WHD = _find_weight(layer, "o_proj").view(self.width, heads, size)
        self.scales = (_find_weight(layer, "q_norm"), _find_weight(layer, "k_norm"))
        self.heads, self.groups, self.half = heads, groups, size // 2
        theta = cast(dict[str, float], config.rope_parameters)["rope_theta"]
        self.turns = theta ** (-torch.arange(self.half) / self.half)
        """Radians a token by which number k turns together with number k + D/2."""


def _look_back(
    layer: _Heads, read_WN: Tensor, written: tuple[Tensor, ...], spread: float, random: torch.Generator
) -> None:
    fast, half, size = int((layer.turns > FAST).sum()), layer.half, read_WN.shape[1]
    for weights, scale in (
        (layer.q_HDW, 0.02),
        (layer.k_GDW, 0.02),
        (layer.v_GDW, 0.02),
        (layer.o_WHD, 0.002),
    ):
        weights.normal_(0.0, scale, generator=random)
    layer.k_GDW[:, :fast, 0] = 1.0
    layer.v_GDW[:, :size] = read_WN.T
    for head, place_WN in enumerate(written):
        # A query turned back by n tokens meets a key n tokens before it at the angle 0.
        angles = -(head + 1) * layer.turns[:fast]
        layer.q_HDW[head, :fast, 0] = angles.cos()
        layer.q_HDW[head, half : half + fast, 0] = angles.sin()
        layer.o_WHD[:, head, :size] = place_WN * spread
    for scale in layer.scales:
        scale[:fast] = scale[half : half + fast] = SHARP


def _look_alike(layer: _Heads, read_WN: Tensor, written: tuple[Tensor, ...], random: torch.Generator) -> None:
    slow = (layer.turns < SLOW).nonzero().flatten()
    slow = torch.cat([slow, slow + layer.half])[: read_WN.shape[1]]
    here, *back = (place_WN.T[: len(slow)] for place_WN in (read_WN, *written))
    # What is looked for, and where it stands in the tokens looked at: here, one back, two back.
    roles = [(here, back[0]), (back[0], back[1 % len(back)]), (here, here)]
    each = layer.heads // layer.groups
    layer.q_HDW.normal_(0.0, 0.01, generator=random)
    layer.k_GDW.normal_(0.0, 0.01, generator=random)
    for group, (wanted_NW, found_NW) in enumerate(roles[: layer.groups]):
        layer.q_HDW[group * each : (group + 1) * each, slow] += wanted_NW
        layer.k_GDW[group, slow] += found_NW
    for scale in layer.scales:
        scale.fill_(KEEN)


def _say_found(layer: _Heads, size: int, spread: float, random: torch.Generator) -> None:
    each = layer.heads // layer.groups
    layer.v_GDW.normal_(0.0, 0.02, generator=random)
    layer.o_WHD.normal_(0.0, 0.01, generator=random)
    for group in range(layer.groups):
        said_WN = _draw_directions(layer.width, size, random)
        layer.v_GDW[group, :size] = said_WN.T
        for head in range(group * each, (group + 1) * each):
            layer.o_WHD[:, head, :size] = said_WN * spread / each


def _find_weight(layer: nn.Module, name: str) -> Tensor:
    return cast(Tensor, layer.get_submodule(f"self_attn.{name}").weight).detach()


def _draw_directions(width: int, n: int, random: torch.Generator) -> Tensor:
    """Directions at right angles to each other and to the constant, WN."""
    q, _ = torch.linalg.qr(torch.randn(width - 1, width - 1, generator=random))
    return torch.cat([torch.zeros(1, n), q[:, :n]])
