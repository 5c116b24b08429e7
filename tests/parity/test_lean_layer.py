"""The last layer's MLP reads what is wanted only; what is wanted comes out as if it had read all."""

import pytest
import torch
from tiny_models import make_model, stir

from gazal.config.adapter import AdapterConfig
from gazal.model.adapter import add_adapter, list_trainable
from gazal.model.lean import spare_last_mlp

IDS = torch.randint(4, 250, (3, 12), generator=torch.Generator().manual_seed(5))
WANTED = torch.rand(IDS.shape, generator=torch.Generator().manual_seed(6)) < 0.4


def run(wanted, *, lean, checkpointing=False):
    """States that are wanted, gradients, and how many tokens the last MLP read."""
    adapted = add_adapter(make_model(), AdapterConfig(rank=4), seed=1)
    stir(adapted)
    plain, read = adapted.get_base_model(), []
    if checkpointing:
        plain.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    plain.train()
    plain.model.layers[-1].mlp.gate_proj.register_forward_pre_hook(
        lambda _, args: read.append(args[0].shape[:-1].numel())
    )
    if lean:
        with spare_last_mlp(plain, wanted):
            states = plain.model(input_ids=IDS, use_cache=False).last_hidden_state[wanted]
    else:
        states = plain.model(input_ids=IDS, use_cache=False).last_hidden_state[wanted]
    (states * torch.linspace(-1, 1, states.numel()).view_as(states)).sum().backward()
    return states.detach(), [p.grad for p in list_trainable(adapted).values()], read


def assert_near(gradients, others):
    for ours, other in zip(gradients, others, strict=True):
        assert other.norm() > 0 and (ours - other).norm() < 1e-4 * other.norm()


@pytest.mark.parametrize("wanted", [WANTED, torch.ones_like(WANTED)], ids=["some", "all"])
def test_wanted_states_and_all_gradients_are_the_same(wanted):
    states, gradients, read = run(wanted, lean=True)
    expected, others, read_all = run(wanted, lean=False)
    assert (read, read_all) == ([int(wanted.sum())], [IDS.numel()])
    torch.testing.assert_close(states, expected, rtol=1e-5, atol=1e-6)
    assert_near(gradients, others)


def test_under_gradient_checkpointing_the_layer_reads_all():
    _, gradients, read = run(WANTED, lean=True, checkpointing=True)
    _, others, _ = run(WANTED, lean=False)
    assert set(read) == {IDS.numel()} and len(read) == 2  # Once forward, once more backward.
    assert_near(gradients, others)


def test_nothing_wanted_and_other_kinds_of_layers_change_nothing():
    plain = make_model()
    with spare_last_mlp(plain, torch.zeros_like(WANTED)):
        none = plain.model(input_ids=IDS).last_hidden_state
    plain.model.layers[-1].mlp.gate = plain.model.layers[-1].mlp.gate_proj
    del plain.model.layers[-1].mlp.gate_proj
    with spare_last_mlp(plain, WANTED):
        assert not plain.model.layers[-1].mlp._forward_pre_hooks
    assert none.shape[:2] == IDS.shape and not plain.model.layers[0].mlp._forward_pre_hooks
