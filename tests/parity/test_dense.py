"""The dense way through adapted layers gives PEFT's outputs and gradients, and steps aside where it must."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora.layer import Linear
from tiny_models import make_model, stir
from torch import nn

from gazal.config.adapter import AdapterConfig
from gazal.model.adapter import add_adapter, list_adapted_layers, list_trainable
from gazal.model.dense import DenseLinear, use_dense

IDS = torch.randint(4, 250, (4, 40), generator=torch.Generator().manual_seed(5))


def make_pair(**settings):
    """The same adapted model twice: as it is, and with PEFT's own layers."""
    config = AdapterConfig(rank=8, alpha=6.0, **settings)
    ours, theirs = (add_adapter(make_model(), config, seed=1) for _ in range(2))
    for adapted in (ours, theirs):
        stir(adapted)
    for _, layer in list_adapted_layers(theirs):
        assert type(layer) is DenseLinear
        layer.__class__ = Linear
    return ours, theirs


def count_dense(model, monkeypatch):
    """Run the model once; how many of its layers went the dense way."""
    calls = []
    model.train()
    pays = DenseLinear._pays
    monkeypatch.setattr(DenseLinear, "_pays", lambda self, x: calls.append(pays(self, x)) or calls[-1])
    model(input_ids=IDS)
    return sum(calls)


def gradients(model):
    model.train()
    out = model(input_ids=IDS).logits
    weights = torch.linspace(-1, 1, out.numel()).view_as(out)
    (out.log_softmax(-1) * weights).sum().backward()
    return out.detach(), {name: p.grad for name, p in list_trainable(model).items()}


@pytest.mark.parametrize("dora", [True, False])
@pytest.mark.parametrize("rank_stable", [True, False])
def test_outputs_and_gradients_are_those_of_peft(dora, rank_stable, monkeypatch):
    ours, theirs = make_pair(dora=dora, rank_stable=rank_stable)
    assert count_dense(ours, monkeypatch) > 0
    (out, grads), (expected, wanted) = gradients(ours), gradients(theirs)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
    assert grads.keys() == wanted.keys() and len(grads) == (42 if dora else 28)
    for name, grad in grads.items():
        assert wanted[name].norm() > 0, name
        torch.testing.assert_close(grad, wanted[name], rtol=1e-4, atol=1e-4 * wanted[name].abs().max().item())


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_with_a_bias_goes_the_way_of_peft(bias):
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Linear(24, 16, bias=bias))
    settings = LoraConfig(r=8, use_dora=True, target_modules=["0"], init_lora_weights=False)
    adapted = get_peft_model(inner, settings)
    x = torch.randn(300, 24)
    expected = adapted(x)
    use_dense(adapted)
    layer = adapted.train().base_model.model[0]
    assert type(layer) is DenseLinear and layer._is_plain(x) is not bias and layer._pays(x)
    torch.testing.assert_close(adapted(x), expected, rtol=1e-5, atol=1e-5)


def test_few_tokens_go_the_low_rank_way():
    adapted = get_peft_model(nn.Sequential(nn.Linear(512, 512)), LoraConfig(r=32, target_modules=["0"]))
    use_dense(adapted)
    layer = adapted.base_model.model[0]
    assert not layer._pays(torch.zeros(1, 1, 512))
    assert layer._pays(torch.zeros(64, 64, 512))


@pytest.mark.parametrize("way", ["dropout", "disabled", "bfloat16", "merged"])
def test_what_is_unusual_goes_the_way_of_peft(way):
    settings = {"dropout": 0.2} if way == "dropout" else {}
    ours, theirs = make_pair(**settings)
    for model in (ours, theirs):
        if way == "bfloat16":
            model.get_base_model().to(torch.bfloat16)
        if way == "merged":
            model.merge_adapter()
        model.train()
    seen = []
    for model in (ours, theirs):
        torch.manual_seed(3)
        if way == "disabled":
            with model.disable_adapter():
                seen.append(model(input_ids=IDS).logits)
        else:
            seen.append(model(input_ids=IDS).logits)
    assert torch.equal(*seen)
