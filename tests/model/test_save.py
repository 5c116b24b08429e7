"""What is written loads elsewhere, holds no pickle, and is the same bytes for the same weights."""

import json

import pytest
import torch
from tiny_models import hash_weights, make_model, make_tokenizer, stir
from transformers import AutoModelForCausalLM, AutoTokenizer

from gazal.config.adapter import AdapterConfig
from gazal.model.adapter import add_adapter
from gazal.model.merge import merge_copy
from gazal.model.save import save_adapter, save_model


def make_adapted():
    adapted = add_adapter(make_model(), AdapterConfig(rank=4, alpha=6.0), seed=1)
    stir(adapted)
    return adapted


def test_an_adapter_is_two_files_with_its_settings(tmp_path):
    save_adapter(make_adapted(), tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    settings = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (settings["r"], settings["lora_alpha"]) == (4, 6.0)
    assert settings["use_dora"] and settings["use_rslora"] and settings["peft_type"] == "LORA"


def test_same_adapter_same_bytes(tmp_path):
    for n in ("1", "2"):
        save_adapter(make_adapted(), tmp_path / n)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    # PEFT writes the targets in the order of a set, which is another in each process.
    targets = json.loads((tmp_path / "1" / "adapter_config.json").read_text())["target_modules"]
    assert targets == sorted(targets) and len(targets) == 7


def test_saving_an_adapter_does_not_change_it(tmp_path):
    adapted = make_adapted()
    before = hash_weights(adapted)
    save_adapter(adapted, tmp_path / "a")
    save_adapter(adapted, tmp_path / "b")
    assert hash_weights(adapted) == before
    assert not adapted.peft_config["default"].inference_mode


def test_a_merged_model_loads_in_stock_transformers(tmp_path):
    merged = merge_copy(make_adapted())
    save_model(merged, make_tokenizer(), tmp_path)
    names = {file.name for file in tmp_path.iterdir()}
    assert {"config.json", "generation_config.json", "model.safetensors", "chat_template.jinja"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]
    model, report = AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert hash_weights(model) == hash_weights(merged)
    assert model.generation_config.eos_token_id == 258
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.chat_template == make_tokenizer().chat_template


def test_weights_can_be_rounded_on_the_way(tmp_path):
    save_model(make_model(), make_tokenizer(), tmp_path, "bfloat16")
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


def test_a_model_with_an_adapter_is_not_saved_as_plain(tmp_path):
    with pytest.raises(TypeError, match=r"Give it merge_copy\(model\)"):
        save_model(make_adapted(), make_tokenizer(), tmp_path)  # pyright: ignore[reportArgumentType]
