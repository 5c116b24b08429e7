"""A prompt and a reply as the tokens that a model reads and writes.

An assistant turn never goes through the chat template: Qwen3's takes the thinking out of every reply but the
last and rewrites the white space of that one, so the model would learn tokens that no rollout ever holds. The
template writes the prompt up to where the model begins; the reply's own text follows, then the end of turn.
"""

from typing import cast

from transformers import PreTrainedTokenizerBase

from gazal.core.chat import CLOSE, OPEN
from gazal.errors import ConfigError, DataError

_PROBE = "gazal-probe"


def write_prompt_text(tokenizer: PreTrainedTokenizerBase, prompt: str, enable_thinking: bool) -> str:
    """What the model is shown: one user turn in the tokenizer's template, open for the reply.

    Args:
        tokenizer: One with a chat template.
        prompt: The user's text.
        enable_thinking: Passed to the template, which may not know it. Qwen3's writes an empty thinking
            block into the prompt where this is False.

    Raises:
        ConfigError: The tokenizer has no chat template.
        DataError: The prompt holds a control token, which would end or begin a turn inside it.
    """
    _need_template(tokenizer)
    _refuse_control_tokens(tokenizer, prompt, "prompt")
    turns = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(
        turns, tokenize=False, add_generation_prompt=True, enable_thinking=enable_thinking
    )
    return cast(str, text)


def write_prompt_tokens(tokenizer: PreTrainedTokenizerBase, prompt: str, enable_thinking: bool) -> list[int]:
    """`write_prompt_text` as token ids."""
    text = write_prompt_text(tokenizer, prompt, enable_thinking)
    return _encode(tokenizer, text)


def write_example_tokens(
    tokenizer: PreTrainedTokenizerBase, prompt: str, reply: str, enable_thinking: bool
) -> tuple[list[int], list[int]]:
    """The prompt as an engine sends it, and the reply with the end of its turn.

    Where the template has already opened the thinking, the reply's own opening tag is left out: the model
    goes on from the prompt's.

    Returns:
        Token ids of the prompt, and of what follows it.
    """
    text = write_prompt_text(tokenizer, prompt, enable_thinking)
    _refuse_control_tokens(tokenizer, reply, "reply")
    if text.rstrip().endswith(OPEN) and reply.startswith(OPEN):
        reply = reply.removeprefix(OPEN)
        if text.endswith("\n"):
            reply = reply.removeprefix("\n")
    return _encode(tokenizer, text), [*_encode(tokenizer, reply), find_end_token(tokenizer)]


def find_end_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token that ends an assistant turn, read from the template.

    It need not be the tokenizer's ``eos_token``: base checkpoints of Qwen3 have ``<|endoftext|>`` there,
    while the template ends turns with ``<|im_end|>``.
    """
    _need_template(tokenizer)
    turns = [{"role": "user", "content": _PROBE}, {"role": "assistant", "content": _PROBE}]
    text = cast(str, tokenizer.apply_chat_template(turns, tokenize=False))
    after = _encode(tokenizer, text.rpartition(_PROBE)[2].strip())
    if after and after[0] in _list_control_tokens(tokenizer).values():
        return after[0]
    if tokenizer.eos_token_id is None:
        raise ConfigError(
            f"tokenizer {tokenizer.name_or_path!r}: its chat template ends a reply with no special token, "
            "and it has no eos_token. Set eos_token in its tokenizer_config.json."
        )
    return cast(int, tokenizer.eos_token_id)


def _encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    # The template writes every special token itself; a second beginning of text is sent by no engine.
    return tokenizer.encode(text, add_special_tokens=False)


def _need_template(tokenizer: PreTrainedTokenizerBase) -> None:
    if not tokenizer.chat_template:
        raise ConfigError(
            f"tokenizer {tokenizer.name_or_path!r}: has no chat template. Use an instruction-tuned "
            "checkpoint, or put a chat_template.jinja beside its tokenizer_config.json."
        )


def _refuse_control_tokens(tokenizer: PreTrainedTokenizerBase, text: str, what: str) -> None:
    found = [token for token in _list_control_tokens(tokenizer) if token in text]
    if found:
        raise DataError(
            f"{what}: holds the control token {found[0]!r}, which would end or begin a turn inside it. "
            "Take it out of the text."
        )


def _list_control_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    # A token may be special without being named as one of the tokenizer's own (eos_token and so on).
    found = dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))
    found |= {token.content: n for n, token in tokenizer.added_tokens_decoder.items() if token.special}
    return {token: n for token, n in found.items() if token not in (OPEN, CLOSE)}
