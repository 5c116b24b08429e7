"""Tokens drawn from logits: the distribution, the filters, the log-probabilities."""

import pytest
import torch

from gazal.config.sampling import Sampling
from gazal.engine.draw import draw_tokens

SHARES = torch.tensor([0.05, 0.4, 0.0, 0.25, 0.1, 0.2])


def draw_many(sampling, n=20000, shares=SHARES):
    noise_B = torch.rand(n, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    tokens_B, _ = draw_tokens(shares.log().expand(n, -1), noise_B, sampling)
    return torch.bincount(tokens_B, minlength=len(shares)).double() / n


def chi_square(found, expected, n=20000):
    some = expected > 0
    assert (found[~some] == 0).all()
    return (n * (found[some] - expected[some]) ** 2 / expected[some]).sum()


@pytest.mark.parametrize(
    "sampling, weights",
    [
        (Sampling(), SHARES),
        (Sampling(temperature=0.5), SHARES**2),
        (Sampling(temperature=2.0), SHARES**0.5),
        (Sampling(top_k=3), SHARES * torch.tensor([0, 1, 0, 1, 0, 1])),
        (Sampling(top_p=0.6), SHARES * torch.tensor([0, 1, 0, 1, 0, 0])),
        (Sampling(top_p=0.66), SHARES * torch.tensor([0, 1, 0, 1, 0, 1])),
        # After top-k the shares are 0.615 and 0.385: top-p counts within what is left.
        (Sampling(top_k=2, top_p=0.61), SHARES * torch.tensor([0, 1, 0, 0, 0, 0])),
        # Temperature comes before top-p: 0.16, 0.0625 and 0.04 of 0.275.
        (Sampling(temperature=0.5, top_p=0.8), SHARES**2 * torch.tensor([0, 1, 0, 1, 0, 0])),
        (Sampling(top_k=50), SHARES),
    ],
)
def test_draws_follow_the_distribution(sampling, weights):
    expected = (weights / weights.sum()).double()
    assert chi_square(draw_many(sampling), expected) < 20.5  # 5 degrees of freedom, p = 0.001


def test_logprobs_are_unfiltered_and_at_temperature_1():
    logits_BV = torch.randn(4, 9, generator=torch.Generator().manual_seed(1)) * 3
    noise_B = torch.tensor([0.1, 0.4, 0.7, 0.95], dtype=torch.float64)
    for sampling in (
        Sampling(temperature=0.3),
        Sampling(top_k=2),
        Sampling(top_p=0.3),
        Sampling(temperature=0.0),
    ):
        tokens_B, logp_B = draw_tokens(logits_BV, noise_B, sampling)
        expected = logits_BV.log_softmax(-1).gather(1, tokens_B[:, None]).squeeze(1)
        torch.testing.assert_close(logp_B, expected, atol=1e-6, rtol=0)


def test_logprobs_of_half_precision_logits_are_computed_in_float32():
    logits_BV = (torch.randn(3, 5000, generator=torch.Generator().manual_seed(2)) * 4).bfloat16()
    tokens_B, logp_B = draw_tokens(logits_BV, torch.tensor([0.2, 0.5, 0.8], dtype=torch.float64), Sampling())
    assert logp_B.dtype == torch.float32
    expected = logits_BV.double().log_softmax(-1).gather(1, tokens_B[:, None]).squeeze(1)
    torch.testing.assert_close(logp_B.double(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "sampling", [Sampling(temperature=0.0), Sampling(top_k=1), Sampling(top_k=1, top_p=0.5)]
)
def test_greedy_takes_the_lowest_id_among_equals(sampling):
    logits_BV = torch.tensor([[0.0, 2.0, 2.0, 1.0], [3.0, 3.0, 3.0, 3.0], [0.0, -1.0, 5.0, 5.0]])
    for point in (0.0, 0.5, 0.999):
        tokens_B, _ = draw_tokens(logits_BV, torch.full((3,), point, dtype=torch.float64), sampling)
        assert tokens_B.tolist() == [1, 0, 2]


def test_equals_at_the_edge_of_top_k_are_kept_by_lowest_id():
    found = draw_many(Sampling(top_k=3), n=3000, shares=torch.tensor([0.1, 0.2, 0.2, 0.3, 0.2]))
    assert (found > 0).tolist() == [False, True, True, True, False]


def test_a_higher_number_is_a_higher_token():
    logits_BV = SHARES.log().expand(8, -1)
    noise_B = torch.tensor([0.0, 0.049, 0.051, 0.449, 0.451, 0.701, 0.801, 0.9999], dtype=torch.float64)
    assert draw_tokens(logits_BV, noise_B, Sampling())[0].tolist() == [0, 0, 1, 1, 3, 4, 5, 5]


def test_the_largest_number_never_draws_what_cannot_be():
    generator = torch.Generator().manual_seed(4)
    logits_BV = torch.full((200, 5), -torch.inf)
    logits_BV[:, 1:3] = torch.randn(200, 2, generator=generator)
    ends_B = torch.full((200,), 1.0 - 2.0**-53, dtype=torch.float64)
    assert set(draw_tokens(logits_BV, ends_B, Sampling())[0].tolist()) == {2}
    assert set(draw_tokens(logits_BV, ends_B * 0.0, Sampling())[0].tolist()) == {1}


def test_rare_tokens_of_a_large_vocabulary_are_reached():
    logits_BV = torch.zeros(3, 150_000)
    logits_BV[:, 0] = 25.0  # So likely that a running sum in float32 would stand still after it.
    rest = 149_999 / (149_999 + torch.tensor(25.0).exp().item())
    points_B = 1.0 - torch.tensor([0.75, 0.5, 0.25], dtype=torch.float64) * rest
    tokens_B, _ = draw_tokens(logits_BV, points_B, Sampling())
    torch.testing.assert_close(
        tokens_B.double() / 150_000, torch.tensor([0.25, 0.5, 0.75]).double(), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("sampling", [Sampling(temperature=1e-30), Sampling(temperature=1e-30, top_p=0.9)])
def test_a_temperature_near_0_is_greedy(sampling):
    logits_BV = torch.randn(5, 40, generator=torch.Generator().manual_seed(3)) * 100
    tokens_B, _ = draw_tokens(logits_BV, torch.full((5,), 0.99, dtype=torch.float64), sampling)
    assert tokens_B.tolist() == logits_BV.argmax(-1).tolist()


def test_what_is_not_a_number_is_still_a_token():
    tokens_B, logp_B = draw_tokens(torch.full((1, 7), torch.nan), torch.tensor([0.5]).double(), Sampling())
    assert 0 <= tokens_B.item() < 7 and logp_B.isnan().all()
