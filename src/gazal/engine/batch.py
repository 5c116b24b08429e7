"""Replies that are written together: prompts read once, a token a step for each row, finished rows leave.

Shapes: P prompts, B rows (replies being written), T new tokens, L prompt and reply, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from gazal.config.sampling import Sampling
from gazal.engine.draw import draw_tokens
from gazal.engine.rows import RowCache, attend_by_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One row that left its batch."""

    number: int
    """Its place among the prompts that the batch was started with."""
    tokens: tuple[int, ...]
    """With the stop token, where it ended with one."""
    logprobs: tuple[float, ...]


@dataclass(slots=True, kw_only=True)
class Batch:
    """The rows that are still being written; place r of every tensor belongs to ``numbers[r]``."""

    numbers: list[int]
    cache: RowCache
    logits_BV: Tensor
    """Of the next token."""
    position_B: Tensor
    """Of the next token, not counting padding."""
    bias_B11L: Tensor
    """What attention adds to its scores: minus infinity on padding, 0 elsewhere."""
    noise_BT: Tensor
    tokens_BT: Tensor
    logp_BT: Tensor
    n_written: int = 0
    """How many tokens each row has."""

    def take_out(self, gone: Sequence[int]) -> list[Ended]:
        """Let rows leave; the last ones move into their places, so only as many are copied as leave."""
        tokens = self.tokens_BT[gone, : self.n_written].tolist()
        logprobs = self.logp_BT[gone, : self.n_written].tolist()
        taken = [
            Ended(number=self.numbers[row], tokens=tuple(ids), logprobs=tuple(logps))
            for row, ids, logps in zip(gone, tokens, logprobs, strict=True)
        ]
        n_left = len(self.numbers) - len(gone)
        empty = [row for row in gone if row < n_left]
        last = sorted(set(range(n_left, len(self.numbers))) - set(gone))
        kept = list(range(n_left))
        for row, mover in zip(empty, last, strict=True):
            kept[row] = mover
        self.numbers = [self.numbers[row] for row in kept]
        self.cache.move(last, empty, n_left)
        for name in ("logits_BV", "position_B", "bias_B11L", "noise_BT", "tokens_BT", "logp_BT"):
            setattr(self, name, getattr(self, name)[kept])
        return taken


def start_batch(
    model: PreTrainedModel, prompts: Sequence[tuple[int, ...]], noise: NDArray[np.float64]
) -> Batch:
    """Let the model read each distinct prompt once, and copy what it keeps to the rows that go on from it.

    Args:
        model: In evaluation mode.
        prompts: Tokens of one prompt per row.
        noise: [B, T] in [0, 1): what draws each token, T tokens at most.
    """
    place = {prompt: p for p, prompt in enumerate(dict.fromkeys(prompts))}
    ids_PL, mask_PL = _pad_left(list(place), model.device)
    memory = DynamicCache(config=model.config)
    out = model(
        input_ids=ids_PL,
        attention_mask=mask_PL,
        position_ids=(mask_PL.cumsum(-1) - 1).clamp_(min=0),
        past_key_values=memory,
        use_cache=True,
        logits_to_keep=1,
    )
    rows_B = torch.tensor([place[prompt] for prompt in prompts], device=model.device)
    n_columns = ids_PL.shape[1]
    bias_B11L = torch.zeros(
        (len(prompts), 1, 1, n_columns + noise.shape[1]), dtype=model.dtype, device=model.device
    )
    bias_B11L[..., :n_columns].masked_fill_(mask_PL[rows_B, None, None] == 0, -torch.inf)
    layers: list[Any] = memory.layers
    noise_BT = torch.from_numpy(noise).to(model.device)
    return Batch(
        numbers=list(range(len(prompts))),
        cache=RowCache(((layer.keys, layer.values) for layer in layers), rows_B),
        logits_BV=out.logits[rows_B, -1],
        position_B=mask_PL.sum(-1)[rows_B],
        bias_B11L=bias_B11L,
        noise_BT=noise_BT,
        tokens_BT=torch.zeros_like(noise_BT, dtype=torch.long),
        logp_BT=torch.zeros_like(noise_BT, dtype=torch.float32),
    )


def write_on(model: PreTrainedModel, batch: Batch, sampling: Sampling, stops: Sequence[int]) -> list[Ended]:
    """Write tokens until at least one row has ended, and take out those that have."""
    stops_S = torch.tensor(stops, device=model.device)
    ended: list[Ended] = []
    while not ended:
        n, full = batch.n_written, batch.n_written + 1 == batch.noise_BT.shape[1]
        tokens_B, logp_B = draw_tokens(batch.logits_BV, batch.noise_BT[:, n], sampling)
        batch.tokens_BT[:, n], batch.logp_BT[:, n] = tokens_B, logp_B
        batch.n_written += 1
        stopped_B = (tokens_B.unsqueeze(1) == stops_S).any(1)
        if full:
            ended = batch.take_out(range(len(batch.numbers)))
        elif stopped_B.any():
            ended = batch.take_out(stopped_B.nonzero().flatten().tolist())
        if batch.numbers:
            _read_newest(model, batch)
    return ended


def _read_newest(model: PreTrainedModel, batch: Batch) -> None:
    batch.cache.open_column()
    with attend_by_row(model):
        out = model(
            input_ids=batch.tokens_BT[:, batch.n_written - 1 : batch.n_written],
            attention_mask=batch.bias_B11L[..., : batch.cache.length],
            position_ids=batch.position_B.unsqueeze(1),
            past_key_values=batch.cache,
            use_cache=True,
        )
    batch.logits_BV = out.logits[:, -1]
    batch.position_B = batch.position_B + 1


def _pad_left(prompts: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Tokens, and a mask that is 1 on them, [P, L]."""
    longest = max(map(len, prompts))
    ids_PL = torch.zeros((len(prompts), longest), dtype=torch.long)
    mask_PL = torch.zeros_like(ids_PL)
    for p, prompt in enumerate(prompts):
        ids_PL[p, longest - len(prompt) :] = torch.tensor(prompt)
        mask_PL[p, longest - len(prompt) :] = 1
    return ids_PL.to(device), mask_PL.to(device)
