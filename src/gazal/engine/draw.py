"""From the logits of a step to its tokens and their log-probabilities.

Shapes: B rows, V vocabulary.
"""

import torch
from torch import Tensor

from gazal.config.sampling import Sampling


def draw_tokens(logits_BV: Tensor, noise_B: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """The next token of each row, by inverse distribution function over token ids.

    Args:
        logits_BV: In any float type; what follows is computed in float32.
        noise_B: Uniform in [0, 1), float64; a higher number is a higher token id. Unused at temperature 0.
        sampling: At temperature 0 the most likely token is taken, the lowest id among equals.

    Returns:
        Tokens, and their log-probabilities (nats) at temperature 1 over the whole vocabulary.
    """
    logits_BV = logits_BV.float()
    if sampling.greedy:
        tokens_B1 = logits_BV.argmax(-1, keepdim=True)
    else:
        # Sums in float64: float32 would lose the rare tokens of a large vocabulary in rounding.
        reached_BV = _weigh(logits_BV, sampling).cumsum(-1, dtype=torch.float64)
        # A float64 below 1 times the total always rounds below it, so weights of 0 at the end are not drawn.
        point_B1 = noise_B.unsqueeze(1) * reached_BV[:, -1:]
        tokens_B1 = torch.searchsorted(reached_BV, point_B1, right=True)
        # Logits that are not numbers point past the end.
        tokens_B1 = tokens_B1.clamp_(max=logits_BV.shape[1] - 1)
    logp_B1 = logits_BV.gather(1, tokens_B1) - logits_BV.logsumexp(-1, keepdim=True)
    return tokens_B1.squeeze(1), logp_B1.squeeze(1)


def _weigh(logits_BV: Tensor, sampling: Sampling) -> Tensor:
    """Weights in proportion to the probabilities after temperature, top-k, then top-p; the largest is 1."""
    if 0 < sampling.top_k < logits_BV.shape[1]:
        logits_BV = logits_BV.masked_fill(~_find_top_k(logits_BV, sampling.top_k), -torch.inf)
    # Less the largest before the division, so that a temperature near 0 cannot overflow.
    weights_BV = logits_BV - logits_BV.amax(-1, keepdim=True)
    if sampling.temperature != 1.0:
        weights_BV = weights_BV.div_(sampling.temperature)
    weights_BV = weights_BV.exp_()
    if sampling.top_p < 1.0:
        weights_BV = weights_BV.masked_fill(~_find_top_p(weights_BV, sampling.top_p), 0.0)
    return weights_BV


def _find_top_k(logits_BV: Tensor, k: int) -> Tensor:
    """True at the k largest; of equals at the edge, those with the lowest ids."""
    edge_B1 = logits_BV.topk(k, dim=-1).values[:, -1:]
    above_BV, equal_BV = logits_BV > edge_B1, logits_BV == edge_B1
    room_B1 = k - above_BV.sum(-1, keepdim=True)
    return above_BV | (equal_BV & (equal_BV.cumsum(-1) <= room_B1))


def _find_top_p(weights_BV: Tensor, p: float) -> Tensor:
    """True at the smallest set of the largest weights that holds at least p of their sum."""
    sorted_BV, ids_BV = weights_BV.sort(dim=-1, descending=True, stable=True)
    reached_BV = sorted_BV.cumsum(-1, dtype=torch.float64)
    kept_BV = reached_BV - sorted_BV < p * reached_BV[:, -1:]
    return torch.zeros_like(kept_BV).scatter_(1, ids_BV, kept_BV)
