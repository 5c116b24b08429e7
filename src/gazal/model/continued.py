"""Log-probabilities of several completions of the same prompt, which is read once for all of them.

A group of 8 replies to a prompt of 200 tokens needs the prompt's keys and values once, not eight times; the
gradient of each completion goes back into them.

Shapes: P prompts, R completions, L prompt tokens, C completion tokens, N tokens of all completions, D width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from gazal.model.lean import spare_last_mlp
from gazal.model.logprobs import TokenLogprobs, find_plain_model, score_hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued:
    """Prompts, and completions that each go on from one of them."""

    prompts_PL: Tensor
    """Padded on the left, so that every prompt ends in the last column."""
    prompt_mask_PL: Tensor
    """1 on tokens, 0 on padding."""
    prompt_R: Tensor
    """Which prompt each completion goes on from."""
    completions_RC: Tensor
    """Padded on the right; two columns at least."""
    mask_RC: Tensor
    """True on tokens; the log-probabilities of all of them are wanted."""

    def to(self, device: torch.device) -> "Continued":
        """The same on a device."""
        return Continued(
            **{name: getattr(self, name).to(device, non_blocking=True) for name in self.__slots__}
        )


def arrange(pairs: Sequence[tuple[Sequence[int], Sequence[int]]], pad: int) -> Continued:
    """Lay out (prompt, completion) pairs, each different prompt once.

    Args:
        pairs: Tokens of each.
        pad: What fills rows up; never looked at.

    Raises:
        ValueError: A prompt is empty: nothing stands before its completion's first token.
    """
    place = {prompt: p for p, prompt in enumerate(dict.fromkeys(tuple(prompt) for prompt, _ in pairs))}
    if () in place:
        raise ValueError("arrange: a prompt is empty. Give at least one token before each completion.")
    width = max(map(len, place))
    # Two at least: every batch goes through the layers twice, as FSDP needs of all processes.
    length = max(2, *(len(completion) for _, completion in pairs))
    prompts_PL = torch.full((len(place), width), pad)
    mask_PL = torch.zeros_like(prompts_PL)
    for prompt, p in place.items():
        prompts_PL[p, width - len(prompt) :] = torch.tensor(prompt)
        mask_PL[p, width - len(prompt) :] = 1
    completions_RC = torch.full((len(pairs), length), pad)
    mask_RC = torch.zeros_like(completions_RC, dtype=torch.bool)
    for r, (_, completion) in enumerate(pairs):
        completions_RC[r, : len(completion)] = torch.tensor(completion)
        mask_RC[r, : len(completion)] = True
    return Continued(
        prompts_PL=prompts_PL,
        prompt_mask_PL=mask_PL,
        prompt_R=torch.tensor([place[tuple(prompt)] for prompt, _ in pairs]),
        completions_RC=completions_RC,
        mask_RC=mask_RC,
    )


def can_share(model: nn.Module) -> bool:
    """Whether prompts can be read once: under gradient checkpointing transformers keeps no cache."""
    return not (model.training and find_plain_model(model).is_gradient_checkpointing)


def continued_logprobs(model: nn.Module, rows: Continued, *, chunk: int | None = None) -> TokenLogprobs:
    """Log-probabilities of the completions' tokens under the full vocabulary at temperature 1.

    Args:
        model: A causal language model, plain or with an adapter.
        rows: The tokens. ``completions_RC`` indexed with ``mask_RC`` has the order of the result.
        chunk: Tokens that go through the output layer at a time; None decides by the size of the vocabulary.

    Raises:
        ConfigError: The model changes its logits after the output layer, which is not done here.
    """
    plain = find_plain_model(model)
    cache = DynamicCache(config=plain.config)
    positions_PL = (rows.prompt_mask_PL.cumsum(-1) - 1).clamp(min=0)
    ends_PL = torch.zeros_like(rows.prompts_PL, dtype=torch.bool)
    ends_PL[:, -1] = True
    with spare_last_mlp(plain, ends_PL):
        read = plain.base_model(
            input_ids=rows.prompts_PL,
            attention_mask=rows.prompt_mask_PL,
            position_ids=positions_PL,
            past_key_values=cache,
            use_cache=True,
        )
    # The state at a token predicts the next one: that of the prompt's end the first of the completion.
    hidden_RCD = read.last_hidden_state[rows.prompt_R, -1:]
    n_more = rows.completions_RC.shape[1] - 1
    cache.batch_select_indices(rows.prompt_R)
    seen = rows.prompt_mask_PL[rows.prompt_R], rows.mask_RC[:, :-1].to(rows.prompt_mask_PL.dtype)
    start_R1 = positions_PL[rows.prompt_R, -1:] + 1
    with spare_last_mlp(plain, rows.mask_RC[:, 1:]):
        written = plain.base_model(
            input_ids=rows.completions_RC[:, :-1],
            attention_mask=torch.cat(seen, dim=1),
            position_ids=start_R1 + torch.arange(n_more, device=start_R1.device),
            past_key_values=cache,
            use_cache=True,
        )
    hidden_RCD = torch.cat([hidden_RCD, written.last_hidden_state], dim=1)
    return score_hidden(plain, hidden_RCD[rows.mask_RC], rows.completions_RC[rows.mask_RC], chunk=chunk)
