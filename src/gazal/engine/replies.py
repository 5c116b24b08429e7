"""What engines that work on tokens share: reading prompts, and making a rollout of what was written."""

from collections.abc import Iterable, Sequence
from math import isfinite

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from gazal.core.chat import hash_prompt
from gazal.core.trace import Stop, Trace
from gazal.engine.base import Request, Rollout
from gazal.errors import DataError
from gazal.model.chat import find_end_token, write_prompt_tokens

Written = tuple[Sequence[int], Sequence[float]]
"""Tokens of a reply, and the log-probability (nats) of each."""


def find_stops(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """Every token that ends a reply: the chat template's, the tokenizer's, the generation settings'.

    Raises:
        ConfigError: The tokenizer has no chat template.
    """
    settings = getattr(model.generation_config, "eos_token_id", None)
    listed = settings if isinstance(settings, list) else [settings]
    found = [find_end_token(tokenizer), tokenizer.eos_token_id, *listed]
    return tuple(sorted({token for token in found if isinstance(token, int)}))


def read_prompts(
    prompts: Iterable[str], tokenizer: PreTrainedTokenizerBase, *, enable_thinking: bool, room: int
) -> dict[str, tuple[int, ...]]:
    """The tokens of each prompt; none where it holds control tokens or has more tokens than there is room."""
    read: dict[str, tuple[int, ...]] = {}
    for prompt in dict.fromkeys(prompts):
        try:
            tokens = tuple(write_prompt_tokens(tokenizer, prompt, enable_thinking))
        except DataError:
            tokens = ()
        read[prompt] = tokens if len(tokens) <= room else ()
    return read


def write_rollout(
    request: Request,
    prompt: tuple[int, ...],
    written: Written | None,
    *,
    tokenizer: PreTrainedTokenizerBase,
    stops: Sequence[int],
    name: str,
) -> Rollout:
    """What became of a request.

    Args:
        request: What was asked.
        prompt: Its tokens; none where it could not be asked.
        written: The reply; None where there is none. One with log-probabilities that are not numbers, as
            after a diverged update, counts as an ``error``, too.
        tokenizer: Turns tokens into text.
        stops: Tokens that end a reply.
        name: Of the engine.
    """
    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    stop: Stop = "error"
    if written and written[0] and all(map(isfinite, written[1])):
        tokens, logprobs = tuple(written[0]), tuple(written[1])
        stop = "end" if tokens[-1] in stops else "length"
    said = list(tokens[: -1 if stop == "end" else None])
    # Special tokens stay: a trace is verbatim, and some tokenizers count <think> among them.
    text = tokenizer.decode(said, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    trace = Trace(
        case_id=request.case_id,
        text=str(text),
        sample=request.sample,
        model=name,
        stop=stop,
        n_tokens=len(tokens),
        prompt_hash=hash_prompt(request.prompt),
    )
    return Rollout(trace=trace, prompt_tokens=prompt, tokens=tokens, logprobs=logprobs)
