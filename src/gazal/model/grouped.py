"""Log-probabilities of a group's completions from one row: the prompt, then every completion, under one mask.

Each completion sees the prompt and itself. With FlexAttention the mask is block-sparse: what lies between two
completions is not computed. No cache is kept, so gradient checkpointing may be on.

Shapes: P prompts, R completions, L tokens of the longest row, N tokens of all completions, D width.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, create_block_mask

from gazal.model.continued import Continued
from gazal.model.lean import spare_last_mlp
from gazal.model.logprobs import TokenLogprobs, find_plain_model, score_hidden

BLOCK = 128
"""Rows are filled up to a multiple of it, the side of a block of FlexAttention's mask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """Rows of a prompt and its completions, and where their tokens are predicted."""

    input_ids_PL: Tensor
    positions_PL: Tensor
    """Every completion counts on from its prompt."""
    part_PL: Tensor
    """0 in the prompt, then 1, 2, ... by completion; -1 on padding."""
    row_N: Tensor
    at_N: Tensor
    """Row and column whose state predicts each token of the completions, in the completions' order."""


def has_flex(model: nn.Module) -> bool:
    """Whether the model attends with FlexAttention."""
    return find_plain_model(model).config._attn_implementation == "flex_attention"


def group(rows: Continued) -> Grouped:
    """Lay prompts and completions out in rows, without the padding between them."""
    n_prompt_P, n_R = rows.prompt_mask_PL.sum(1).tolist(), rows.mask_RC.sum(1).tolist()
    prompt_R, device = rows.prompt_R.tolist(), rows.prompts_PL.device
    ends_P, starts_R, count_P = list(n_prompt_P), list[int](), [0] * len(n_prompt_P)
    for p, n in zip(prompt_R, n_R, strict=True):
        starts_R.append(ends_P[p])
        ends_P[p] += n
    shape = len(ends_P), -(-max(ends_P) // BLOCK) * BLOCK
    ids_PL, positions_PL = (torch.zeros(shape, dtype=torch.long, device=device) for _ in range(2))
    part_PL = torch.full(shape, -1, device=device)
    for p, n in enumerate(n_prompt_P):
        ids_PL[p, :n] = rows.prompts_PL[p, rows.prompts_PL.shape[1] - n :]
        positions_PL[p, :n], part_PL[p, :n] = torch.arange(n, device=device), 0
    at = list[Tensor]()
    for r, (p, start, n) in enumerate(zip(prompt_R, starts_R, n_R, strict=True)):
        count_P[p] += 1
        ids_PL[p, start : start + n] = rows.completions_RC[r, :n]
        positions_PL[p, start : start + n] = n_prompt_P[p] + torch.arange(n, device=device)
        part_PL[p, start : start + n] = count_P[p]
        at_n = torch.arange(start - 1, start - 1 + n, device=device)
        at_n[:1] = n_prompt_P[p] - 1  # The prompt's end predicts the first token of every completion.
        at.append(at_n)
    return Grouped(
        input_ids_PL=ids_PL,
        positions_PL=positions_PL,
        part_PL=part_PL,
        row_N=rows.prompt_R.repeat_interleave(rows.mask_RC.sum(1)),
        at_N=torch.cat(at),
    )


def make_mask(part_PL: Tensor, flex: bool) -> BlockMask | Tensor:
    """Who sees whom: FlexAttention's block mask, else the same as a dense one, [P, 1, L, L]."""
    n_rows, length = part_PL.shape

    def sees(row: Any, _head: Any, query: Any, key: Any) -> Any:
        part = part_PL[row, key]
        return (key <= query) & ((part == part_PL[row, query]) | (part == 0))

    if flex:
        return create_block_mask(sees, n_rows, None, length, length, device=str(part_PL.device))
    row, at = torch.arange(n_rows, device=part_PL.device), torch.arange(length, device=part_PL.device)
    return sees(row[:, None, None], None, at[:, None], at[None, :]).unsqueeze(1)


def grouped_logprobs(model: nn.Module, rows: Continued, *, chunk: int | None = None) -> TokenLogprobs:
    """Log-probabilities of the completions' tokens; arguments and result as in `continued_logprobs`."""
    plain, grouped = find_plain_model(model), group(rows)
    wanted_PL = torch.zeros_like(grouped.part_PL, dtype=torch.bool)
    wanted_PL[grouped.row_N, grouped.at_N] = True
    with spare_last_mlp(plain, wanted_PL):
        out = plain.base_model(
            input_ids=grouped.input_ids_PL,
            attention_mask=make_mask(grouped.part_PL, has_flex(model)),
            position_ids=grouped.positions_PL,
            use_cache=False,
        )
    hidden_ND = out.last_hidden_state[grouped.row_N, grouped.at_N]
    return score_hidden(plain, hidden_ND, rows.completions_RC[rows.mask_RC], chunk=chunk)
