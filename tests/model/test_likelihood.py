"""The option that a model holds most likely, against log-probabilities taken one token at a time."""

import pytest
import torch
from tiny_models import make_model, make_tokenizer

from gazal.core.case import Case
from gazal.model.chat import write_prompt_text
from gazal.model.likelihood import choose_options, write_question

CASES = [
    Case(
        id=f"small/test/{n}",
        kind="exam",
        context="A text." if n else "",
        question="Which?" + " Say." * n,
        options=options,
        answer="B",
        licence="Apache-2.0",
    )
    for n, options in enumerate(
        (
            {"A": "gout", "B": "acute appendicitis", "C": "a cold"},
            {"A": "no", "B": "yes"},
            {"A": "12%", "B": "3 points: low risk", "C": "x", "D": "the longest of all of them"},
        )
    )
]


def brute_force(model, tokenizer, prompt, text):
    ids = tokenizer.encode(prompt, add_special_tokens=False)
    reply = tokenizer.encode(text, add_special_tokens=False)
    total = 0.0
    for token in reply:
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, -1]
        total += torch.log_softmax(logits.double(), -1)[token].item()
        ids.append(token)
    return total / len(reply)


@pytest.mark.parametrize("listed", [False, True])
def test_it_is_the_mean_log_probability_of_each_option_s_text(listed):
    model, tokenizer = make_model(max_position_embeddings=512), make_tokenizer()
    found = list(choose_options(model, tokenizer, CASES, enable_thinking=False, listed=listed))
    assert [choice.case_id for choice in found] == [case.id for case in CASES]
    for case, choice in zip(CASES, found, strict=True):
        prompt = write_prompt_text(tokenizer, write_question(case, listed), False)
        texts = [f"{text[0].upper()}{text[1:]}." for text in case.options.values()]
        expected = [brute_force(model, tokenizer, prompt, text) for text in texts]
        assert list(choice.logprobs) == pytest.approx(expected, abs=1e-4)
        assert len(set(expected)) == len(expected)
        assert choice.chosen == "ABCD"[expected.index(max(expected))]
        assert choice.right == (choice.chosen == case.answer)


def test_the_options_are_shown_only_where_they_are_to_be():
    assert write_question(CASES[1], False) == "A text.\n\nWhich? Say."
    assert write_question(CASES[1], True) == "A text.\n\nWhich? Say.\n\nA. no\nB. yes"


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(training):
    model = make_model(max_position_embeddings=512).train(training)
    list(choose_options(model, make_tokenizer(), CASES, enable_thinking=False, listed=True))
    assert model.training is training
