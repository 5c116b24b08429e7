"""Which option a model holds most likely, without its having to write anything.

The fair measure of a base model that keeps no reply format: what it knows counts, how it answers does not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from gazal.core.case import Case
from gazal.core.chat import write_prompt
from gazal.model.chat import write_example_tokens
from gazal.model.logprobs import TokenRows, token_logprobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a model prefers in one case."""

    case_id: str
    chosen: str
    """Letter of the option with the highest mean log-probability per token."""
    right: bool
    logprobs: tuple[float, ...]
    """Mean log-probability (nats) per token of each option, in the order of the letters."""


def choose_options(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    cases: Sequence[Case],
    *,
    enable_thinking: bool,
    listed: bool,
) -> Iterator[Choice]:
    """Yield what the model prefers as the short reply to each question.

    Args:
        model: A plain model.
        tokenizer: Its tokenizer.
        cases: With options.
        enable_thinking: Passed to the chat template.
        listed: Show the lettered options with the question; else the question alone.
    """
    was_training = model.training
    model.eval()
    for case in cases:
        prompt = write_question(case, listed)
        rows = []
        for text in case.options.values():
            given, reply = write_example_tokens(
                tokenizer, prompt, f"{text[:1].upper()}{text[1:]}.", enable_thinking
            )
            rows.append((given, reply[:-1]))
        means = score_replies(model, rows, cast(int, tokenizer.pad_token_id))
        best = max(range(len(means)), key=means.__getitem__)
        letter = list(case.options)[best]
        yield Choice(case_id=case.id, chosen=letter, right=letter == case.answer, logprobs=tuple(means))
    model.train(was_training)


def choose_letter(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    case: Case,
    prefix: str,
    enable_thinking: bool,
) -> str:
    """The letter that a model in evaluation mode holds most likely after the beginning of a reply."""
    prompt = write_prompt(case)
    rows = [
        write_example_tokens(tokenizer, prompt, f"{prefix}{letter}}}", enable_thinking)
        for letter in case.options
    ]
    means = score_replies(model, rows, cast(int, tokenizer.pad_token_id))
    # Of the whole reply: prefix and end are the same in each, and a letter may be more than one token.
    totals = [mean * len(reply) for mean, (_, reply) in zip(means, rows, strict=True)]
    return list(case.options)[max(range(len(totals)), key=totals.__getitem__)]


def write_question(case: Case, listed: bool) -> str:
    """The question as plain as can be: no word on how to reply."""
    options = "\n".join(f"{letter}. {text}" for letter, text in case.options.items()) if listed else ""
    return "\n\n".join(part for part in (case.context, case.question, options) if part)


@torch.inference_mode()
def score_replies(
    model: PreTrainedModel, rows: Sequence[tuple[Sequence[int], Sequence[int]]], pad: int
) -> list[float]:
    """Mean log-probability (nats) per token of each reply after its prompt.

    Args:
        model: A plain model in evaluation mode.
        rows: (tokens of the prompt, tokens of the reply), a reply having at least one.
        pad: The token that fills rows up on the right, where nothing sees it.
    """
    width = max(len(given) + len(reply) for given, reply in rows)
    input_ids_BL = torch.full((len(rows), width), pad)
    chosen_BL = torch.zeros((len(rows), width), dtype=torch.bool)
    for b, (given, reply) in enumerate(rows):
        end = len(given) + len(reply)
        input_ids_BL[b, :end] = torch.tensor([*given, *reply])
        chosen_BL[b, len(given) : end] = True
    device = model.device
    found = token_logprobs(
        model, TokenRows(input_ids_BL=input_ids_BL.to(device), chosen_BL=chosen_BL.to(device))
    )
    parts = found.logprobs_N.split([len(reply) for _, reply in rows])
    return [part.mean().item() for part in parts]
