"""Log-probabilities of packed rows equal those of each example alone, and nothing crosses between them."""

import pytest
import torch
from tiny_models import make_model, stir

from gazal.config.adapter import AdapterConfig
from gazal.errors import ConfigError
from gazal.model.adapter import add_adapter, list_trainable
from gazal.model.logprobs import TokenRows, token_logprobs

LENGTHS = ((5, 9, 3), (11, 2, 7), (17,))
"""Lengths of the examples in each packed row; the rest of a row is padding."""
WIDTH = 23
MODELS = pytest.mark.parametrize("attention", ["sdpa", "eager"])


def make_adapted(attention="sdpa", **changes):
    adapted = add_adapter(make_model(attn_implementation=attention, **changes), AdapterConfig(rank=4), seed=1)
    stir(adapted)
    return adapted


def make_examples():
    generator = torch.Generator().manual_seed(5)
    return [[torch.randint(0, 250, (n,), generator=generator) for n in row] for row in LENGTHS]


def pack(examples):
    """Rows of examples after one another; of each example the tokens from its second on are chosen."""
    ids = torch.full((len(examples), WIDTH), 256)
    positions, chosen = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
    for n, row in enumerate(examples):
        start = 0
        for example in row:
            stop = start + len(example)
            ids[n, start:stop], positions[n, start:stop] = example, torch.arange(len(example))
            chosen[n, start + 1 : stop] = True
            start = stop
    return TokenRows(input_ids_BL=ids, chosen_BL=chosen, positions_BL=positions)


def ask_directly(model, example):
    """The oracle: the model's own logits for one example alone."""
    logits = model(input_ids=example[None]).logits[0, :-1].float()
    logprobs = torch.log_softmax(logits, dim=-1)
    entropy = -(logprobs.exp() * logprobs).sum(-1)
    return logprobs.gather(-1, example[1:, None])[:, 0], entropy


