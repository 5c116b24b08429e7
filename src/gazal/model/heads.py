"""Where the attention heads of a new small model begin: looking back, and looking for what is alike.

To copy from its context a model needs two heads in a row: one that brings to each token what stood before it,
and one that looks for a token so marked. From random weights they appear only after far more text than the
tiny base reads, so they are there from the start; training keeps, bends or drops them
(``benchmarks/copying.py``).

Shapes: W width, D head width, H heads, G heads of keys and values, N numbers that one head reads or writes,
V vocabulary.
"""

from collections.abc import Sequence
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
LETTER_WIDTH = 8
"""Slow numbers of a head in which a kept letter shows."""
CONSTANT = 8.0
"""First number of every embedding, in units of the others' spread: what looking back goes by."""


def start_heads(model: Qwen3ForCausalLM, letters: Sequence[int], seed: int) -> None:
    """Set the embeddings and the attention weights of a new model, in place.

    Head h of the first layer looks h + 1 tokens back and writes what it finds into a place of its own. In
    every later layer the first head looks for what followed a token like this one, and the second for what
    came one further behind a token like the one before this; they add what they find to what will be said.
    The third heads find the letter of an item that is named again: that of the second layer looks where the
    item was named before and keeps what stood three tokens back there; those after it look for a kept letter
    some tokens back and say it. Further heads, and all that is not said here, start at random.

    Args:
        model: A Qwen3 with tied embeddings.
        letters: Tokens that name options. They start out somewhat alike.
        seed: Of the random parts.
    """
    config, random = model.config, torch.Generator().manual_seed(seed)
    width, heads, spread = config.hidden_size, config.num_attention_heads, config.hidden_size**-0.5
    first, *later = (_Heads(layer, config) for layer in model.model.layers)
    size = max(min(len(first.slow), (width - 1) // (heads + 1)), 1)
    read_WN = _draw_directions(width, size, random)
    *written, kept_WN = _draw_directions(width, size * (heads + 1), random).split(size, dim=1)
    with torch.no_grad():
        embeddings_VW = model.model.embed_tokens.weight
        embeddings_VW.normal_(0.0, spread, generator=random)
        embeddings_VW[:, 0] = CONSTANT * spread
        letter_W = torch.randn(width, generator=random) * spread
        letter_W[0] = 0.0
        embeddings_VW[list(letters)] += letter_W
        _look_back(first, read_WN, written, spread, random)
        for layer in later:
            _look_alike(layer, read_WN, written, random)
            _say_found(layer, spread, random)
            if layer.groups > 2 and layer is later[0]:
                _keep_letter(layer, read_WN, written, kept_WN, spread, random)
            elif layer.groups > 2:
                _say_letter(layer, read_WN, kept_WN, read_WN.T @ letter_W, spread, random)


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
        slow = (self.turns < SLOW).nonzero().flatten()
        self.slow = torch.cat([slow, slow + self.half])
        """Numbers that hardly turn."""
        self.each = heads // groups
        """Heads that share keys and values."""

    def clear(self, group: int, random: torch.Generator) -> slice:
        """Make the weights of a group of heads small; returns its heads."""
        heads = slice(group * self.each, (group + 1) * self.each)
        for weights, scale in (
            (self.q_HDW[heads], 0.01),
            (self.k_GDW[group], 0.01),
            (self.v_GDW[group], 0.005),
            (self.o_WHD[:, heads], 0.002),
        ):
            weights.normal_(0.0, scale, generator=random)
        return heads


def _look_back(
    layer: _Heads, read_WN: Tensor, written: Sequence[Tensor], spread: float, random: torch.Generator
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


def _look_alike(layer: _Heads, read_WN: Tensor, written: Sequence[Tensor], random: torch.Generator) -> None:
    slow, each = layer.slow[: read_WN.shape[1]], layer.each
    # What is looked for, and where it stands in the tokens looked at: one back, two back.
    roles = [(read_WN, written[0]), (written[0], written[1 % len(written)])]
    layer.q_HDW.normal_(0.0, 0.01, generator=random)
    layer.k_GDW.normal_(0.0, 0.01, generator=random)
    for group, (wanted_WN, found_WN) in enumerate(roles[: layer.groups]):
        layer.q_HDW[group * each : (group + 1) * each, slow] += wanted_WN.T
        layer.k_GDW[group, slow] += found_WN.T
    for scale in layer.scales:
        scale.fill_(KEEN)


def _keep_letter(
    layer: _Heads,
    read_WN: Tensor,
    written: Sequence[Tensor],
    kept_WN: Tensor,
    spread: float,
    random: torch.Generator,
) -> None:
    heads, size, slow = layer.clear(2, random), read_WN.shape[1], layer.slow[: read_WN.shape[1]]
    # As the first head, it comes to the token after: from there "C. item" has its letter three back.
    layer.q_HDW[heads, slow] += read_WN.T
    layer.k_GDW[2, slow] += written[0].T
    layer.v_GDW[2, :size] += written[2].T
    layer.o_WHD[:, heads, :size] += 2 * spread / layer.each * kept_WN[:, None]


def _say_letter(
    layer: _Heads, read_WN: Tensor, kept_WN: Tensor, letter_N: Tensor, spread: float, random: torch.Generator
) -> None:
    heads, size, slow = layer.clear(2, random), read_WN.shape[1], layer.slow[:LETTER_WIDTH]
    layer.v_GDW[2, :size] += kept_WN.T
    layer.o_WHD[:, heads, :size] += 2 * spread / layer.each * read_WN[:, None]
    layer.k_GDW[2, slow] += 0.3 * kept_WN @ nn.functional.normalize(letter_N, dim=0)
    layer.q_HDW[heads, slow, 0] += 0.3
    # Of several, one that is some four tokens back.
    near = ((layer.turns > FAST) & (layer.turns < 0.5)).nonzero().flatten()
    angles = -4 * layer.turns[near]
    layer.k_GDW[2, near, 0] += 0.3
    layer.q_HDW[heads, near, 0] += 0.3 * angles.cos()
    layer.q_HDW[heads, near + layer.half, 0] += 0.3 * angles.sin()


def _say_found(layer: _Heads, spread: float, random: torch.Generator) -> None:
    each, size = layer.each, min(layer.v_GDW.shape[1], layer.width - 1)
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
