"""Fast adapted layers give PEFT's outputs and gradients, work norms out when they must, and step aside."""

import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora.layer import Linear
from peft.tuners.lora.variants import DoraLinearVariant
from tiny_models import make_model, stir
from torch import nn
from torch.utils.checkpoint import checkpoint

from gazal.config.adapter import AdapterConfig
from gazal.model import linear, norms
from gazal.model.adapter import add_adapter, list_adapted_layers, list_trainable
from gazal.model.dora import FactoredDora
from gazal.model.linear import BlockLinear, use_fast

IDS = torch.randint(4, 250, (4, 40), generator=torch.Generator().manual_seed(5))
FEW, MANY = 3, 400
"""Tokens: fewer than inputs and outputs of the layers here, and more."""


def slow_down(adapted):
    """Give every layer PEFT's own code back."""
    for module in adapted.modules():
        if type(module) is BlockLinear:
            module.__class__ = Linear
        if hasattr(module, "lora_variant"):
            module.cast_input_dtype_enabled = True
            for name in module.lora_variant:
                module.lora_variant[name] = DoraLinearVariant()


def make_pair(**settings):
    """The same adapted model twice: ours, and with PEFT's own layers."""
    config = AdapterConfig(rank=8, alpha=6.0, **settings)
    ours, theirs = (add_adapter(make_model(), config, seed=1) for _ in range(2))
    for adapted in (ours, theirs):
        stir(adapted)
    slow_down(theirs)
    return ours, theirs


def make_layer(inputs=80, outputs=300, *, bias=False, dora=True, rank=70, dtype=torch.float32, seed=0):
    """One layer as PEFT adapts it, with a rank above one block of the Gram matrix, far from its start."""
    torch.manual_seed(seed)
    settings = LoraConfig(r=rank, lora_alpha=30, use_rslora=True, use_dora=dora, target_modules=["0"])
    adapted = get_peft_model(nn.Sequential(nn.Linear(inputs, outputs, bias=bias)).to(dtype), settings)
    stir(adapted)
    return adapted


def differentiate(model, x):
    """Output, and gradients of input and of everything that trains."""
    x = x.clone().requires_grad_()
    y = model(x)
    weights = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).view_as(y).to(y.dtype)
    (y * weights).sum().backward()
    found = {name: parameter.grad for name, parameter in list_trainable(model).items()}
    model.zero_grad()
    return {"output": y.detach(), "input": x.grad, **found}


def assert_near(ours, theirs, limit=1e-5):
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        assert expected.norm() > 0, name
        assert (ours[name] - expected).norm() <= limit * expected.norm(), name


@pytest.mark.parametrize("dora", [True, False])
@pytest.mark.parametrize("rank_stable", [True, False])
def test_a_model_gives_the_outputs_and_gradients_of_peft(dora, rank_stable):
    ours, theirs = make_pair(dora=dora, rank_stable=rank_stable)
    seen = []
    for model in (ours, theirs):
        model.train()
        out = model(input_ids=IDS).logits
        weights = torch.linspace(-1, 1, out.numel()).view_as(out)
        (out.log_softmax(-1) * weights).sum().backward()
        grads = {name: p.grad for name, p in list_trainable(model).items()}
        assert len(grads) == (42 if dora else 28)
        seen.append({"output": out.detach(), **grads})
    assert_near(*seen)


@pytest.mark.parametrize("n", [FEW, MANY])
@pytest.mark.parametrize("dora", [True, False])
def test_each_way_through_a_layer_gives_what_peft_gives(n, dora):
    ours, theirs = make_layer(dora=dora), make_layer(dora=dora)
    use_fast(ours)
    assert type(ours.base_model.model[0]) is BlockLinear
    x = torch.randn(2, n, 80)
    expected = differentiate(theirs, x)
    for _ in range(2):  # First the norms are unknown, then they are known.
        assert_near(differentiate(ours, x), expected)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rank", [5, 64, 130])
def test_the_factored_way_gives_what_peft_gives(bias, rank):
    ours, theirs = make_layer(bias=bias, rank=rank), make_layer(bias=bias, rank=rank)
    use_fast(ours)
    ours.base_model.model[0].__class__ = Linear  # Which leaves it to the variant.
    x = torch.randn(2, FEW, 80)
    assert_near(differentiate(ours, x), differentiate(theirs, x))


@pytest.mark.parametrize("way", [BlockLinear, Linear])
def test_a_magnitude_of_zero_learns(way):
    ours, theirs = make_layer(), make_layer()
    use_fast(ours)
    ours.base_model.model[0].__class__ = way
    for model in (ours, theirs):
        with torch.no_grad():
            model.base_model.model[0].lora_magnitude_vector["default"].weight[7] = 0.0
    x = torch.randn(MANY, 80)
    assert_near(differentiate(ours, x), differentiate(theirs, x))


