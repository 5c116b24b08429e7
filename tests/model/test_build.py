"""What a new small model begins with: whole letters in its tokenizer, heads that look back and alike."""

import pytest
import torch
from transformers import Qwen3ForCausalLM

from gazal.config.pretrain import TinyShape
from gazal.model.build import build_model, train_tokenizer

SHAPE = TinyShape(
    layers=2, width=192, mlp=64, heads=3, kv_heads=3, head_width=64, vocabulary=2000, context=512
)


@pytest.fixture(scope="module")
def tokenizer():
    words = [f"It is {a}{b}, option" for a in "bcdfg" for b in "aeiou"]
    return train_tokenizer(iter(words * 3), SHAPE.vocabulary, SHAPE.context)


@pytest.fixture(scope="module")
def model(tokenizer) -> Qwen3ForCausalLM:
    made = build_model(SHAPE, tokenizer, seed=1).eval()
    made.set_attn_implementation("eager")
    return made


@pytest.fixture(scope="module")
def attention(model) -> tuple[torch.Tensor, ...]:
    """Attention of each layer to 60 random tokens said twice, heads x from x to."""
    ids = torch.randperm(1900, generator=torch.Generator().manual_seed(0))[:60] + 50
    with torch.no_grad():
        seen = model(input_ids=torch.cat([ids, ids])[None], output_attentions=True).attentions
    return tuple(layer[0] for layer in seen)


@pytest.mark.parametrize(
    "text", ["A. gout", "(B) gout", "Option C is", r"\\boxed{D}", "**Answer:** E", "F, then", "G"]
)
def test_the_letter_of_an_option_is_one_token_wherever_it_stands(tokenizer, text):
    letter = next(c for c in text if c in "ABCDEFG" and f"{c}n" not in text)
    assert tokenizer.convert_tokens_to_ids(letter) in tokenizer.encode(text)


@pytest.mark.parametrize(
    "text", ["Gout is A. No, B: \n\nC. Übel É x X-ray CHA2DS2, 7.5%", " A", "A B\nC  D", ""]
)
def test_text_comes_back_from_tokens(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("head", [0, 1, 2])
def test_heads_of_the_first_layer_look_back(attention, head):
    at = torch.arange(10, 120)
    assert attention[0][head, at, at - head - 1].min() > 0.9


def test_the_first_head_after_it_looks_for_what_followed_a_token_like_this(attention):
    at = torch.arange(60, 119)
    found = attention[1][0, at, at - 59]
    assert found.median() > 10 / 60


def test_the_third_comes_to_the_token_after_the_same_one(attention):
    at = torch.arange(60, 119)
    assert attention[1][2, at, at - 59].median() > 10 / 60


def test_same_seed_same_weights(tokenizer):
    a, b, c = (build_model(SHAPE, tokenizer, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(a[name], b[name]) for name in a)
    changed = [name for name in a if not torch.equal(a[name], c[name])]
    assert {name.rsplit(".", 2)[-2] for name in changed} >= {"embed_tokens", "q_proj", "o_proj", "gate_proj"}


@pytest.mark.parametrize("heads, groups, width", [(1, 1, 2), (2, 1, 16), (4, 2, 8), (6, 3, 32), (8, 8, 4)])
def test_any_shape_starts_and_is_finite(tokenizer, heads, groups, width):
    shape = TinyShape(
        layers=2, width=32, mlp=8, heads=heads, kv_heads=groups, head_width=width, vocabulary=2000
    )
    made = build_model(shape, tokenizer, seed=0)
    loss = made(input_ids=torch.arange(50, 90)[None], labels=torch.arange(50, 90)[None]).loss
    loss.backward()
    assert loss.isfinite() and all(p.grad is not None and p.grad.isfinite().all() for p in made.parameters())
