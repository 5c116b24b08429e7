"""DoRA and LoRA on bases in 8 and 4 bits by bitsandbytes: PEFT's values, its files, magnitudes that learn."""

import pytest
import torch
from safetensors.torch import load_file
from test_fast_layers import IDS, assert_near, slow_down
from tiny_models import hash_weights, make_model, stir
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from gazal.config.adapter import AdapterConfig
from gazal.config.model import ModelConfig
from gazal.model.adapter import add_adapter, find_magnitude, list_adapted_layers, list_trainable, load_adapter
from gazal.model.dense import is_packed, keep_packing
from gazal.model.dora import FactoredDora
from gazal.model.handover import list_merged
from gazal.model.load import load_model
from gazal.model.merge import merge_copy
from gazal.model.save import save_adapter

pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
from peft.utils.integrations import dequantize_module_weight

BITS = {
    "8 bits": BitsAndBytesConfig(load_in_8bit=True),
    "4 bits": BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32
    ),
}
SHAPE = {"hidden_size": 64, "intermediate_size": 128}
"""Multiples of 64, the block that 4-bit numbers share a scale in."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    make_model(**SHAPE, attention_bias=True).save_pretrained(folder)
    return folder


@pytest.fixture(params=BITS)
def load(request, folder):
    """Makes the quantised model anew; its weights stay as they are, whatever the CPU."""

    def make():
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, quantization_config=BITS[request.param], device_map="cpu"
        )
        keep_packing(model)
        return model

    return make


def differentiate(model, ids=IDS):
    model.train()
    out = model(input_ids=ids).logits
    weights = torch.linspace(-1, 1, out.numel()).view_as(out)
    (out.log_softmax(-1) * weights).sum().backward()
    found = {name: parameter.grad for name, parameter in list_trainable(model).items()}
    return {"output": out.detach(), **found}


def assert_alike(dense, packed, adapted):
    """In 8 bits a layer rounds what it reads, too; a dense copy does not."""
    in_8_bits = any(type(p).__name__ == "Int8Params" for p in adapted.parameters())
    assert (dense - packed).norm() < (0.03 if in_8_bits else 1e-5) * packed.norm()


@pytest.mark.parametrize("dora", [True, False])
def test_outputs_and_gradients_are_those_of_peft(load, dora):
    ours, theirs = (
        add_adapter(load(), AdapterConfig(rank=8, alpha=6.0, dora=dora), seed=1) for _ in range(2)
    )
    for adapted in (ours, theirs):
        stir(adapted)
    slow_down(theirs)
    found, expected = differentiate(ours), differentiate(theirs)
    assert len(found) == 1 + (42 if dora else 28)
    assert_near(found, expected)
    if dora:
        kinds = [type(layer.lora_variant["default"]) for _, layer in list_adapted_layers(ours)]
        assert kinds == [FactoredDora] * 14


def test_it_starts_as_the_base_with_magnitudes_of_its_dense_rows(load):
    with torch.no_grad():
        expected = load()(input_ids=IDS).logits
        adapted = add_adapter(load(), AdapterConfig(rank=4), seed=1)
        torch.testing.assert_close(adapted(input_ids=IDS).logits, expected, rtol=1e-5, atol=1e-5)
    for _, layer in list_adapted_layers(adapted):
        rows = dequantize_module_weight(layer.get_base_layer()).double()
        torch.testing.assert_close(find_magnitude(layer).double(), rows.norm(dim=1), rtol=1e-6, atol=0)


def test_every_magnitude_moves_and_the_base_does_not(load):
    adapted = add_adapter(load(), AdapterConfig(rank=4), seed=1)
    base = {name: p.detach().clone() for name, p in adapted.named_parameters() if not p.requires_grad}
    before = {name: p.detach().clone() for name, p in list_trainable(adapted).items()}
    optimizer = torch.optim.AdamW(list_trainable(adapted).values(), lr=1e-2)
    differentiate(adapted)
    optimizer.step()
    for name, parameter in list_trainable(adapted).items():
        assert parameter.dtype == torch.float32 and (
            "lora_A" in name or not torch.equal(parameter, before[name])
        )
    assert all(torch.equal(p, base[name]) for name, p in adapted.named_parameters() if name in base)


def test_the_merged_copy_is_dense_and_answers_as_the_adapted_model(load):
    adapted = add_adapter(load(), AdapterConfig(rank=4, alpha=6.0), seed=1)
    stir(adapted)
    before = hash_weights(adapted)
    merged = merge_copy(adapted)
    assert {p.dtype for p in merged.parameters()} == {torch.float32}
    assert not hasattr(merged.config, "quantization_config")
    with torch.no_grad():
        expected, found = (model(input_ids=IDS).logits for model in (adapted.eval(), merged))
    assert_alike(found, expected, adapted)
    assert hash_weights(adapted) == before
    handed = dict(list_merged(adapted))
    assert handed.keys() == {n for n in merged.state_dict() if "_proj." in n}
    assert all(torch.equal(weight, merged.get_parameter(name)) for name, weight in handed.items())
    assert merge_copy(adapted, merged) is merged


def test_files_are_plain_peft(load, tmp_path):
    adapted = add_adapter(load(), AdapterConfig(rank=4, alpha=6.0), seed=1)
    stir(adapted)
    save_adapter(adapted, tmp_path)
    assert {t.dtype for t in load_file(tmp_path / "adapter_model.safetensors").values()} == {torch.float32}
    again = load_adapter(load(), tmp_path)
    with torch.no_grad():
        assert torch.equal(adapted.eval()(input_ids=IDS).logits, again.eval()(input_ids=IDS).logits)


def test_layers_beside_the_adapted_ones_are_dense_in_the_copy(load):
    adapted = add_adapter(load(), AdapterConfig(rank=4, targets=("v_proj",)), seed=1)
    merged = merge_copy(adapted)
    with torch.no_grad():
        expected, found = (model(input_ids=IDS).logits for model in (load(), merged))
    assert_alike(found, expected, adapted)
    assert {p.dtype for p in merged.parameters()} == {torch.float32}


def test_a_folder_of_packed_weights_is_loaded_as_any_other(load, tmp_path):
    model = load()
    model.save_pretrained(tmp_path)
    again = load_model(ModelConfig(path=str(tmp_path)), torch.device("cpu"))
    assert any(is_packed(module) for module in again.modules())
    with torch.no_grad():
        assert torch.equal(again(input_ids=IDS).logits, model(input_ids=IDS).logits)
