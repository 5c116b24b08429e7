"""Sizes and memory told without loading a model, held against models that are loaded."""

import json
import weakref
from typing import Any

import pytest
import torch
from tiny_models import make_model, make_tokenizer

from gazal.config.adapter import AdapterConfig
from gazal.config.model import ModelConfig
from gazal.engine import rows as engine_rows
from gazal.errors import ConfigError, DataError
from gazal.model import logprobs
from gazal.model.adapter import add_adapter, list_trainable
from gazal.model.memory import LOGITS_AT_ONCE, Build, Pass, weigh_activations, weigh_cache, weigh_layer
from gazal.model.place import check_tokenizer, check_weights
from gazal.model.save import save_model
from gazal.model.shape import PUBLISHED, Shape, count_adapter, count_parameters, list_linears, look_up

SIZES: dict[str, Any] = {
    "hidden_size": 96,
    "intermediate_size": 160,
    "num_attention_heads": 4,
    "head_dim": 32,
}


def save(folder, **changes):
    save_model(make_model(**changes), make_tokenizer(), folder)
    return ModelConfig(path=str(folder))


def shape_of(folder, **changes) -> Shape:
    known = look_up(save(folder, **changes))
    assert known.shape is not None
    return known.shape


@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_counted_exactly(tmp_path, tied):
    changes: dict[str, Any] = {"num_key_value_heads": 1, "num_hidden_layers": 3, **SIZES}
    shape = shape_of(tmp_path, tied=tied, **changes)
    assert count_parameters(shape) == make_model(tied=tied, **changes).num_parameters()
    assert shape.context == 256


@pytest.mark.parametrize(
    "name, n",
    [
        ("0.6B", 596_049_920),
        ("1.7B", 1_720_574_976),
        ("4B", 4_022_468_096),
        ("8B", 8_190_735_360),
        ("14B", 14_768_307_200),
        ("32B", 32_762_123_264),
    ],
)
def test_published_sizes_give_the_published_number_of_parameters(name, n):
    assert count_parameters(PUBLISHED[f"Qwen/Qwen3-{name}"]) == n


@pytest.mark.parametrize("dora", [True, False])
@pytest.mark.parametrize(
    "targets", ["all-linear", ("q_proj", "mlp.down_proj"), ("layers.1.self_attn.k_proj",)]
)
def test_adapter_parameters_are_counted_exactly(tmp_path, dora, targets):
    config = AdapterConfig(rank=5, dora=dora, targets=targets)
    adapted = add_adapter(make_model(**SIZES), config, 0)
    n = sum(parameter.numel() for parameter in list_trainable(adapted).values())
    assert count_adapter(shape_of(tmp_path, **SIZES), config) == n


def test_a_target_that_fits_nothing_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="'w_proj' is no linear layer"):
        count_adapter(shape_of(tmp_path), AdapterConfig(targets=("q_proj", "w_proj")))


class Held:
    """A tensor that the backward pass waits for."""

    def __init__(self, tensor):
        self.tensor = tensor


def measure_kept(adapter, dtype, packed, attention, layers):
    """Bytes that forward keeps for backward besides the weights, 3 rows of 64 tokens."""
    model = make_model(
        dtype=getattr(torch, dtype), num_hidden_layers=layers, attn_implementation=attention, **SIZES
    )
    model = add_adapter(model, adapter, 1) if adapter else model
    model.train()
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    held = []

    def keep(tensor):
        box = Held(tensor)
        held.append(weakref.ref(box))
        return box

    positions = torch.cat([torch.arange(30), torch.arange(34)]).repeat(3, 1) if packed else None
    rows = logprobs.TokenRows(
        input_ids_BL=torch.randint(0, 200, (3, 64)),
        chosen_BL=torch.zeros(3, 64, dtype=torch.bool),
        positions_BL=positions,
    )
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda box: box.tensor):
        every = torch.ones(3, 64, dtype=torch.bool)  # What is not wanted would need less.
        out = logprobs._run_backbone(logprobs.find_plain_model(model), rows, every)
    storages = [box.tensor.untyped_storage() for ref in held if (box := ref()) is not None]
    assert out.requires_grad
    return sum({s.data_ptr(): s.nbytes() for s in storages if s.data_ptr() not in weights}.values())


