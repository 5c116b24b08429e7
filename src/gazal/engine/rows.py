"""Keys and values of replies that grow together, and the attention of their newest tokens.

transformers' own way copies the whole cache at every token to append to it, and again to repeat each key for
the query heads that share it; a small model on a CPU spends most of a step on that. Here a token is written
into its place, and the query heads that share a key are laid side by side as if they were positions.

Shapes: P prompts, B rows, H query heads, K key heads, L prompt and reply, D head width.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

_NAME = "gazal_rows"
_GROWTH = 128
"""Columns (tokens) that are added when there is no room; each time all is copied."""


class RowCache:
    """The cache that `attend_by_row` needs, as far as transformers asks for one."""

    def __init__(self, layers: Iterable[tuple[Tensor, Tensor]], rows: Tensor) -> None:
        """Copy what prompts left in a cache to the rows that go on from them.

        Args:
            layers: Keys and values of each layer, [P, K, L, D].
            rows: For each row, which prompt it continues.
        """
        self.buffers = [_regrow(kept[rows], kept.shape[2]) for layer in layers for kept in layer]
        self.n_rows = len(rows)
        self.length = self.buffers[0].shape[2] - _GROWTH
        """How many columns are filled."""

    def open_column(self) -> None:
        """Make room for one more token in each row; to be called before the model is."""
        if self.length == self.buffers[0].shape[2]:
            for i, buffer in enumerate(self.buffers):
                self.buffers[i] = _regrow(buffer[: self.n_rows], self.length)
        self.length += 1

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write the newest token of each row and return all of them; the model calls this."""
        whole = []
        for buffer, new in zip(self.buffers[2 * layer : 2 * layer + 2], (keys, values), strict=True):
            filled = buffer[: self.n_rows, :, : self.length]
            filled[:, :, -1:] = new
            whole.append(filled)
        return whole[0], whole[1]

    def move(self, sources: Sequence[int], targets: Sequence[int], n_rows: int) -> None:
        """Put some rows into the places of others, and keep the first ``n_rows``."""
        device = self.buffers[0].device
        from_M, to_M = (torch.tensor(rows, dtype=torch.long, device=device) for rows in (sources, targets))
        for buffer in self.buffers if sources else ():
            buffer[to_M, :, : self.length] = buffer[from_M, :, : self.length]
        self.n_rows = n_rows


def _regrow(kept: Tensor, length: int) -> Tensor:
    n_rows, n_heads, _, width = kept.shape
    grown = kept.new_empty((n_rows, n_heads, length + _GROWTH, width))
    grown[:, :, :length] = kept
    return grown


@contextmanager
def attend_by_row(model: PreTrainedModel) -> Iterator[None]:
    """Let a model attend from one new token per row to a `RowCache`.

    Its attention mask is then what is added to the scores, [B, 1, 1, L].
    """
    before = model.config._attn_implementation
    model.config._attn_implementation = _NAME
    try:
        yield
    finally:
        model.config._attn_implementation = before


def _attend(
    module: torch.nn.Module,
    query_BH1D: Tensor,
    key_BKLD: Tensor,
    value_BKLD: Tensor,
    attention_mask: Tensor,
    **settings: Any,
) -> tuple[Tensor, None]:
    for name in ("sliding_window", "softcap", "s_aux", "position_bias"):
        if settings.get(name) is not None:
            raise NotImplementedError(f"{type(module).__name__}: attention with {name} is not written here.")
    n_rows, n_heads, _, width = query_BH1D.shape
    n_keys = key_BKLD.shape[1]
    query = query_BH1D.reshape(n_rows, n_keys, n_heads // n_keys, width)
    scale = settings.get("scaling")
    out = scaled_dot_product_attention(query, key_BKLD, value_BKLD, attn_mask=attention_mask, scale=scale)
    return out.reshape(n_rows, 1, n_heads, width), None


AttentionInterface.register(_NAME, _attend)
