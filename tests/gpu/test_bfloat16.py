"""Fast DoRA and log-probabilities on the device, in float32 and bfloat16, against float32 and PEFT."""

import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tiny_models import make_model, stir
from torch import nn

from gazal.config.adapter import AdapterConfig
from gazal.model.adapter import add_adapter, list_trainable
from gazal.model.continued import arrange
from gazal.model.grouped import grouped_logprobs
from gazal.model.linear import use_fast
from gazal.model.logprobs import TokenRows, token_logprobs

WIDTH, OUTPUTS, RANK, TOKENS = 512, 1024, 64, 256


def make_layer(dtype, device):
    """One layer by PEFT alone, far from its start; the adapter and the magnitudes are float32."""
    torch.manual_seed(0)
    settings = LoraConfig(r=RANK, lora_alpha=RANK, use_rslora=True, use_dora=True, target_modules=["0"])
    adapted = get_peft_model(nn.Sequential(nn.Linear(WIDTH, OUTPUTS, bias=False)), settings)
    stir(adapted, 0.05)
    # The same numbers in every dtype: what bfloat16 cannot hold is rounded away first.
    base = adapted.get_base_model()[0].base_layer
    base.weight.data = base.weight.data.bfloat16().to(dtype)
    return adapted.to(device)


def differentiate(adapted, dtype, device):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(TOKENS, WIDTH, generator=generator).bfloat16().to(device, dtype).requires_grad_()
    grad = torch.randn(TOKENS, OUTPUTS, generator=generator).bfloat16().to(device, dtype)
    y = adapted(x)
    y.backward(grad)
    found = {name: p.grad.float().cpu() for name, p in list_trainable(adapted).items()}
    return {"output": y.detach().float().cpu(), "input": x.grad.float().cpu(), **found}


def find_errors(found, exact):
    return {name: float((found[name] - exact[name]).norm() / exact[name].norm()) for name in exact}


def test_float32_on_the_device_is_pefts(device):
    theirs, ours = (make_layer(torch.float32, device) for _ in range(2))
    use_fast(ours)
    errors = find_errors(*(differentiate(layer, torch.float32, device) for layer in (ours, theirs)))
    assert max(errors.values()) <= 1e-5, errors


def test_bfloat16_is_near_float32(device):
    """PEFT computes A and B in float32 there, at float32's speed; ours in bfloat16, as the base."""
    exact = differentiate(make_layer(torch.float32, "cpu"), torch.float32, "cpu")
    theirs, ours = (make_layer(torch.bfloat16, device) for _ in range(2))
    use_fast(ours)
    errors, others = (
        find_errors(differentiate(layer, torch.bfloat16, device), exact) for layer in (ours, theirs)
    )
    for name, error in errors.items():
        print(f"{name}: ours {error:.1e}, PEFT's {others[name]:.1e}")
        assert error < 2**-7, name  # bfloat16 has 8 bits.
    assert errors["output"] < 2 * others["output"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_log_probabilities_are_those_of_the_cpu(device, dtype):
    adapted = add_adapter(make_model(dtype=dtype), AdapterConfig(rank=4), seed=1)
    stir(adapted)
    ids = torch.randint(0, 250, (3, 20), generator=torch.Generator().manual_seed(3))
    chosen = torch.ones_like(ids, dtype=torch.bool)
    chosen[:, 0] = False
    with torch.no_grad():
        exact = token_logprobs(
            copy.deepcopy(adapted).float(), TokenRows(input_ids_BL=ids, chosen_BL=chosen)
        ).logprobs_N
        rows = TokenRows(input_ids_BL=ids.to(device), chosen_BL=chosen.to(device))
        found = token_logprobs(adapted.to(device), rows).logprobs_N.cpu()
    tolerance = 1e-4 if dtype == torch.float32 else 0.2
    torch.testing.assert_close(found, exact, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_flex_attention_learns_what_the_dense_mask_does(device, checkpointing):
    if device == "cpu":
        pytest.skip("FlexAttention has no backward pass on a CPU")
    ids = torch.randint(0, 250, (5, 300), generator=torch.Generator().manual_seed(3)).tolist()
    pairs = [(ids[0][:40], row[:n]) for row, n in zip(ids, (9, 300, 130, 1, 64), strict=True)]
    found = []
    for attention in ("flex_attention", "sdpa"):
        plain = make_model(attn_implementation=attention, max_position_embeddings=400)
        adapted = add_adapter(plain, AdapterConfig(rank=4), seed=1)
        stir(adapted)
        if checkpointing:
            plain.gradient_checkpointing_enable({"use_reentrant": False})
        adapted.to(device).train()
        logp_N = grouped_logprobs(adapted, arrange(pairs, 256).to(device)).logprobs_N
        (logp_N * torch.linspace(-1, 1, len(logp_N), device=device)).sum().backward()
        grads = {name: p.grad.cpu() for name, p in list_trainable(adapted).items()}
        found.append({"logprobs": logp_N.detach().cpu(), **grads})
    errors = find_errors(*found)
    assert max(errors.values()) <= 1e-3, errors