def test_norms_are_worked_out_once_until_something_changes(monkeypatch):
    model = make_layer()
    use_fast(model)
    layer = model.base_model.model[0]
    built = []
    real = linear._build_blocks
    monkeypatch.setattr(linear, "_build_blocks", lambda *a: built.append(1) or real(*a))
    x = torch.randn(FEW, 80)

    def count():
        before = len(built)
        y = model(x)
        expected = copy.deepcopy(model)
        slow_down(expected)
        assert (y - expected(x)).norm() <= 1e-5 * y.norm()
        return len(built) - before

    assert [count(), count()] == [1, 0]
    with torch.no_grad():
        layer.lora_A["default"].weight.mul_(1.5)
    assert [count(), count()] == [1, 0]
    with torch.no_grad():
        layer.get_base_layer().weight.mul_(0.5)
    assert [count(), count()] == [1, 0]
    model.load_state_dict(make_layer(seed=3).state_dict())
    assert [count(), count()] == [1, 0]
    with torch.no_grad():
        layer.lora_magnitude_vector["default"].weight.mul_(1.5)
    assert count() == 0


class Hidden(torch.optim.Optimizer):
    """Writes to `.data`, as some optimisers do, which torch counts as no change."""

    def __init__(self, parameters):
        super().__init__(parameters, {})

    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data.mul_(1.3)


@pytest.mark.parametrize("way", [BlockLinear, Linear])
@pytest.mark.parametrize("make", [Hidden, torch.optim.AdamW, lambda p: torch.optim.AdamW(p, fused=True)])
def test_an_optimisers_step_is_noticed(way, make):
    model = make_layer()
    use_fast(model)
    model.base_model.model[0].__class__ = way
    optimizer = make(list(list_trainable(model).values()))
    x = torch.randn(FEW, 80)
    model(x).square().sum().backward()
    optimizer.step()
    after = model(x)
    slow_down(model)
    assert (after - model(x)).norm() <= 1e-5 * after.norm()


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("n", [FEW, MANY])
def test_checkpointing_changes_nothing(n, reentrant):
    x = torch.randn(n, 80)
    found = []
    for again in (False, True):
        model = make_layer()
        use_fast(model)

        class Again(nn.Module):
            def __init__(self, inner):
                super().__init__()
                self.inner = inner

            def forward(self, x):
                return checkpoint(self.inner, x, use_reentrant=reentrant)

        found.append(list(differentiate(Again(model) if again else model, x).values()))
    for ours, expected in zip(*found, strict=True):
        assert (ours - expected).norm() <= 1e-6 * expected.norm()


def test_no_dense_product_of_the_factors_is_made(monkeypatch):
    """The rows of V that are there at a time are BLOCK; norms alone need none."""
    largest = []
    real = torch.addmm
    monkeypatch.setattr(torch, "addmm", lambda *a, **k: largest.append(len(a[0])) or real(*a, **k))
    model = make_layer(inputs=32, outputs=3 * linear.BLOCK + 5, rank=4)
    use_fast(model)
    differentiate(model, torch.randn(800, 32))
    assert max(largest) == linear.BLOCK and sum(largest) == 2 * (3 * linear.BLOCK + 5)


def test_answers_are_the_same_bits_each_time():
    model = make_layer()
    use_fast(model)
    x = torch.randn(FEW, 80)
    with torch.no_grad():
        first = model(x)
        assert torch.equal(model(x), first)


@pytest.mark.parametrize("way", ["dropout", "disabled", "merged", "bias of LoRA"])
def test_what_is_unusual_goes_the_way_of_peft(way):
    settings = {"dropout": 0.2} if way == "dropout" else {"dora": False} if way == "bias of LoRA" else {}
    ours, theirs = make_pair(**settings)
    for model in (ours, theirs):
        if way == "merged":
            model.merge_adapter()
        if way == "bias of LoRA":
            for _, layer in list_adapted_layers(model):
                bias = torch.ones(layer.out_features)
                layer.get_base_layer().bias = nn.Parameter(bias, requires_grad=False)
        model.train()
    seen = []
    for model in (ours, theirs):
        torch.manual_seed(3)
        if way == "disabled":
            with model.disable_adapter():
                seen.append(model(input_ids=IDS).logits)
        else:
            seen.append(model(input_ids=IDS).logits)
    assert torch.equal(*seen) if way != "merged" else torch.allclose(*seen, atol=1e-4)


def test_embeddings_and_convolutions_keep_the_dora_of_peft():
    inner = nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 6))
    adapted = get_peft_model(inner, LoraConfig(r=2, use_dora=True, target_modules=["0", "1"]))
    use_fast(adapted)
    kinds = [type(layer.lora_variant["default"]) for layer in adapted.base_model.model]
    assert kinds[0] is not FactoredDora and kinds[1] is FactoredDora
    assert adapted(torch.tensor([[1, 2]])).shape == (1, 2, 6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_norms_are_those_of_the_weights_in_use(dtype):
    model = make_layer(inputs=160, outputs=90, dtype=dtype)
    use_fast(model)
    layer = model.base_model.model[0]
    weight_A, weight_B = (f["default"].weight.to(dtype).double() for f in (layer.lora_A, layer.lora_B))
    whole = layer.get_base_layer().weight.double() + layer.scaling["default"] * weight_B @ weight_A
    found = norms.KeptNorms().find(layer, "default", dtype)
    assert found.dtype == torch.float32
    assert (found - whole.norm(dim=1)).norm() < (1e-6 if dtype == torch.float32 else 1e-3) * whole.norm()
