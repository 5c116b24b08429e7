"""The fingerprint of what does not train: another for every change of it, the same for any other."""

import pytest
import torch
from tiny_models import make_model, stir

from gazal.config.adapter import AdapterConfig
from gazal.model.adapter import add_adapter
from gazal.model.fingerprint import fingerprint_frozen
from gazal.model.merge import merge_copy


def make_adapted(dtype=torch.float32, model=None):
    return add_adapter(make_model(dtype=dtype) if model is None else model, AdapterConfig(rank=4), seed=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_one_changed_number_is_seen_and_the_adapter_does_not_count(dtype):
    adapted = make_adapted(dtype)
    first = fingerprint_frozen(adapted)
    stir(adapted)
    assert fingerprint_frozen(adapted) == first == fingerprint_frozen(make_adapted(dtype))
    with torch.no_grad():
        adapted.get_base_model().model.layers[1].mlp.up_proj.base_layer.weight[3, 5] += 0.01
    assert fingerprint_frozen(adapted) != first


def test_an_adapter_that_was_merged_into_the_base_is_seen():
    adapted = make_adapted()
    stir(adapted)
    assert fingerprint_frozen(make_adapted(model=merge_copy(adapted))) != fingerprint_frozen(adapted)


def test_a_model_that_trains_whole_has_nothing_to_tell_apart():
    model = make_model()
    first = fingerprint_frozen(model)
    with torch.no_grad():
        model.model.norm.weight.add_(1)
    assert fingerprint_frozen(model) == first
