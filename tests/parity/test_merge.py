"""The merged copy answers as the adapted model does, and nothing else changes."""

import pytest
import torch
from tiny_models import hash_weights, make_model, make_tokenizer, stir

from gazal.config.adapter import AdapterConfig
from gazal.engine.local import LocalEngine
from gazal.model.adapter import add_adapter, list_trainable
from gazal.model.merge import merge_copy

DORA = AdapterConfig(rank=4, alpha=6.0)
LORA = AdapterConfig(rank=4, alpha=6.0, dora=False)
KINDS = pytest.mark.parametrize("config", [DORA, LORA], ids=["dora", "lora"])
LENGTHS = (3, 9, 6)


def ragged():
    """Rows of different lengths, padded on the left."""
    ids = torch.randint(0, 250, (3, 9), generator=torch.Generator().manual_seed(5))
    mask = torch.stack([torch.arange(9) >= 9 - n for n in LENGTHS]).long()
    return ids.masked_fill(mask == 0, 256), mask


def logits_of(model):
    ids, mask = ragged()
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask, position_ids=positions).logits[mask.bool()].float()


def make_adapted(config=DORA, **changes):
    adapted = add_adapter(make_model(**changes), config, seed=1)
    stir(adapted)
    return adapted


@KINDS
@pytest.mark.parametrize("tied", [True, False])
def test_merged_equals_adapted(config, tied):
    adapted = make_adapted(config, tied=tied)
    merged = merge_copy(adapted)
    expected = logits_of(adapted)
    assert (expected - logits_of(make_model(tied=tied))).abs().max() > 1, "the adapter does nothing here"
    torch.testing.assert_close(logits_of(merged), expected, rtol=1e-4, atol=1e-4)


def test_merged_equals_peft_merging_in_place():
    adapted = make_adapted()
    merged = merge_copy(adapted)
    theirs = adapted.merge_and_unload()
    assert [name for name, _ in merged.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    for ours, other in zip(merged.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(ours, other, rtol=1e-5, atol=1e-6)


def test_a_bfloat16_base_is_merged_in_float32_and_rounded_once():
    adapted = make_adapted(dtype=torch.bfloat16)
    merged = merge_copy(adapted)
    assert {p.dtype for p in merged.parameters()} == {torch.bfloat16}
    layer = adapted.get_base_model().model.layers[1].mlp.up_proj
    weight = layer.base_layer.weight.double()
    weight = weight + 3.0 * layer.lora_B["default"].weight.double() @ layer.lora_A["default"].weight.double()
    magnitude = layer.lora_magnitude_vector["default"].weight.double()
    weight = weight * (magnitude / weight.norm(dim=1))[:, None]
    error = (merged.model.layers[1].mlp.up_proj.weight.double() - weight).abs() / weight.abs()
    assert error.max() <= 2**-8


@KINDS
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_base_and_adapter_stay_as_they_are(config, dtype):
    adapted = make_adapted(config, dtype=dtype)
    before, answers = hash_weights(adapted), logits_of(adapted)
    merged = merge_copy(adapted)
    merge_copy(adapted, into=merged)
    with torch.no_grad():
        for parameter in merged.parameters():
            parameter.zero_()
    assert hash_weights(adapted) == before
    assert torch.equal(logits_of(adapted), answers)
    assert all(parameter.requires_grad for parameter in list_trainable(adapted).values())


def move(adapted, trained, step):
    """Another adapter at each step, the first one again at the last."""
    with torch.no_grad():
        for name, parameter in list_trainable(adapted).items():
            parameter.copy_(trained[name] * (1.0 + 0.1 * (step % 8)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_thousand_hand_overs_leave_the_base_as_it_was_and_do_not_drift(dtype):
    adapted = make_adapted(dtype=dtype)
    engine = LocalEngine(merge_copy(adapted), make_tokenizer(), name="policy")
    first, places = hash_weights(engine.model), [p.data_ptr() for p in engine.model.parameters()]
    trained = {name: p.detach().clone() for name, p in list_trainable(adapted).items()}
    before, seen = hash_weights(adapted), set()
    for step in range(1, 1001):
        move(adapted, trained, step)
        engine.renew(adapted)
        if step <= 8:
            seen.add(hash_weights(engine.model))
    assert len(seen) == 8, "the hand-overs changed nothing, so this shows nothing"
    assert hash_weights(adapted) == before
    assert hash_weights(engine.model) == first == hash_weights(merge_copy(adapted))
    assert [p.data_ptr() for p in engine.model.parameters()] == places


def test_merging_in_place_a_hundred_times_does_change_a_bfloat16_base():
    """What the thousand hand-overs are spared: PEFT's merge and unmerge round the base each time."""
    adapted = make_adapted(dtype=torch.bfloat16)
    weight = adapted.get_base_model().model.layers[1].mlp.up_proj.base_layer.weight
    trained, before = (
        {name: p.detach().clone() for name, p in list_trainable(adapted).items()},
        weight.clone(),
    )
    for step in range(1, 101):
        move(adapted, trained, step)
        adapted.merge_adapter()
        adapted.unmerge_adapter()
    assert (weight != before).float().mean() > 0.05


def test_the_copy_is_a_plain_model():
    adapted = make_adapted()
    adapted.get_base_model().generation_config.temperature = 0.7
    adapted.train()
    merged = merge_copy(adapted)
    assert type(merged) is type(make_model())
    assert list(merged.state_dict()) == list(make_model().state_dict())
    assert not merged.training and adapted.training
    assert not any(parameter.requires_grad for parameter in merged.parameters())
    assert merged.lm_head.weight is merged.model.embed_tokens.weight
    assert merged.generation_config.temperature == 0.7
    assert merged.config._attn_implementation == "sdpa"
    base = {p.data_ptr() for p in adapted.get_base_model().parameters()}
    assert base.isdisjoint(p.data_ptr() for p in merged.parameters())


def test_the_copy_of_a_checkpointing_model_generates_with_a_cache():
    base = make_model()
    base.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    adapted = add_adapter(base, DORA, seed=1)
    stir(adapted)
    merged = merge_copy(adapted.train())
    assert not merged.is_gradient_checkpointing
    ids, mask = ragged()
    out = merged.generate(ids, attention_mask=mask, max_new_tokens=3, do_sample=False)
    adapted.eval()
    want = adapted.generate(input_ids=ids, attention_mask=mask, max_new_tokens=3, do_sample=False)
    assert torch.equal(out, want)


def test_a_copy_of_something_else_is_refused():
    adapted = make_adapted()
    with pytest.raises(ValueError, match="is no copy of the base's layer"):
        merge_copy(adapted, into=make_model(num_hidden_layers=1))
    with pytest.raises(ValueError, match="is no copy of the base's layer"):
        merge_copy(adapted, into=make_model(intermediate_size=64))
    with pytest.raises(ValueError, match="is no copy of the base's layer"):
        merge_copy(adapted, into=adapted.get_base_model())


def test_a_model_merged_in_place_by_peft_is_refused():
    adapted = make_adapted()
    adapted.merge_adapter()
    with pytest.raises(ValueError, match="merged this layer in place"):
        merge_copy(adapted)
