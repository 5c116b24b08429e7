"""The losses: by hand on small numbers, and in micro-batches against one batch."""

import math

import pytest
import torch

from gazal.train.loss import LossInputs, grpo_loss, sft_loss

LENGTHS = [3, 7, 1, 5]


def make_batch(seed=0, dtype=torch.float64):
    """Ragged rollouts with ratios far below and far above 1, and both signs of advantage."""
    rng = torch.Generator().manual_seed(seed)
    shape = (len(LENGTHS), max(LENGTHS))
    logp = -3.0 * torch.rand(shape, generator=rng, dtype=dtype)
    mask = torch.arange(shape[1]) < torch.tensor(LENGTHS).unsqueeze(1)
    return LossInputs(
        logp_BT=logp.requires_grad_(),
        old_logp_BT=logp.detach() + 0.4 * torch.randn(shape, generator=rng, dtype=dtype),
        advantages_B=torch.tensor([1.0, -0.5, 0.25, -2.0], dtype=dtype),
        mask_BT=mask,
        ref_logp_BT=logp.detach() + 0.3 * torch.randn(shape, generator=rng, dtype=dtype),
        entropy_BT=torch.rand(shape, generator=rng, dtype=dtype),
    )


def take(inputs, rows, logp=None):
    """Some rollouts, cut to the longest of them."""
    longest = int(inputs.mask_BT[rows].sum(1).max())
    cut = {
        name: getattr(inputs, name)[rows][:, :longest]
        for name in ("old_logp_BT", "mask_BT", "ref_logp_BT", "entropy_BT")
    }
    logp = inputs.logp_BT if logp is None else logp
    return LossInputs(logp_BT=logp[rows][:, :longest], advantages_B=inputs.advantages_B[rows], **cut)


def test_by_hand():
    ratios = [0.5, 1.0, 1.5, 0.5, 1.1, 1.5]
    inputs = LossInputs(
        logp_BT=torch.log(torch.tensor(ratios).reshape(2, 3)) - 1.0,
        old_logp_BT=torch.full((2, 3), -1.0),
        advantages_B=torch.tensor([2.0, -1.0]),
        mask_BT=torch.tensor([[1, 1, 1], [1, 1, 0]]),
        entropy_BT=torch.ones(2, 3),
    )
    out = grpo_loss(inputs, clip_low=0.2, clip_high=0.28)
    gains = [2 * 0.5, 2 * 1.0, 2 * 1.28, -0.8, -1.1]
    assert out.loss.item() == pytest.approx(-sum(gains) / 5)
    assert out.clip_high == pytest.approx(1 / 5) and out.clip_low == pytest.approx(1 / 5)
    assert out.ratio == pytest.approx((0.5 + 1.0 + 1.5 + 0.5 + 1.1) / 5)
    assert out.drift == pytest.approx(sum(r - math.log(r) - 1 for r in ratios[:5]) / 5)
    assert out.kl is None and out.entropy == pytest.approx(1.0)


def test_the_kl_term_by_hand():
    logp = torch.tensor([[-1.0, -2.0, -9.0]], requires_grad=True)
    ref = torch.tensor([[-1.5, -1.0, 0.0]])
    inputs = LossInputs(
        logp_BT=logp,
        old_logp_BT=logp.detach(),
        advantages_B=torch.zeros(1),
        mask_BT=torch.tensor([[True, True, False]]),
        ref_logp_BT=ref,
    )
    kl = sum(math.exp(d) - d - 1 for d in (-0.5, 1.0)) / 2
    assert grpo_loss(inputs).kl == pytest.approx(kl) and grpo_loss(inputs).loss.item() == 0.0
    out = grpo_loss(inputs, kl=0.1)
    out.loss.backward()
    assert out.loss.item() == pytest.approx(0.1 * kl) and out.kl == pytest.approx(kl)
    expected = [0.1 * (1 - math.exp(d)) / 2 for d in (-0.5, 1.0)]
    assert logp.grad.tolist()[0] == pytest.approx([*expected, 0.0])


def test_a_kl_term_needs_a_reference():
    inputs = make_batch()
    without = LossInputs(
        logp_BT=inputs.logp_BT,
        old_logp_BT=inputs.old_logp_BT,
        advantages_B=inputs.advantages_B,
        mask_BT=inputs.mask_BT,
    )
    with pytest.raises(ValueError, match="ref_logp_BT is None"):
        grpo_loss(without, kl=0.1)


