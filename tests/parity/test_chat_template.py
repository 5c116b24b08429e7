"""Prompts and replies in the genuine chat template of Qwen3, with the expected texts written out."""

import hashlib

import pytest
from tiny_models import QWEN3_TEMPLATE, make_tokenizer

from gazal.core.chat import read_reply, write_reply
from gazal.errors import ConfigError, DataError
from gazal.model.chat import find_end_token, write_example_tokens, write_prompt_text, write_prompt_tokens

PROMPT = "A 60-year-old has chest pain.\n\nA. Rest\nB. Aspirin"
REPLY = write_reply(["ST elevation.", "So aspirin."], "Infarction.", "B", 0.8)
PLAIN_TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


def test_the_template_is_the_genuine_one():
    assert hashlib.sha256(QWEN3_TEMPLATE.encode()).hexdigest() == (
        "a55ee1b1660128b7098723e0abcd92caa0788061051c62d51cbe87d9cf1974d8"
    )


def test_thinking_on():
    tokenizer = make_tokenizer()
    prompt, completion = write_example_tokens(tokenizer, PROMPT, REPLY, True)
    assert tokenizer.decode(prompt) == (
        "<|im_start|>user\nA 60-year-old has chest pain.\n\nA. Rest\nB. Aspirin<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert tokenizer.decode(completion) == (
        "<think>\nStep 1: ST elevation.\nStep 2: So aspirin.\n</think>\n\n## Clinical Assessment\n"
        "Infarction.\n**Answer:** \\boxed{B}\n**Confidence:** 0.80<|im_end|>"
    )


def test_thinking_off_closes_the_thinking_in_the_prompt():
    tokenizer = make_tokenizer()
    prompt, completion = write_example_tokens(tokenizer, PROMPT, REPLY, False)
    assert tokenizer.decode(prompt) == (
        "<|im_start|>user\nA 60-year-old has chest pain.\n\nA. Rest\nB. Aspirin<|im_end|>\n"
        "<|im_start|>assistant\n"
        "<think>\n\n</think>\n\n"
    )
    assert tokenizer.decode(completion) == (
        "<think>\nStep 1: ST elevation.\nStep 2: So aspirin.\n</think>\n\n## Clinical Assessment\n"
        "Infarction.\n**Answer:** \\boxed{B}\n**Confidence:** 0.80<|im_end|>"
    )


def test_the_tags_are_single_tokens_and_stand_once():
    tokenizer = make_tokenizer()
    _, completion = write_example_tokens(tokenizer, PROMPT, REPLY, True)
    tags = [tokenizer.convert_tokens_to_ids(tag) for tag in ("<think>", "</think>")]
    assert [completion.count(tag) for tag in tags] == [1, 1]
    assert completion[0] == tags[0]


@pytest.mark.parametrize(
    "reply", [REPLY, "", "  \n\nB\n\n", "No tags: \\boxed{A}", "<think>\n\n\nx</think>y</think>"]
)
@pytest.mark.parametrize("thinking", [True, False])
def test_a_reply_comes_back_unchanged(reply, thinking):
    """The template would strip and move white space; a rollout has it as it was sampled."""
    tokenizer = make_tokenizer()
    _, completion = write_example_tokens(tokenizer, PROMPT, reply, thinking)
    assert completion[-1] == tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert tokenizer.decode(completion[:-1]) == reply


def test_the_template_itself_would_rewrite_a_reply():
    """Why the reply does not go through it: the day this fails, the rule may be thought over."""
    tokenizer = make_tokenizer()
    turns = [
        {"role": "user", "content": PROMPT},
        {"role": "assistant", "content": REPLY},
        {"role": "user", "content": "Sure?"},
    ]
    assert "ST elevation" not in tokenizer.apply_chat_template(turns, tokenize=False)
    turns = [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": "B"}]
    assert tokenizer.apply_chat_template(turns, tokenize=False).endswith(
        "<think>\n\n</think>\n\nB<|im_end|>\n"
    )


@pytest.mark.parametrize("thinking", [True, False])
def test_training_and_engine_see_the_same_prompt(thinking):
    tokenizer = make_tokenizer()
    prompt, _ = write_example_tokens(tokenizer, PROMPT, REPLY, thinking)
    assert prompt == write_prompt_tokens(tokenizer, PROMPT, thinking)
    turns = [{"role": "user", "content": PROMPT}]
    genuine = tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, enable_thinking=thinking, return_dict=False
    )
    assert prompt == genuine


@pytest.mark.parametrize("thinking", [True, False])
def test_a_template_that_does_not_know_enable_thinking(thinking):
    tokenizer = make_tokenizer(PLAIN_TEMPLATE)
    prompt, completion = write_example_tokens(tokenizer, PROMPT, REPLY, thinking)
    assert tokenizer.decode(prompt) == f"[user] {PROMPT}<|im_end|>[assistant] "
    assert tokenizer.decode(completion) == REPLY + "<|im_end|>"


def test_a_template_that_opens_the_thinking_itself():
    opens = PLAIN_TEMPLATE.replace("[assistant] {% endif", "[assistant] <think>\n{% endif")
    tokenizer = make_tokenizer(opens)
    prompt, completion = write_example_tokens(tokenizer, PROMPT, REPLY, True)
    whole = tokenizer.decode(prompt + completion[:-1])
    assert whole == f"[user] {PROMPT}<|im_end|>[assistant] {REPLY}"
    assert read_reply(tokenizer.decode(completion[:-1])).steps == ("ST elevation.", "So aspirin.")


def test_the_end_of_turn_is_read_from_the_template():
    tokenizer = make_tokenizer()
    tokenizer.eos_token, tokenizer.pad_token = "<|endoftext|>", "<|endoftext|>"
    assert find_end_token(tokenizer) == tokenizer.convert_tokens_to_ids("<|im_end|>")
    no_end = make_tokenizer("{% for m in messages %}{{ m.content }}\n{% endfor %}")
    assert find_end_token(no_end) == no_end.eos_token_id


def test_a_tokenizer_without_a_template_says_what_to_do():
    with pytest.raises(ConfigError, match=r"has no chat template\. .*chat_template\.jinja"):
        write_prompt_tokens(make_tokenizer(None), PROMPT, True)


@pytest.mark.parametrize("token", ["<|im_end|>", "<|im_start|>", "<|endoftext|>"])
def test_control_tokens_in_a_text_are_refused(token):
    tokenizer = make_tokenizer()
    with pytest.raises(DataError, match="prompt: holds the control token"):
        write_prompt_text(tokenizer, f"Ignore.{token}\n", True)
    with pytest.raises(DataError, match="reply: holds the control token"):
        write_example_tokens(tokenizer, PROMPT, f"B{token}", True)
