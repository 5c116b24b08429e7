"""Log-probabilities of chosen tokens, without ever holding the logits of a whole batch.

The hidden states go through the output layer only where a token was chosen, some rows at a time. Where that
layer does not train, their gradient is found on the way, else the backward pass computes each piece again.
With a vocabulary of 151,936 the logits of 16 replies of 2,048 tokens would take 20 GB in float32.

Shapes: B rows, L tokens in a row, N chosen tokens, D width, V vocabulary.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from peft import PeftModel
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from gazal.errors import ConfigError
from gazal.model.lean import spare_last_mlp

_CHUNK_ELEMENTS = 2**26
"""Logits held at a time unless the caller says otherwise: 256 MB in float32."""
_SCALED_LOGITS = ("final_logit_softcapping", "logit_scale", "logits_scaling")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRows:
    """Rows of tokens, and which of them are asked about.

    Either ``positions_BL`` (packed: several examples after one another in a row, each counting from 0) or
    ``attention_BL`` (one example a row, padded on either side), or neither (whole rows, no padding).
    """

    input_ids_BL: Tensor
    chosen_BL: Tensor
    """True at the tokens whose log-probability is wanted; never at the first token of an example."""
    positions_BL: Tensor | None = None
    """Place of each token in its example. A new example begins wherever it does not grow by 1; padding after
    the last example may hold zeros."""
    attention_BL: Tensor | None = None
    """True on tokens, False on padding."""

    def __post_init__(self) -> None:
        if self.positions_BL is not None and self.attention_BL is not None:
            raise ValueError("TokenRows: packed rows take positions_BL and no attention_BL.")
        shape = self.input_ids_BL.shape
        for name in ("chosen_BL", "positions_BL", "attention_BL"):
            tensor = getattr(self, name)
            if tensor is not None and tensor.shape != shape:
                raise ValueError(f"TokenRows: {name} is {tuple(tensor.shape)}, input_ids_BL {tuple(shape)}.")


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """What the model thinks of the chosen tokens, row after row."""

    logprobs_N: Tensor
    """Log-probability (nats, float32) of each chosen token given what stands before it; differentiable."""
    entropy_N: Tensor | None
    """Entropy (nats) of the distribution that it was chosen from; carries no gradient."""


def token_logprobs(
    model: nn.Module, rows: TokenRows, *, chunk: int | None = None, with_entropy: bool = False
) -> TokenLogprobs:
    """Log-probabilities of the chosen tokens under the full vocabulary at temperature 1.

    Args:
        model: A causal language model, plain or with an adapter.
        rows: The tokens. A [B, L] tensor indexed with ``rows.chosen_BL`` has the order of the result.
        chunk: Tokens that go through the output layer at a time; None decides by the size of the vocabulary.
            It changes memory, not the result beyond rounding.
        with_entropy: Also return the entropy.

    Raises:
        ConfigError: The model changes its logits after the output layer, which is not done here.
        ValueError: The first token of an example is chosen: nothing stands before it.
    """
    plain = find_plain_model(model)
    chosen_BL = rows.chosen_BL.bool()
    _refuse_first_tokens(rows, chosen_BL)
    hidden_BLD = _run_backbone(plain, rows, nn.functional.pad(chosen_BL[:, 1:], (0, 1)))
    # The state at a token predicts the next one.
    hidden_ND = hidden_BLD[:, :-1][chosen_BL[:, 1:]]
    targets_N = rows.input_ids_BL[:, 1:][chosen_BL[:, 1:]]
    return score_hidden(plain, hidden_ND, targets_N, chunk=chunk, with_entropy=with_entropy)


def score_hidden(
    plain: PreTrainedModel,
    hidden_ND: Tensor,
    targets_N: Tensor,
    *,
    chunk: int | None = None,
    with_entropy: bool = False,
) -> TokenLogprobs:
    """Log-probabilities of tokens from the states that predict them; the rest is as in `token_logprobs`."""
    _need_plain_head(plain)
    head = cast(nn.Module, plain.get_output_embeddings())
    size = chunk or max(1, _CHUNK_ELEMENTS // plain.config.get_text_config().vocab_size)
    pieces = list(zip(hidden_ND.split(size), targets_N.split(size), strict=True))
    found = [_score_piece(head, *piece, with_entropy, again=len(pieces) > 1) for piece in pieces]
    return TokenLogprobs(
        torch.cat([logprobs for logprobs, _ in found]),
        torch.cat([cast(Tensor, entropy) for _, entropy in found]) if with_entropy else None,
    )


def find_plain_model(model: nn.Module) -> PreTrainedModel:
    """The language model inside an adapter's wrapper; adapted layers stay adapted."""
    return cast(PreTrainedModel, model.get_base_model() if isinstance(model, PeftModel) else model)


