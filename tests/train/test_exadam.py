"""EXAdam: each step against its equations in NumPy, its state in checkpoints, and that it learns."""

import numpy as np
import pytest
import torch
from small import assert_same, make_sft, read_weights, sft_config

from gazal.train.exadam import EXAdam
from gazal.train.loop import train


def follow(start, gradients, rate, betas, eps, decay):
    """The published equations, number by number, in float64."""
    x, m, v = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for t, g in enumerate(gradients, 1):
        x = x - rate * decay * x
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        d1 = 1 + v / (v + eps) * betas[1] ** t
        d2 = 1 + m**2 / (m**2 + eps) * betas[0] ** t
        m_tilde, g_tilde = m / (1 - betas[0] ** t) * d1, g / (1 - betas[0] ** t) * d1
        v_tilde = v / (1 - betas[1] ** t) * d2
        x = x - rate * (m_tilde + g_tilde) / (np.sqrt(v_tilde) + eps)
    return x


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("eps", [1e-8, 0.3])
def test_its_steps_are_those_of_the_equations(decay, eps):
    dice = np.random.default_rng(0)
    start, gradients = dice.normal(size=(3, 4)), dice.normal(size=(7, 3, 4))
    gradients[2] = 0.0
    parameter = torch.nn.Parameter(torch.tensor(start))
    optimizer = EXAdam([parameter], lr=0.05, betas=(0.8, 0.95), eps=eps, weight_decay=decay)
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
    expected = follow(start, gradients, 0.05, (0.8, 0.95), eps, decay)
    np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-12)


def test_the_first_step_is_sixteen_times_adamws():
    moved = []
    for kind in (EXAdam, torch.optim.AdamW):
        parameter = torch.nn.Parameter(torch.zeros(3))
        parameter.grad = torch.tensor([0.2, -3.0, 1.0])
        kind([parameter], lr=1e-3, betas=(0.9, 0.999), weight_decay=0.0).step()
        moved.append(parameter.detach())
    torch.testing.assert_close(moved[0] / moved[1], torch.full((3,), 15.95), rtol=1e-3, atol=0)


def test_a_weight_without_a_gradient_stays():
    parameters = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    parameters[0].grad = torch.ones(2)
    optimizer = EXAdam(parameters, lr=0.1)
    optimizer.step()
    assert parameters[0].max() < 1 and torch.equal(parameters[1], torch.ones(2))
    assert not optimizer.state[parameters[1]]


def test_sft_learns_with_it_and_goes_on_as_if_never_stopped(tmp_path):
    config = sft_config(steps=8, optimizer="exadam", learning_rate=5e-3)
    whole = make_sft(config)
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    steps = list(train(whole, tmp_path / "whole", "mine"))
    assert steps[-1].metrics["loss"] < steps[0].metrics["loss"] - 0.1
    for step in train(make_sft(config), tmp_path / "cut", "mine"):
        if step.step == 5:
            break
    again = make_sft(config)
    assert [step.step for step in train(again, tmp_path / "cut", "mine")][-1] == 8
    assert_same(read_weights(whole), read_weights(again))
