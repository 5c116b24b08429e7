"""A batch of judged rollouts: what GRPO learns from until it is used up.

Shapes: N tokens of all rollouts, one after the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from gazal.engine.base import Rollout
from gazal.train.advantage import Advantages
from gazal.train.batch import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnable:
    """One rollout as the loss needs it."""

    tokens: Tokens
    advantage: float
    credit: tuple[float, ...] = ()
    """What each token has besides, for its step or computation; empty where these have no credit."""
    sampled: tuple[float, ...]
    """Log-probability (nats) of each token in the engine."""
    old: tuple[float, ...] | None
    """The same in the trainer before the first of several optimizer steps; None where there is only one."""


def collect_learnable(
    rollouts: Sequence[Rollout],
    advantages: Advantages,
    credits: Sequence[tuple[float, ...]],
    masked: Sequence[bool],
) -> list[Learnable]:
    """Rollouts with their advantages, in their order; of masked ones no token is learnt from."""
    flat = [value for values_G in advantages.values_PG for value in values_G]
    return [
        Learnable(
            tokens=Tokens(prompt=rollout.prompt_tokens, completion=() if out else rollout.tokens),
            advantage=advantage,
            credit=() if out else credit,
            sampled=() if out else rollout.logprobs,
            old=None,
        )
        for rollout, advantage, credit, out in zip(rollouts, flat, credits, masked, strict=True)
    ]


def pack_learnable(items: Sequence[Learnable]) -> dict[str, Tensor]:
    """As tensors, for a checkpoint."""
    tensors = {
        "prompt_lengths": torch.tensor([len(item.tokens.prompt) for item in items]),
        "lengths": torch.tensor([len(item.tokens.completion) for item in items]),
        "prompts": torch.tensor([t for item in items for t in item.tokens.prompt]),
        "tokens_N": torch.tensor([t for item in items for t in item.tokens.completion]),
        "advantages": torch.tensor([item.advantage for item in items], dtype=torch.float64),
        "sampled_N": torch.tensor([p for item in items for p in item.sampled], dtype=torch.float64),
    }
    if any(item.credit for item in items):
        tensors["credit_N"] = torch.tensor([c for item in items for c in item.credit], dtype=torch.float64)
    if any(item.old is not None for item in items):
        tensors["old_N"] = torch.tensor([p for item in items for p in item.old or ()], dtype=torch.float64)
    return tensors


def unpack_learnable(tensors: Mapping[str, Tensor]) -> list[Learnable]:
    """What `pack_learnable` packed."""

    def split(name: str, lengths: str) -> list[tuple[Any, ...]]:
        return [tuple(part.tolist()) for part in tensors[name].split(tensors[lengths].tolist())]

    prompts, tokens = split("prompts", "prompt_lengths"), split("tokens_N", "lengths")
    sampled = split("sampled_N", "lengths")
    old = split("old_N", "lengths") if "old_N" in tensors else [None] * len(tokens)
    credits = split("credit_N", "lengths") if "credit_N" in tensors else [()] * len(tokens)
    return [
        Learnable(
            tokens=Tokens(prompt=prompt, completion=completion),
            advantage=advantage,
            credit=credit,
            sampled=seen,
            old=before,
        )
        for prompt, completion, advantage, credit, seen, before in zip(
            prompts, tokens, tensors["advantages"].tolist(), credits, sampled, old, strict=True
        )
    ]


def lay_out(values_N: Tensor, lengths: Sequence[int]) -> Tensor:
    """Numbers of all tokens as a row for each rollout, [rollouts, longest], with 0 after its end."""
    return pad_sequence(list(values_N.split(list(lengths))), batch_first=True)


def with_old(items: Sequence[Learnable], old: Sequence[Sequence[float]]) -> list[Learnable]:
    """The same with the log-probabilities that the trainer gives before its first step."""
    return [replace(item, old=tuple(values)) for item, values in zip(items, old, strict=True)]
