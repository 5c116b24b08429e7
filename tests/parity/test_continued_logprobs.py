"""Completions that share a prompt read once have the log-probabilities and gradients of each on its own."""

import pytest
import torch
from tiny_models import make_model, stir

from gazal.config.adapter import AdapterConfig
from gazal.model.adapter import add_adapter, list_trainable
from gazal.model.continued import arrange, can_share, continued_logprobs
from gazal.model.logprobs import TokenRows, token_logprobs

DRAW = torch.Generator().manual_seed(7)
PROMPTS = [tuple(torch.randint(4, 250, (n,), generator=DRAW).tolist()) for n in (9, 1, 17)]
PAIRS = [
    (PROMPTS[p], tuple(torch.randint(4, 250, (n,), generator=DRAW).tolist()))
    for p, n in [(0, 6), (0, 1), (1, 11), (2, 4), (0, 6), (2, 9)]
]


def make_adapted(attention="sdpa", **settings):
    model = make_model(attn_implementation=attention, **settings)
    adapted = add_adapter(model, AdapterConfig(rank=4, alpha=6.0), seed=1)
    stir(adapted)
    return adapted.train()


def alone(model, prompt, completion):
    ids = torch.tensor([[*prompt, *completion]])
    chosen = torch.zeros_like(ids, dtype=torch.bool)
    chosen[:, len(prompt) :] = True
    return token_logprobs(model, TokenRows(input_ids_BL=ids, chosen_BL=chosen)).logprobs_N


def gradients(model, logprobs_N):
    weights = torch.linspace(-1, 2, len(logprobs_N))
    (logprobs_N * weights).sum().backward()
    found = {name: p.grad.clone() for name, p in list_trainable(model).items()}
    model.zero_grad()
    return found


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize(
    "pairs", [PAIRS, PAIRS[:2], PAIRS[1:2], PAIRS[2:3]], ids=["all", "two", "one", "long"]
)
def test_logprobs_and_gradients_are_those_of_each_alone(attention, pairs):
    model = make_adapted(attention)
    found = continued_logprobs(model, arrange(pairs, pad=0), chunk=5).logprobs_N
    expected = torch.cat([alone(model, *pair) for pair in pairs])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    ours, theirs = gradients(model, found), gradients(model, expected)
    for name, grad in theirs.items():
        assert (ours[name] - grad).norm() <= 2e-5 * grad.norm() + 1e-7, name


def test_padding_is_never_looked_at():
    model = make_adapted()
    with torch.no_grad():
        found = [continued_logprobs(model, arrange(PAIRS, pad=pad)).logprobs_N for pad in (0, 200)]
    assert torch.equal(*found)


def test_each_different_prompt_stands_there_once():
    rows = arrange(PAIRS, pad=0)
    assert rows.prompts_PL.shape == (3, 17) and rows.completions_RC.shape == (6, 11)
    assert rows.prompt_R.tolist() == [0, 0, 1, 2, 0, 2]
    assert rows.prompt_mask_PL.sum(1).tolist() == [9, 1, 17]
    assert rows.mask_RC.sum(1).tolist() == [6, 1, 11, 4, 6, 9]


def test_an_empty_prompt_is_refused():
    with pytest.raises(ValueError, match="a prompt is empty"):
        arrange([((), (3, 4))], pad=0)


def test_checkpointing_takes_the_other_way():
    model = make_adapted()
    assert can_share(model)
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    assert not can_share(model.train()) and can_share(model.eval())


def test_in_bfloat16_it_is_as_near_to_the_truth_as_each_alone():
    model = make_adapted(dtype=torch.bfloat16)
    truth = make_adapted(dtype=torch.bfloat16)
    truth.get_base_model().float()
    with torch.no_grad():
        wanted = torch.cat([alone(truth, *pair) for pair in PAIRS])
        found = continued_logprobs(model, arrange(PAIRS, pad=0)).logprobs_N
        single = torch.cat([alone(model, *pair) for pair in PAIRS])
    assert (found - wanted).norm() < 1.5 * (single - wanted).norm() + 1e-3


def test_completions_of_one_token_alone_go_through_the_layers_as_often_as_others():
    """Several sharded processes must make the same passes, whatever lengths each has."""
    model = make_adapted()
    pairs, passes = [(PROMPTS[0], (5,)), (PROMPTS[2], (9,))], []
    hook = model.get_base_model().model.register_forward_hook(lambda *_: passes.append(1))
    found = continued_logprobs(model, arrange(pairs, 0)).logprobs_N
    hook.remove()
    assert len(passes) == 2
    torch.testing.assert_close(found, torch.cat([alone(model, *pair) for pair in pairs]), atol=1e-5, rtol=0)
