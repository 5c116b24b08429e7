"""Tokens that were never read are moved apart, and nothing else is."""

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from gazal.config.model import ModelConfig
from gazal.model.load import load_model, load_tokenizer
from gazal.model.unseen import spread_unseen
from gazal.world.generate import make_cases
from gazal.world.solve import solve


def make_model(tied: bool = True) -> Qwen3ForCausalLM:
    """Forty tokens, of which those from 30 on have all but one embedding."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "head_dim": 16}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    model = Qwen3ForCausalLM(Qwen3Config(vocab_size=40, tie_word_embeddings=tied, **sizes, **heads))
    with torch.no_grad():
        weight = model.get_input_embeddings().weight
        weight.normal_(std=0.5)
        weight[30:] = torch.full((32,), 0.4) + 0.01 * torch.randn(10, 32)
    return model


def test_they_lie_apart_around_where_they_were_and_the_rest_stays():
    model = make_model()
    before = model.get_input_embeddings().weight.detach().clone()
    assert spread_unseen(model, range(30), 7) == 10
    after = model.get_input_embeddings().weight.detach()
    torch.testing.assert_close(after[:30], before[:30], rtol=0, atol=0)
    length = before[:30].norm(dim=1).median()
    moved = after[30:] - before[30:].mean(0)
    torch.testing.assert_close(moved.norm(dim=1), length.expand(10))
    apart = torch.pdist(after[30:])
    assert apart.min() > 0.7 * length > 10 * torch.pdist(before[30:]).max()
    torch.testing.assert_close(model.lm_head.weight, after)  # Tied: what is said, too.


def test_the_same_seed_moves_them_the_same_way():
    one, same, other = make_model(), make_model(), make_model()
    for model, seed in ((one, 1), (same, 1), (other, 2)):
        spread_unseen(model, range(30), seed)
    weights = [model.get_input_embeddings().weight for model in (one, same, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("seen", [range(40), range(39), ()])
def test_there_is_nothing_to_move_apart(seen):
    model = make_model()
    before = model.get_input_embeddings().weight.detach().clone()
    assert spread_unseen(model, seen, 0) == 0
    assert torch.equal(before, model.get_input_embeddings().weight)


def test_every_word_of_a_worked_solution_can_be_told_from_every_other_in_the_shipped_base():
    tokenizer, model = load_tokenizer(ModelConfig()), load_model(ModelConfig())
    texts = [solve(case).text for case in make_cases(n=300, seed=5)]
    used = sorted({token for text in texts for token in tokenizer(text)["input_ids"]})
    embeddings = model.get_input_embeddings().weight.detach().float()
    apart = torch.cdist(embeddings[used], embeddings)
    apart[torch.arange(len(used)), used] = torch.inf
    assert apart.min() > 0.6, [
        tokenizer.decode([used[int(k)]]) for k in (apart.min(1).values < 0.6).nonzero()
    ]
