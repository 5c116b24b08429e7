"""An adapted layer equals its formula, starts as the base, and its magnitudes learn."""

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tiny_models import make_model, stir

from gazal.config.adapter import AdapterConfig
from gazal.errors import ConfigError, DataError
from gazal.model.adapter import (
    add_adapter,
    find_magnitude,
    list_adapted_layers,
    list_trainable,
    load_adapter,
)
from gazal.model.save import save_adapter

DORA = AdapterConfig(rank=4, alpha=6.0)
LORA = AdapterConfig(rank=4, alpha=6.0, dora=False)
KINDS = pytest.mark.parametrize("config", [DORA, LORA], ids=["dora", "lora"])
IDS = torch.tensor([[5, 9, 200, 31, 7], [1, 2, 250, 4, 77]])


def logits_of(model):
    with torch.no_grad():
        return model(input_ids=IDS).logits.float()


@pytest.mark.parametrize("dora", [True, False])
@pytest.mark.parametrize("rank_stable", [True, False])
def test_a_layer_equals_its_formula(dora, rank_stable):
    config = AdapterConfig(rank=4, alpha=6.0, dora=dora, rank_stable=rank_stable)
    adapted = add_adapter(make_model(), config, seed=1)
    stir(adapted)
    scale = 6.0 / (4**0.5 if rank_stable else 4)
    x = torch.randn(3, 5, 80, generator=torch.Generator().manual_seed(3))
    checked = 0
    for name, layer in list_adapted_layers(adapted):
        if not name.endswith("down_proj"):
            continue
        weight = layer.get_base_layer().weight
        direction = weight + scale * layer.lora_B["default"].weight @ layer.lora_A["default"].weight
        assert (direction - weight).norm() > 0.05 * weight.norm(), "the adapter does nothing here"
        if dora:
            magnitude = layer.lora_magnitude_vector["default"].weight
            norm = direction.pow(2).sum(dim=1).sqrt()
            assert not torch.allclose(magnitude, norm, rtol=0.05)
            direction = direction * (magnitude / norm)[:, None]
        torch.testing.assert_close(layer(x), x @ direction.T, rtol=1e-5, atol=1e-5)
        checked += 1
    assert checked == 2