@pytest.mark.parametrize("attention, slack", [("sdpa", 0.02), ("eager", 0.07)])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "adapter",
    [
        AdapterConfig(rank=8),
        AdapterConfig(rank=8, dora=False),
        AdapterConfig(targets=("q_proj", "up_proj")),
        None,
    ],
    ids=["dora", "lora", "two targets", "all weights"],
)
def test_a_layer_keeps_what_is_estimated(tmp_path, adapter, dtype, packed, attention, slack):
    few, many = (measure_kept(adapter, dtype, packed, attention, layers) for layers in (1, 3))
    config = ModelConfig(dtype=dtype, attention=attention)
    build = Build(shape=shape_of(tmp_path, **SIZES), model=config, adapter=adapter)
    estimate = weigh_layer(build, Pass(rows=3, length=64, packed=packed))
    per_layer = (many - few) / 2
    if adapter and adapter.dora and dtype == "bfloat16":  # Besides: A and B in bfloat16.
        linears = list_linears(build.shape)
        leaves = linears if adapter.targets == "all-linear" else adapter.targets
        per_layer -= sum(2 * adapter.rank * sum(linears[leaf]) for leaf in leaves)
    assert estimate == pytest.approx(per_layer / (3 * 64), rel=slack)


def test_checkpointing_keeps_what_enters_each_layer():
    shape, work = PUBLISHED["Qwen/Qwen3-8B"], Pass(rows=2, length=100, packed=False)
    plain = Build(shape=shape, model=ModelConfig(dtype="bfloat16"), adapter=AdapterConfig())
    again = Build(
        shape=shape, model=ModelConfig(dtype="bfloat16", gradient_checkpointing=True), adapter=AdapterConfig()
    )
    layer = weigh_layer(plain, work)
    assert weigh_activations(plain, work) == 200 * 37 * layer
    assert weigh_activations(again, work) == 200 * (36 * 4096 * 2 + 2 * layer)


def test_the_cache_is_as_large_as_the_engines(tmp_path):
    """Less the columns that the engine adds ahead."""
    build = Build(shape=shape_of(tmp_path), model=ModelConfig(), adapter=None)
    layers = [(torch.zeros(2, 2, 40, 16), torch.zeros(2, 2, 40, 16)) for _ in range(2)]
    cache = engine_rows.RowCache(layers, torch.tensor([0, 0, 1, 1, 1]))
    kept = sum(buffer[:, :, : cache.length].numel() * 4 for buffer in cache.buffers)
    assert weigh_cache(build, 40, 5) == kept
    assert (
        weigh_cache(
            Build(shape=PUBLISHED["Qwen/Qwen3-8B"], model=ModelConfig(dtype="bfloat16"), adapter=None), 1, 1
        )
        == 147_456
    )


def test_as_many_logits_are_held_as_the_code_says():
    assert logprobs._CHUNK_ELEMENTS == LOGITS_AT_ONCE


def test_what_cannot_be_told_is_said(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    assert look_up(ModelConfig(path="nobody/own-model")).origin == "unknown until it is downloaded"
    assert not look_up(ModelConfig(path="Qwen/Qwen3-8B")).fetched
    config = save(tmp_path / "m")
    file = tmp_path / "m" / "config.json"
    settings = json.loads(file.read_text())
    file.write_text(json.dumps(settings | {"model_type": "gpt2"}))
    assert look_up(config).shape is None and "gpt2" in look_up(config).origin
    file.write_text(json.dumps({name: value for name, value in settings.items() if name != "hidden_size"}))
    with pytest.raises(DataError, match="does not say 'hidden_size'"):
        look_up(config)
    file.write_text("[]")
    with pytest.raises(DataError, match=r"is no model's config\.json"):
        look_up(config)


def test_a_checkpoint_in_the_hubs_cache_is_read(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    held = tmp_path / "models--nobody--own-model"
    save(held / "snapshots" / "abc")
    (held / "refs").mkdir()
    (held / "refs" / "main").write_text("abc")
    known = look_up(ModelConfig(path="nobody/own-model"))
    assert known.shape and known.shape.width == 48 and known.fetched
    (held / "snapshots" / "abc" / "model.safetensors").unlink()
    assert not look_up(ModelConfig(path="nobody/own-model")).fetched


def test_files_are_looked_for_without_loading(tmp_path):
    save(tmp_path)
    check_weights(tmp_path)
    check_tokenizer(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    with pytest.raises(DataError, match="no chat template"):
        check_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(DataError, match=r"has no tokenizer\.json"):
        check_tokenizer(tmp_path)
