"""What the two stages minimise: pure functions of log-probabilities, no model inside.

Losses are sums over tokens divided by one number, the tokens of the whole optimizer step. So the
micro-batches of a step, however ragged, add up to the loss and the statistics of one big batch.

Shapes: B rollouts or rows of the micro-batch, T completion tokens (padded on either side).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gazal.config.grpo import LossKind


@dataclass(frozen=True, slots=True, kw_only=True)
class LossInputs:
    """One micro-batch of rollouts. Log-probabilities in nats; whatever stands on padding is not read."""

    logp_BT: Tensor
    """Of each sampled token under the policy being trained."""
    old_logp_BT: Tensor
    """The same under the policy that sampled it; carries no gradient."""
    advantages_B: Tensor
    """One number per rollout, shared by all its tokens."""
    credit_BT: Tensor | None = None
    """What is added to it token by token, where some of a rollout's steps did better than others."""
    mask_BT: Tensor
    """True where a token was sampled by the policy; False on padding."""
    ref_logp_BT: Tensor | None = None
    """Under the model that a KL term holds the policy to; only needed where it has a weight."""
    entropy_BT: Tensor | None = None
    """Entropy (nats) of the policy at each token, only to be reported."""
    divide_by: float | None = None
    """What the loss of the whole optimizer step is divided by, where that is not what its means are over: for
    ``dr_grpo`` rollouts times the most tokens that one may have, so that long replies do not weigh less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossOut:
    """The loss and what the monitors read: means over the tokens of the step, so micro-batches add up."""

    loss: Tensor
    """Scalar, differentiable."""
    clip_high: float
    """Share of tokens held back from becoming more likely."""
    clip_low: float
    """Share of tokens held back from becoming less likely."""
    ratio: float
    """Mean probability ratio of the policy to the one that sampled."""
    drift: float
    """Estimate (nats, never negative) of the KL divergence of the sampling policy from the policy."""
    kl: float | None
    """Estimate (nats, never negative) of the KL divergence of the policy from the reference, unweighted."""
    entropy: float | None


def grpo_loss(
    inputs: LossInputs,
    *,
    kind: LossKind = "dapo",
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    kl: float = 0.0,
    n: float | None = None,
) -> LossOut:
    """Clipped policy-gradient loss of a micro-batch, as its share of the optimizer step.

    Args:
        inputs: The micro-batch.
        kind: ``dapo`` and ``dr_grpo``: each token's probability ratio is clipped. ``gspo``: each rollout's,
            the geometric mean over its tokens, and each rollout counts alike. ``cispo``: the ratio is a
            weight that is cut at ``1 + clip_high`` and carries no gradient, so every token has one.
        clip_low: How far the probability ratio may fall below 1 before it stops counting.
        clip_high: How far it may rise above 1. Larger than ``clip_low`` keeps rare tokens alive
            ("clip-higher").
        kl: Weight of the KL term; 0 leaves it out.
        n: Completion tokens of the whole optimizer step, for ``gspo`` its rollouts, over all micro-batches
            and processes; where gradients are averaged over processes, divide it by their number. None: this
            batch's. What is reported is a mean over so many.

    Returns:
        LossOut. A batch with no token to learn from gives loss 0 and still has a gradient.

    Raises:
        ValueError: If there is a KL term but no reference.

    Source:
        Ratio, clipping and KL estimator: Shao et al. 2024, arXiv:2402.03300, sec. 4.1.1. ``clip_high`` and
        the token-level mean: Yu et al. 2025 (DAPO), arXiv:2503.14476, sec. 3.1 and 3.3. ``dr_grpo``, ``gspo``
        and ``cispo``: as TRL 1.16 defines them (``loss_type``, ``importance_sampling_level``); tests hold
        each against it.
    """
    if kl and inputs.ref_logp_BT is None:
        raise ValueError(f"grpo_loss: kl is {kl} but ref_logp_BT is None. Give it, or set kl to 0.")
    weights_BT, total = _weigh(inputs.mask_BT, inputs.logp_BT.dtype, n, by_row=kind == "gspo")
    advantages_BT = _add_credit(inputs)
    log_ratio_BT = _blank(inputs.logp_BT - inputs.old_logp_BT.detach(), inputs.mask_BT)
    ratio_BT = torch.exp((log_ratio_BT * weights_BT).sum(1, True) if kind == "gspo" else log_ratio_BT)
    if kind == "cispo":
        logp_BT = _blank(inputs.logp_BT, inputs.mask_BT)
        loss_BT = -ratio_BT.clamp(max=1.0 + clip_high).detach() * advantages_BT * logp_BT
    else:
        clipped_BT = ratio_BT.clamp(1.0 - clip_low, 1.0 + clip_high)
        loss_BT = -torch.minimum(ratio_BT * advantages_BT, clipped_BT * advantages_BT)
    kl_BT = None
    if inputs.ref_logp_BT is not None:
        kl_BT = _estimate_kl(_blank(inputs.ref_logp_BT.detach() - inputs.logp_BT, inputs.mask_BT))
        loss_BT = loss_BT + kl * kl_BT if kl else loss_BT
    with torch.no_grad():
        means = [
            (ratio_BT > 1.0 + clip_high) & (advantages_BT > 0),
            (ratio_BT < 1.0 - clip_low) & (advantages_BT < 0) & (kind != "cispo"),
            ratio_BT,
            _estimate_kl(log_ratio_BT),
            *([] if kl_BT is None else [kl_BT]),
            *([] if inputs.entropy_BT is None else [_blank(inputs.entropy_BT, inputs.mask_BT)]),
        ]
        # One transfer from the device, not one per number.
        sums = [(x * weights_BT).sum() / total for x in means]
        high, low, ratio, drift, *rest = torch.stack(sums).tolist()
    return LossOut(
        loss=(loss_BT * weights_BT).sum() / (inputs.divide_by or total),
        clip_high=high,
        clip_low=low,
        ratio=ratio,
        drift=drift,
        kl=None if kl_BT is None else rest[0],
        entropy=None if inputs.entropy_BT is None else rest[-1],
    )


def sft_loss(logp_BT: Tensor, mask_BT: Tensor, *, n_tokens: float | None = None) -> Tensor:
    """Negative log-probability (nats) of the completion tokens, averaged over the optimizer step.

    Args:
        logp_BT: Log-probability of each token of the rows, given those before it.
        mask_BT: True on the tokens to be learnt; False on prompts and padding.
        n_tokens: Tokens to be learnt in the whole optimizer step, as in `grpo_loss`.

    Returns:
        A scalar. Rows with no token to learn from give 0 and still have a gradient.
    """
    weights_BT, n = _weigh(mask_BT, logp_BT.dtype, n_tokens)
    return -(_blank(logp_BT, mask_BT) * weights_BT).sum() / n


def _add_credit(inputs: LossInputs) -> Tensor:
    """The advantage of each token, [B, T] where some have credit of their own, else [B, 1]."""
    advantages_B1 = inputs.advantages_B.to(inputs.logp_BT.dtype).unsqueeze(1)
    return advantages_B1 if inputs.credit_BT is None else advantages_B1 + inputs.credit_BT.to(advantages_B1)


def _weigh(
    mask_BT: Tensor, dtype: torch.dtype, n: float | None, by_row: bool = False
) -> tuple[Tensor, Tensor | float]:
    """What each token counts, and how many tokens, or rows, there are in all."""
    weights_BT = mask_BT.to(dtype)
    if by_row:
        weights_BT = weights_BT / weights_BT.sum(1, True).clamp(min=1.0)
    return weights_BT, weights_BT.sum().clamp(min=1.0) if n is None else max(n, 1.0)


def _blank(values_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Put 0 on padding: an infinity there would survive a multiplication with 0 as NaN."""
    return values_BT.masked_fill(~mask_BT.bool(), 0.0)


def _estimate_kl(log_ratio_BT: Tensor) -> Tensor:
    """KL(p || q) from tokens of p, given log q - log p: unbiased and never negative ("k3")."""
    return torch.exp(log_ratio_BT) - log_ratio_BT - 1.0