@pytest.mark.parametrize("split", [[[0, 1, 2, 3]], [[0], [1, 2, 3]], [[2], [0], [3], [1]], [[1, 3], [0, 2]]])
def test_micro_batches_of_ragged_rollouts_add_up_to_one_batch(split):
    inputs, n = make_batch(), sum(LENGTHS)
    whole = grpo_loss(inputs, clip_high=0.28, kl=0.05)
    assert min(whole.clip_high, whole.clip_low) > 0.0
    (expected,) = torch.autograd.grad(whole.loss, inputs.logp_BT)
    logp = inputs.logp_BT.detach().clone().requires_grad_()
    parts = [grpo_loss(take(inputs, rows, logp), clip_high=0.28, kl=0.05, n=n) for rows in split]
    sum(part.loss for part in parts).backward()
    torch.testing.assert_close(logp.grad, expected, atol=1e-12, rtol=1e-12)
    for name in ("loss", "clip_high", "clip_low", "ratio", "drift", "kl", "entropy"):
        total = sum(torch.as_tensor(getattr(part, name)).item() for part in parts)
        assert total == pytest.approx(torch.as_tensor(getattr(whole, name)).item())


def test_a_mean_of_means_would_not_add_up():
    inputs = make_batch()
    whole = grpo_loss(inputs).loss.item()
    halves = [grpo_loss(take(inputs, rows)).loss.item() for rows in ([0, 1], [2, 3])]
    assert sum(halves) / 2 != pytest.approx(whole, rel=1e-3)


@pytest.mark.parametrize("junk", [math.nan, -math.inf, math.inf, 1e30])
def test_what_stands_on_padding_is_not_read(junk):
    inputs = make_batch()
    clean = grpo_loss(inputs, kl=0.1)
    (expected,) = torch.autograd.grad(clean.loss, inputs.logp_BT)
    dirty = {
        name: getattr(inputs, name).detach().masked_fill(~inputs.mask_BT, junk)
        for name in ("logp_BT", "old_logp_BT", "ref_logp_BT", "entropy_BT")
    }
    logp = dirty.pop("logp_BT").requires_grad_()
    out = grpo_loss(
        LossInputs(logp_BT=logp, advantages_B=inputs.advantages_B, mask_BT=inputs.mask_BT, **dirty), kl=0.1
    )
    out.loss.backward()
    assert (out.drift, out.ratio, out.kl, out.entropy) == pytest.approx(
        (clean.drift, clean.ratio, clean.kl, clean.entropy)
    )
    torch.testing.assert_close(out.loss, clean.loss)
    torch.testing.assert_close(logp.grad, expected)
    logp = logp.detach().requires_grad_()
    sft_loss(logp, inputs.mask_BT).backward()
    torch.testing.assert_close(logp.grad, -inputs.mask_BT.double() / sum(LENGTHS))


def test_no_token_to_learn_from_gives_zero_with_a_gradient():
    inputs = make_batch()
    nothing = LossInputs(
        logp_BT=inputs.logp_BT,
        old_logp_BT=inputs.old_logp_BT,
        advantages_B=inputs.advantages_B,
        mask_BT=torch.zeros_like(inputs.mask_BT),
    )
    for loss in (grpo_loss(nothing).loss, sft_loss(inputs.logp_BT, nothing.mask_BT)):
        inputs.logp_BT.grad = None
        loss.backward()
        assert loss.item() == 0.0 and not inputs.logp_BT.grad.any()


def test_on_policy_the_gradient_is_that_of_the_plain_policy_gradient():
    inputs = make_batch()
    on = LossInputs(
        logp_BT=inputs.logp_BT,
        old_logp_BT=inputs.logp_BT,  # Left attached on purpose: it must carry no gradient.
        advantages_B=inputs.advantages_B,
        mask_BT=inputs.mask_BT,
    )
    out = grpo_loss(on)
    out.loss.backward()
    expected = -inputs.advantages_B.unsqueeze(1) * inputs.mask_BT / sum(LENGTHS)
    torch.testing.assert_close(inputs.logp_BT.grad, expected)
    assert (out.ratio, out.drift, out.clip_high, out.clip_low) == (pytest.approx(1.0), 0.0, 0.0, 0.0)


def test_sft_loss_is_cross_entropy_of_the_completion():
    torch.manual_seed(0)
    logits = torch.randn(3, 6, 11, dtype=torch.float64)
    labels = torch.randint(0, 11, (3, 6))
    mask = torch.arange(6) >= torch.tensor([2, 5, 0]).unsqueeze(1)
    logp = logits.log_softmax(-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    expected = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), labels.masked_fill(~mask, -100).flatten()
    )
    torch.testing.assert_close(sft_loss(logp, mask), expected)
    parts = [sft_loss(logp[i : i + 1], mask[i : i + 1], n_tokens=int(mask.sum())) for i in range(3)]
    torch.testing.assert_close(sum(parts), expected)