@KINDS
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_starts_as_the_base(config, dtype):
    expected = logits_of(make_model(dtype=dtype))
    adapted = add_adapter(make_model(dtype=dtype), config, seed=1)
    assert torch.equal(logits_of(adapted), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_magnitudes_start_at_the_norms_of_the_rows(dtype):
    adapted = add_adapter(make_model(dtype=dtype), DORA, seed=1)
    layers = dict(list_adapted_layers(adapted))
    assert len(layers) == 14
    for layer in layers.values():
        norm = layer.get_base_layer().weight.double().pow(2).sum(dim=1).sqrt().float()
        torch.testing.assert_close(find_magnitude(layer).detach(), norm, rtol=1e-6, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("learning_rate", [1e-2, 1e-6])
def test_every_magnitude_has_a_gradient_and_moves(dtype, learning_rate):
    """At 1e-6 a bfloat16 magnitude would stand still: half of its last digit is a thousand times that."""
    adapted = add_adapter(make_model(dtype=dtype), DORA, seed=1)
    optimizer = torch.optim.AdamW(list_trainable(adapted).values(), lr=learning_rate, weight_decay=0.0)
    magnitudes = [find_magnitude(layer) for _, layer in list_adapted_layers(adapted)]
    before = [magnitude.detach().clone() for magnitude in magnitudes]
    adapted(input_ids=IDS, labels=IDS).loss.backward()
    assert all(magnitude.grad.abs().sum() > 0 for magnitude in magnitudes)
    optimizer.step()
    for old, new in zip(before, magnitudes, strict=True):
        assert new.dtype == torch.float32
        assert (new != old).float().mean() > 0.4


@KINDS
def test_only_the_adapter_trains_and_it_is_float32(config):
    adapted = add_adapter(make_model(dtype=torch.bfloat16), config, seed=1)
    trainable = list_trainable(adapted)
    assert len(trainable) == 14 * (3 if config.dora else 2)
    assert all("lora_" in name and p.dtype == torch.float32 for name, p in trainable.items())
    frozen = [p for name, p in adapted.named_parameters() if name not in trainable]
    assert {p.dtype for p in frozen} == {torch.bfloat16}


def test_the_output_layer_stays_plain():
    for tied in (True, False):
        names = [name for name, _ in list_adapted_layers(add_adapter(make_model(tied=tied), DORA, seed=1))]
        assert not any("lm_head" in name for name in names)


def test_the_seed_decides_and_the_global_state_does_not():
    def start(seed, global_seed):
        torch.manual_seed(global_seed)
        adapted = add_adapter(make_model(), DORA, seed=seed)
        after = torch.rand(3)
        torch.manual_seed(global_seed)
        assert torch.equal(after, torch.rand(3)), "the global random state was moved"
        return {name: parameter.detach().clone() for name, parameter in list_trainable(adapted).items()}

    first, second, other = start(1, 100), start(1, 200), start(2, 100)
    assert all(torch.equal(first[name], second[name]) for name in first)
    starts_A = [name for name in first if "lora_A" in name]
    assert not any(torch.equal(first[name], other[name]) for name in starts_A)
    layers = [first[name] for name in starts_A if "k_proj" in name]
    assert not torch.equal(*layers), "two layers start alike"
    bound = 48**-0.5  # Kaiming's for a = sqrt(5): 1 / sqrt(inputs), as PEFT has it.
    assert 0.9 * bound < max(layer.abs().max() for layer in layers) <= bound


@pytest.mark.parametrize("target", ["q_porj", "lm_head", "embed_tokens", "mlp"])
def test_an_unknown_target_is_refused_with_the_layers_there_are(target):
    with pytest.raises(
        ConfigError, match=rf"adapter.targets: '{target}' .*down_proj, gate_proj, k_proj, o_proj"
    ):
        add_adapter(make_model(), AdapterConfig(targets=("q_proj", target)), seed=1)


def test_some_targets():
    adapted = add_adapter(
        make_model(), AdapterConfig(rank=2, targets=("q_proj", "layers.1.mlp.up_proj")), seed=1
    )
    assert [name for name, _ in list_adapted_layers(adapted)] == [
        "model.layers.0.self_attn.q_proj",
        "model.layers.1.self_attn.q_proj",
        "model.layers.1.mlp.up_proj",
    ]


def test_dropout_acts_in_training_only():
    adapted = add_adapter(make_model(), AdapterConfig(rank=4, dropout=0.5), seed=1)
    stir(adapted)
    adapted.train()
    assert not torch.equal(logits_of(adapted), logits_of(adapted))
    adapted.eval()
    assert torch.equal(logits_of(adapted), logits_of(adapted))


@KINDS
def test_the_folder_loads_in_stock_peft_with_equal_logits(config, tmp_path):
    adapted = add_adapter(make_model(), config, seed=1)
    base = logits_of(adapted)
    stir(adapted)
    expected = logits_of(adapted)
    assert not torch.allclose(expected, base, atol=0.1)
    save_adapter(adapted, tmp_path)
    stock = PeftModel.from_pretrained(make_model(), str(tmp_path))
    assert (logits_of(stock) - expected).norm() < 1e-5 * expected.norm()


@KINDS
def test_in_bfloat16_logits_are_as_near_to_the_truth_as_those_of_stock_peft(config, tmp_path):
    """The truth is the same weights in float32; both ways round, each at other places."""
    adapted = add_adapter(make_model(dtype=torch.bfloat16), config, seed=1)
    stir(adapted)
    save_adapter(adapted, tmp_path)
    stock = PeftModel.from_pretrained(make_model(dtype=torch.bfloat16), str(tmp_path))
    truth = logits_of(PeftModel.from_pretrained(make_model(dtype=torch.bfloat16).float(), str(tmp_path)))
    errors = [(logits_of(model) - truth).norm() / truth.norm() for model in (adapted, stock)]
    assert 0 < errors[0] < 1.2 * errors[1] < 0.05


@KINDS
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_saved_adapter_goes_on_where_it_was(config, dtype, tmp_path):
    adapted = add_adapter(make_model(dtype=dtype), config, seed=1)
    stir(adapted)
    save_adapter(adapted, tmp_path)
    state = torch.get_rng_state()
    again = load_adapter(make_model(dtype=dtype), tmp_path)
    assert torch.equal(state, torch.get_rng_state())
    expected = list_trainable(adapted)
    assert list(list_trainable(again)) == list(expected)
    assert all(torch.equal(parameter, expected[name]) for name, parameter in list_trainable(again).items())
    assert torch.equal(logits_of(again), logits_of(adapted))


@KINDS
def test_a_folder_that_stock_peft_wrote_is_read_with_equal_logits(config, tmp_path):
    settings = LoraConfig(
        r=4, lora_alpha=6, use_rslora=True, use_dora=config.dora, target_modules=["q_proj", "down_proj"]
    )
    stock = get_peft_model(make_model(), settings)
    stir(stock)
    stock.save_pretrained(tmp_path)
    ours = load_adapter(make_model(), tmp_path)
    expected = logits_of(stock.eval())
    assert (expected - logits_of(make_model())).abs().max() > 1
    torch.testing.assert_close(logits_of(ours.eval()), expected, rtol=1e-5, atol=1e-4)


def test_an_adapter_that_does_not_fit_is_refused(tmp_path):
    save_adapter(add_adapter(make_model(), DORA, seed=1), tmp_path)
    with pytest.raises(DataError, match="does not fit this model"):
        load_adapter(make_model(hidden_size=32), tmp_path)
    with pytest.raises(
        DataError, match=r"does not fit this model, the first weight that differs is .*layers\.2"
    ):
        load_adapter(make_model(num_hidden_layers=3), tmp_path)
    with pytest.raises(DataError, match="does not fit this model"):
        load_adapter(make_model(num_hidden_layers=1), tmp_path)


def test_a_folder_that_is_no_adapter_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"has no adapter_config\.json"):
        load_adapter(make_model(), tmp_path)
    save_adapter(add_adapter(make_model(), DORA, seed=1), tmp_path)
    weights = tmp_path / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"adapter_model\.safetensors: cannot be read"):
        load_adapter(make_model(), tmp_path)
    weights.rename(tmp_path / "adapter_model.bin")
    with pytest.raises(DataError, match="Pickled weights are not read"):
        load_adapter(make_model(), tmp_path)