@MODELS
def test_packed_equals_alone(attention):
    model = make_adapted(attention)
    examples = make_examples()
    found = token_logprobs(model, pack(examples), with_entropy=True)
    alone = [ask_directly(model, example) for row in examples for example in row]
    torch.testing.assert_close(
        found.logprobs_N, torch.cat([logprobs for logprobs, _ in alone]), rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(
        found.entropy_N, torch.cat([entropy for _, entropy in alone]), rtol=1e-4, atol=1e-4
    )
    assert found.logprobs_N.dtype == torch.float32
    assert found.logprobs_N.requires_grad and not found.entropy_N.requires_grad


def test_without_positions_the_examples_would_see_each_other():
    """The test above shows something only if attention across examples changes the numbers."""
    rows = pack(make_examples())
    blind = TokenRows(input_ids_BL=rows.input_ids_BL, chosen_BL=rows.chosen_BL)
    model = make_adapted()
    difference = token_logprobs(model, rows).logprobs_N - token_logprobs(model, blind).logprobs_N
    assert difference[4:].abs().max() > 0.1
    assert difference[:4].abs().max() < 1e-4, "the first example of a row has nothing before it"


@MODELS
@pytest.mark.parametrize("checkpointing", [False, True])
def test_changing_one_example_leaves_the_others_bit_for_bit(attention, checkpointing):
    model = make_adapted(attention)
    if checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.train()
    examples = make_examples()
    token_logprobs(model, pack(examples))  # From here on the norms of its rows are known.
    before = token_logprobs(model, pack(examples)).logprobs_N
    examples[0][0] = (examples[0][0] + 17) % 250
    after = token_logprobs(model, pack(examples)).logprobs_N
    assert not torch.equal(before[:4], after[:4])
    assert torch.equal(before[4:], after[4:])


@pytest.mark.parametrize("side", ["left", "right"])
@MODELS
def test_padded_rows_equal_alone(attention, side):
    model = make_adapted(attention)
    examples = [example for row in make_examples() for example in row]
    width = max(map(len, examples))
    ids, mask = torch.full((len(examples), width), 256), torch.zeros(len(examples), width, dtype=torch.bool)
    for n, example in enumerate(examples):
        place = slice(width - len(example), width) if side == "left" else slice(0, len(example))
        ids[n, place], mask[n, place] = example, True
    chosen = mask.clone()
    chosen[torch.arange(len(examples)), mask.long().argmax(dim=1)] = False
    found = token_logprobs(model, TokenRows(input_ids_BL=ids, chosen_BL=chosen, attention_BL=mask))
    alone = torch.cat([ask_directly(model, example)[0] for example in examples])
    torch.testing.assert_close(found.logprobs_N, alone, rtol=1e-4, atol=1e-4)


def test_only_chosen_tokens_are_returned_in_the_order_of_the_rows():
    model, rows = make_adapted(), pack(make_examples())
    every = torch.full(rows.input_ids_BL.shape, torch.nan)
    every[rows.chosen_BL] = token_logprobs(model, rows).logprobs_N.detach()
    some = rows.chosen_BL & (torch.rand(every.shape, generator=torch.Generator().manual_seed(2)) < 0.4)
    few = TokenRows(input_ids_BL=rows.input_ids_BL, chosen_BL=some, positions_BL=rows.positions_BL)
    torch.testing.assert_close(token_logprobs(model, few).logprobs_N.detach(), every[some])


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_the_chunk_changes_neither_values_nor_gradients(chunk):
    rows = pack(make_examples())

    def run(chunk):
        model = make_adapted()
        found = token_logprobs(model, rows, chunk=chunk, with_entropy=True)
        (found.logprobs_N * torch.arange(len(found.logprobs_N))).sum().backward()
        return found, [parameter.grad for parameter in list_trainable(model).values()]

    whole, gradients = run(None)
    pieces, others = run(chunk)
    torch.testing.assert_close(pieces.logprobs_N, whole.logprobs_N, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(pieces.entropy_N, whole.entropy_N, rtol=1e-5, atol=1e-5)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)
    torch.testing.assert_close(others, gradients, rtol=1e-3, atol=1e-3)


def test_gradients_equal_those_of_the_models_own_logits():
    examples = make_examples()
    model = make_adapted()
    token_logprobs(model, pack(examples), chunk=5).logprobs_N.sum().backward()
    found = [parameter.grad.clone() for parameter in list_trainable(model).values()]
    model.zero_grad()
    sum(ask_directly(model, example)[0].sum() for row in examples for example in row).backward()
    torch.testing.assert_close(
        found, [parameter.grad for parameter in list_trainable(model).values()], rtol=1e-3, atol=1e-3
    )


def test_a_plain_model_trains_through_it_too():
    model = make_model(tied=False)
    token_logprobs(model, pack(make_examples()), chunk=4).logprobs_N.sum().backward()
    assert model.lm_head.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("frozen", [True, False])
def test_no_logits_of_a_whole_batch_are_built(monkeypatch, frozen):
    model, rows, sums = make_adapted(tied=False), pack(make_examples()), torch.logsumexp
    model.get_base_model().lm_head.requires_grad_(not frozen)
    seen = []
    monkeypatch.setattr(torch, "logsumexp", lambda x, **more: seen.append(len(x)) or sums(x, **more))
    token_logprobs(model, rows, chunk=8).logprobs_N.sum().backward()
    # Where the output layer trains, the backward pass computes each piece again.
    assert max(seen) == 8 and sum(seen) == int(rows.chosen_BL.sum()) * (1 if frozen else 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_frozen_output_layer_gives_the_same_as_one_that_trains(dtype):
    rows, found = pack(make_examples()), []
    for frozen in (True, False):
        model = make_adapted(tied=False, dtype=dtype)
        model.get_base_model().lm_head.requires_grad_(not frozen)
        out = token_logprobs(model, rows, with_entropy=True)
        (out.logprobs_N * torch.linspace(-1, 2, len(out.logprobs_N))).sum().backward()
        gradients = [p.grad for name, p in list_trainable(model).items() if "lm_head" not in name]
        found.append((out.logprobs_N.detach(), out.entropy_N, gradients))
    tolerance = 1e-4 if dtype == torch.float32 else 3e-2
    torch.testing.assert_close(*(x[:2] for x in found), rtol=tolerance, atol=tolerance)
    for a, b in zip(*(x[2] for x in found), strict=True):
        assert (a - b).norm() <= tolerance * b.norm()


def test_nothing_chosen_gives_nothing_that_still_has_a_gradient():
    rows = pack(make_examples())
    none = TokenRows(
        input_ids_BL=rows.input_ids_BL,
        chosen_BL=torch.zeros_like(rows.chosen_BL),
        positions_BL=rows.positions_BL,
    )
    found = token_logprobs(make_adapted(), none, with_entropy=True)
    assert found.logprobs_N.shape == found.entropy_N.shape == (0,)
    found.logprobs_N.sum().backward()


def test_bfloat16_is_summed_up_in_float32():
    found = token_logprobs(make_adapted(dtype=torch.bfloat16), pack(make_examples()), with_entropy=True)
    assert found.logprobs_N.dtype == found.entropy_N.dtype == torch.float32
    assert len(found.logprobs_N.unique()) == len(found.logprobs_N)


def test_first_tokens_and_padding_cannot_be_chosen():
    rows = pack(make_examples())
    for place in ((0, 0), (0, 5), (0, 20), (2, 17)):
        chosen = rows.chosen_BL.clone()
        chosen[place] = True
        with pytest.raises(ValueError, match="first token of an example or padding"):
            token_logprobs(
                make_model(),
                TokenRows(input_ids_BL=rows.input_ids_BL, chosen_BL=chosen, positions_BL=rows.positions_BL),
            )
    mask = torch.ones_like(rows.chosen_BL)
    mask[0, :3] = False
    for place in ((0, 2), (0, 3), (1, 0)):
        chosen = torch.zeros_like(mask)
        chosen[place] = True
        with pytest.raises(ValueError, match="first token of an example or padding"):
            token_logprobs(
                make_model(), TokenRows(input_ids_BL=rows.input_ids_BL, chosen_BL=chosen, attention_BL=mask)
            )


def test_shapes_that_do_not_agree_are_refused():
    ids = torch.zeros(2, 5, dtype=torch.long)
    with pytest.raises(ValueError, match=r"chosen_BL is \(2, 4\), input_ids_BL \(2, 5\)"):
        TokenRows(input_ids_BL=ids, chosen_BL=torch.zeros(2, 4))
    with pytest.raises(ValueError, match="no attention_BL"):
        TokenRows(input_ids_BL=ids, chosen_BL=ids.bool(), positions_BL=ids, attention_BL=ids)


def test_a_model_that_scales_its_logits_is_refused():
    model = make_model()
    model.config.final_logit_softcapping = 30.0
    with pytest.raises(ConfigError, match="final_logit_softcapping"):
        token_logprobs(model, pack(make_examples()))