def _run_backbone(plain: PreTrainedModel, rows: TokenRows, wanted_BL: Tensor) -> Tensor:
    input_ids_BL, positions_BL, attention_BL = rows.input_ids_BL, rows.positions_BL, rows.attention_BL
    shape = input_ids_BL.shape
    if attention_BL is not None:
        positions_BL = (attention_BL.long().cumsum(-1) - 1).clamp(min=0)
    elif positions_BL is not None and "flash" in str(plain.config._attn_implementation):
        # Flash attention tells examples apart by their positions only within a batch of one row.
        input_ids_BL, positions_BL = input_ids_BL.reshape(1, -1), positions_BL.reshape(1, -1)
    # Without a mask and a cache, transformers lets no token attend across a place where the positions do not
    # grow by 1 (masking_utils.find_packed_sequence_indices).
    with spare_last_mlp(plain, wanted_BL.reshape(input_ids_BL.shape)):
        output = plain.base_model(
            input_ids=input_ids_BL, attention_mask=attention_BL, position_ids=positions_BL, use_cache=False
        )
    return output.last_hidden_state.reshape(*shape, -1)


def _score_piece(
    head: nn.Module, hidden_ND: Tensor, targets_N: Tensor, with_entropy: bool, again: bool
) -> tuple[Tensor, Tensor | None]:
    if not torch.is_grad_enabled():
        return _score(head, hidden_ND, targets_N, with_entropy)
    if _is_frozen(head):
        return cast(
            tuple[Tensor, Tensor | None], _Scored.apply(hidden_ND, head.weight, targets_N, with_entropy)
        )
    if again:
        args = (head, hidden_ND, targets_N, with_entropy)
        return cast(
            tuple[Tensor, Tensor | None],
            checkpoint(_score, *args, use_reentrant=False, preserve_rng_state=False),
        )
    return _score(head, hidden_ND, targets_N, with_entropy)


def _score(
    head: nn.Module, hidden_ND: Tensor, targets_N: Tensor, with_entropy: bool
) -> tuple[Tensor, Tensor | None]:
    logits_NV = head(hidden_ND).float()
    total_N = torch.logsumexp(logits_NV, dim=-1)
    logprobs_N = logits_NV.gather(-1, targets_N.unsqueeze(-1)).squeeze(-1) - total_N
    if not with_entropy:
        return logprobs_N, None
    with torch.no_grad():
        mean_N = (torch.softmax(logits_NV, dim=-1) * logits_NV).sum(dim=-1)
        return logprobs_N, total_N.detach() - mean_N


class _Scored(torch.autograd.Function):
    """As `_score`, for an output layer that does not train.

    Each log-probability depends on its own hidden state alone, so its slope ``W[token] - sum_v p_v W[v]`` is
    found while the logits are there, and they need not be found again for the backward pass.
    """

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor | None]:
        hidden_ND, weight_VD, targets_N, with_entropy = inputs
        logp_NV = (hidden_ND @ weight_VD.T).float()
        logp_NV -= torch.logsumexp(logp_NV, dim=-1, keepdim=True)
        logprobs_N = logp_NV.gather(-1, targets_N.unsqueeze(-1)).squeeze(-1)
        p_NV = logp_NV.exp_()
        slope_ND = weight_VD[targets_N] - p_NV.to(weight_VD.dtype) @ weight_VD
        ctx.save_for_backward(slope_ND)
        if not with_entropy:
            return logprobs_N, None
        entropy_N = torch.special.entr(p_NV).sum(dim=-1)
        ctx.mark_non_differentiable(entropy_N)
        return logprobs_N, entropy_N

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        (slope_ND,) = ctx.saved_tensors
        return (grad_outputs[0].unsqueeze(-1) * slope_ND).to(slope_ND.dtype), None, None, None


def _is_frozen(head: nn.Module) -> bool:
    """A plain linear layer without bias whose weight lies whole in this process and does not train."""
    if type(head) is not nn.Linear or head.bias is not None or type(head.weight) is not nn.Parameter:
        return False
    hooked = head._forward_hooks or head._forward_pre_hooks
    return not (head.weight.requires_grad or hooked or torch.is_autocast_enabled(head.weight.device.type))


def _refuse_first_tokens(rows: TokenRows, chosen_BL: Tensor) -> None:
    first_BL = torch.zeros_like(chosen_BL)
    first_BL[:, 0] = True
    if rows.positions_BL is not None:
        first_BL[:, 1:] |= rows.positions_BL.diff(dim=-1) != 1
    if rows.attention_BL is not None:
        tokens_BL = rows.attention_BL.bool()
        first_BL[:, 1:] |= tokens_BL[:, 1:] & ~tokens_BL[:, :-1]
        first_BL |= ~tokens_BL
    if bool((first_BL & chosen_BL).any()):
        raise ValueError(
            "token_logprobs: the first token of an example or padding is chosen. Unset chosen_BL there."
        )


def _need_plain_head(plain: PreTrainedModel) -> None:
    config = plain.config.get_text_config()
    found = [name for name in _SCALED_LOGITS if getattr(config, name, None) not in (None, 1, 1.0)]
    if found:
        raise ConfigError(
            f"model.path: {type(plain).__name__} changes its logits after the output layer ({found[0]}), "
            "which is not supported. Use a model of the Qwen, Llama or Mistral families."
        )
