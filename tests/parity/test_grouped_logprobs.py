"""A prompt and its completions in one row give what each completion gives in a row of its own."""

import shutil

import pytest
import torch
from tiny_models import make_model, stir

from gazal.config.adapter import AdapterConfig
from gazal.model.adapter import add_adapter, list_trainable
from gazal.model.continued import arrange
from gazal.model.grouped import BLOCK, group, grouped_logprobs, has_flex, make_mask
from gazal.model.logprobs import token_logprobs
from gazal.train.batch import Tokens, collate

RNG = torch.Generator().manual_seed(3)
PROMPTS = [tuple(torch.randint(4, 250, (n,), generator=RNG).tolist()) for n in (5, 23, 11)]
PAIRS = [
    (PROMPTS[p], tuple(torch.randint(4, 250, (n,), generator=RNG).tolist()))
    for p, n in [(1, 9), (0, 1), (1, 30), (2, 4), (0, 17), (1, 0), (1, 2)]
]
ROWS = arrange(PAIRS, 256)


def adapt(**changes):
    adapted = add_adapter(make_model(**changes), AdapterConfig(rank=4), seed=1)
    stir(adapted)
    return adapted


def differentiate(model, logprobs_N):
    (logprobs_N * torch.linspace(-1, 1, len(logprobs_N))).sum().backward()
    return {"logprobs": logprobs_N.detach(), **{n: p.grad for n, p in list_trainable(model).items()}}


@pytest.mark.parametrize("checkpointing", [False, True])
def test_values_and_gradients_are_those_of_separate_rows(checkpointing):
    found = []
    for grouped in (True, False):
        model = adapt()
        if checkpointing:
            model.get_base_model().gradient_checkpointing_enable({"use_reentrant": False})
        model.train()
        rows = collate([[Tokens(prompt=p, completion=c)] for p, c in PAIRS], 256)
        out = grouped_logprobs(model, ROWS) if grouped else token_logprobs(model, rows)
        found.append(differentiate(model, out.logprobs_N))
    ours, expected = found
    assert len(ours["logprobs"]) == sum(len(completion) for _, completion in PAIRS)
    for name, value in expected.items():
        assert value.norm() > 0 and (ours[name] - value).norm() <= 2e-5 * value.norm(), name


def test_a_completion_sees_its_prompt_and_itself():
    grouped = group(ROWS)
    assert grouped.input_ids_PL.shape == (3, BLOCK)
    mask_PLL = make_mask(grouped.part_PL, flex=False).squeeze(1)
    for p in range(3):
        part = grouped.part_PL[p].tolist()
        for query in range(BLOCK):
            seen = {key for key in range(BLOCK) if mask_PLL[p, query, key]}
            assert seen == {k for k in range(query + 1) if part[k] in (0, part[query])}


@pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler, with which torch builds FlexAttention")
def test_flex_attention_gives_what_the_dense_mask_gives():
    """Forward alone: torch's FlexAttention has no backward pass on a CPU."""
    flex, dense = adapt(attn_implementation="flex_attention"), adapt()
    assert has_flex(flex) and not has_flex(dense)
    with torch.no_grad():
        ours, expected = (grouped_logprobs(model, ROWS).logprobs_N for model in (flex, dense))
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)


def test_blocks_between_completions_are_not_computed():
    pairs = [(PROMPTS[0] * 26, (7,) * 256) for _ in range(6)]  # 130 tokens, then six times two blocks.
    part_PL = group(arrange(pairs, 256)).part_PL
    mask = make_mask(part_PL, flex=True)
    dense = make_mask(part_PL, flex=False)[0, 0]
    blocks = dense.view(dense.shape[0] // BLOCK, BLOCK, -1, BLOCK).any(3).any(1)
    assert mask.sparsity() == pytest.approx(100 * (1 - blocks.float().mean().item()), abs=0.01)
    assert mask.sparsity() > 55
