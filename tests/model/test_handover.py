"""Merged weights for other engines: whole groups of layers, in the base's dtype, the base untouched."""

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import hash_weights, make_model, stir

import gazal.model.handover
from gazal.config.adapter import AdapterConfig
from gazal.model.adapter import add_adapter
from gazal.model.handover import list_merged, save_merged
from gazal.model.merge import merge_copy


def adapt(targets, **changes):
    config = AdapterConfig.model_validate({"rank": 4, "alpha": 4, "targets": targets})
    adapted = add_adapter(make_model(**changes), config, 0)
    stir(adapted)
    return adapted


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_handed_over_turns_the_base_into_the_merged_model(dtype):
    adapted, plain = adapt("all-linear", dtype=dtype), make_model(dtype=dtype)
    before = hash_weights(adapted)
    weights = dict(list_merged(adapted))
    assert {weight.dtype for weight in weights.values()} == {dtype}
    assert not any("embed" in name or "norm" in name or "lm_head" in name for name in weights)
    missing, unknown = plain.load_state_dict(weights, strict=False)
    assert missing and not unknown
    assert hash_weights(plain) == hash_weights(merge_copy(adapted)) and hash_weights(adapted) == before


def test_neighbours_of_an_adapted_layer_and_biases_come_along():
    adapted = adapt(("v_proj",), attention_bias=True)
    weights = dict(list_merged(adapted))
    assert sorted(weights) == sorted(
        f"model.layers.{layer}.self_attn.{name}_proj.{part}"
        for layer in range(2)
        for name in "qkvo"
        for part in ("weight", "bias")
    )
    merged = merge_copy(adapted).state_dict()
    assert all(torch.equal(weight, merged[name]) for name, weight in weights.items())


def test_files_hold_the_same_and_none_grows_too_large(tmp_path, monkeypatch):
    adapted = adapt("all-linear")
    monkeypatch.setattr(gazal.model.handover, "FILE_BYTES", 40_000)
    save_merged(adapted, tmp_path)
    files = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(files) > 1 and all(file.stat().st_size < 42_000 for file in files)
    read = {name: weight for file in files for name, weight in load_file(file).items()}
    expected = dict(list_merged(adapted))
    assert read.keys() == expected.keys() and all(torch.equal(read[n], expected[n]) for n in expected)
