"""Examples as rows of tokens: packed side by side, or one a row.

Shapes: B rows of a micro-batch, L tokens of its longest row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gazal.model.logprobs import TokenRows

WINDOW = 64
"""So many examples wait for a row that they fit into. More pack tighter; the order stays nearly the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """One example: what is given, and what is to be learnt."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]

    @property
    def n(self) -> int:
        """Length in tokens."""
        return len(self.prompt) + len(self.completion)


Row = tuple[int, ...]
"""Numbers of the examples that stand in one row."""


def pack_rows(lengths: Iterable[tuple[int, int]], room: int) -> list[Row]:
    """Put examples into rows: of those waiting, the longest that still fits.

    Args:
        lengths: (number, length in tokens) of each example, in the order in which they are to be learnt.
        room: Tokens a row holds. A longer example must have been left out before.

    Returns:
        Rows in the order in which they filled. Every example stands in one row.
    """
    stream, waiting, rows = iter(lengths), list[tuple[int, int]](), list[Row]()
    row, left = list[int](), room
    while True:
        while len(waiting) < WINDOW and (entry := next(stream, None)) is not None:
            waiting.append(entry)
        fits = [entry for entry in waiting if entry[1] <= left]
        if fits:
            # A row starts with the one that waits longest, so that none waits for ever.
            chosen = max(fits, key=lambda entry: entry[1]) if row else waiting[0]
            waiting.remove(chosen)
            row.append(chosen[0])
            left -= chosen[1]
        elif row:
            rows.append(tuple(row))
            row, left = [], room
        else:
            return rows


def collate(rows: Sequence[Sequence[Tokens]], pad: int) -> TokenRows:
    """Rows of examples as tensors; only completions are chosen, and never the first token of an example.

    Args:
        rows: Examples of each row.
        pad: The token that fills a row up; never chosen.
    """
    width = max(sum(example.n for example in row) for row in rows)
    input_ids_BL = torch.full((len(rows), width), pad, dtype=torch.long)
    chosen_BL = torch.zeros((len(rows), width), dtype=torch.bool)
    positions_BL = torch.zeros((len(rows), width), dtype=torch.long)
    for b, row in enumerate(rows):
        at = 0
        for example in row:
            end = at + example.n
            input_ids_BL[b, at:end] = torch.tensor((*example.prompt, *example.completion))
            chosen_BL[b, max(at + len(example.prompt), at + 1) : end] = True
            positions_BL[b, at:end] = torch.arange(example.n)
            at = end
        if len(row) == 1:  # Padding after a lone example is seen by none of its tokens: count on.
            positions_BL[b] = torch.arange(width)
    packed = any(len(row) > 1 for row in rows)
    return TokenRows(
        input_ids_BL=input_ids_BL, chosen_BL=chosen_BL, positions_BL=positions_BL if packed else None
    )


def split_groups(numbered: Iterable[tuple[int, Tokens]], size: int) -> list[list[int]]:
    """Numbers of examples, at most ``size`` at a time, those with the same prompt next to each other.

    The longest come first: what does not fit into memory fails at once.
    """
    groups: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for number, tokens in numbered:
        groups.setdefault(tokens.prompt, []).append((tokens.n, number))
    ordered = sorted(groups.values(), key=lambda group: -max(n for n, _ in group))
    numbers = [number for group in ordered for _, number in sorted(group, key=lambda entry: -entry[0])]
    return [numbers[at : at + size] for at in range(0, len(numbers), size)]


def count_learnt(rows: Iterable[Sequence[Tokens]]) -> int:
    """Tokens of rows that `collate` chooses."""
    return sum(len(e.completion) - (not e.prompt and bool(e.completion)) for row in rows for e in row)


def move_rows(rows: TokenRows, device: torch.device) -> TokenRows:
    """The same rows on a device."""

    def move(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.to(device, non_blocking=True)

    return TokenRows(
        input_ids_BL=rows.input_ids_BL.to(device, non_blocking=True),
        chosen_BL=rows.chosen_BL.to(device, non_blocking=True),
        positions_BL=move(rows.positions_BL),
        attention_BL=move(rows.attention_BL),
    )
