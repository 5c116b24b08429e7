"""Which weights Muon steps, and at what rate."""

import pytest
import torch
from torch import nn

from gazal.config.optim import OptimConfig
from gazal.train.optimizer import make_optimizers


def make_parameters() -> dict[str, nn.Parameter]:
    torch.manual_seed(0)
    shapes = {
        "model.embed_tokens.weight": (5, 4),
        "layers.0.q_proj.weight": (4, 4),
        "layers.0.norm.weight": (4,),
    }
    return {name: nn.Parameter(torch.randn(shape)) for name, shape in shapes.items()}


def find_steps(optimizer: str, share: float = 1.0) -> dict[str, torch.Tensor]:
    """How far each weight moves in one step."""
    parameters = make_parameters()
    optim = OptimConfig(steps=1, learning_rate=0.1, optimizer=optimizer, muon_share=share)
    before = {name: p.detach().clone() for name, p in parameters.items()}
    for made in make_optimizers(parameters, optim):
        for group in made.param_groups:
            group["lr"] = optim.learning_rate * group["share"]
        for p in (p for group in made.param_groups for p in group["params"]):
            p.grad = torch.full_like(p, 0.5)
        made.step()
    return {name: p.detach() - before[name] for name, p in parameters.items()}


def test_adamw_steps_all_weights_alike():
    assert all(torch.allclose(step, torch.tensor(-0.1)) for step in find_steps("adamw").values())


def test_muon_steps_matrices_only():
    adamw, muon = find_steps("adamw"), find_steps("muon")
    moved_otherwise = [name for name in adamw if not torch.allclose(adamw[name], muon[name])]
    assert moved_otherwise == ["layers.0.q_proj.weight"]


def test_the_share_scales_muon_alone():
    whole, third = find_steps("muon"), find_steps("muon", 0.3)
    for name in whole:
        scale = 0.3 if "q_proj" in name else 1.0
        assert torch.allclose(whole[name] * scale, third[name], atol=1e-4)


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "exadam"])
def test_every_weight_belongs_to_one_optimizer(optimizer):
    parameters = make_parameters()
    made = make_optimizers(parameters, OptimConfig(steps=1, learning_rate=0.1, optimizer=optimizer))
    held = [id(p) for one in made for group in one.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in parameters.values())
