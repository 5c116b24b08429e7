"""What `adapter_vs_full` lets every arm learn from, and what it asks."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from gazal.config.data import WorldSource
from gazal.config.model import ModelConfig
from gazal.config.sft import SFTConfig
from gazal.core.case import Case
from gazal.curate.gather import gather_cases, gather_examples
from gazal.model.chat import write_example_tokens
from gazal.model.likelihood import choose_options, score_replies
from gazal.model.load import load_tokenizer
from gazal.score.tally import find_wilson
from gazal.train.batch import Tokens
from gazal.train.sft import tokenize_examples
from gazal.world.corpus import write_passages

BASE = ModelConfig()
PRETRAINED_WITH, UNREAD = 2026, 400_000
"""Seed of the base's pretraining, and a passage that it did not come to."""
RATE = 1.2e-3
"""The demo's, for adapters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What all arms learn from and are asked."""

    tokenizer: PreTrainedTokenizerBase
    examples: Sequence[Tokens]
    cases: Sequence[Case]
    facts: Sequence[Case]
    """Recall cases of the test split."""
    passages: Sequence[tuple[list[int], list[int]]]
    """Of pretraining's kind, first token and the others."""
    steps: int
    rows: int
    seed: int


def gather(args: argparse.Namespace) -> Work:
    tokenizer = load_tokenizer(BASE)
    pairs = list(gather_examples([WorldSource(n=args.examples, split="train", seed=0)], 0))
    config = configure(args.steps, args.rows, RATE)
    tests = WorldSource(n=args.cases, split="test", seed=0)
    facts = WorldSource(n=args.facts, split="test", seed=2, kinds=("recall",))
    passages = [
        _tokenize(tokenizer, passage) for passage in write_passages(args.passages, PRETRAINED_WITH, UNREAD)
    ]
    return Work(
        tokenizer=tokenizer,
        examples=tokenize_examples(pairs, tokenizer, config, BASE.enable_thinking),
        cases=list(gather_cases([tests], 0)),
        facts=list(gather_cases([facts], 0)),
        passages=sorted(((ids[:1], ids[1:]) for ids in passages), key=lambda row: len(row[1])),
        steps=args.steps,
        rows=args.rows,
        seed=args.seed,
    )


def _tokenize(tokenizer: PreTrainedTokenizerBase, passage: str | tuple[str, str]) -> list[int]:
    if isinstance(passage, str):
        return tokenizer.encode(passage, add_special_tokens=False)
    prompt, reply = write_example_tokens(tokenizer, *passage, enable_thinking=True)
    return [*prompt, *reply]


def configure(steps: int, rows: int, rate: float) -> SFTConfig:
    """The demo's settings of SFT, with other steps, rows and rate."""
    return SFTConfig(
        examples=(WorldSource(n=1),),  # Not read: examples are handed over.
        steps=steps,
        learning_rate=rate,
        packing=False,
        pack_length=640,
        rows_per_step=rows,
        micro_rows=4,
        checkpoint_every=20,
    )


def ask_for_the_base(model: PreTrainedModel, work: Work) -> dict[str, Any]:
    """How much of the base's own knowledge a model has."""
    total, n, pad = 0.0, 0, cast(int, work.tokenizer.pad_token_id)
    for at in range(0, len(work.passages), 16):
        rows = work.passages[at : at + 16]
        for mean, (_, rest) in zip(score_replies(model, rows, pad), rows, strict=True):
            total, n = total - mean * len(rest), n + len(rest)
    found = choose_options(model, work.tokenizer, work.facts, enable_thinking=True, listed=True)
    known = {choice.case_id: choice.right for choice in found}
    share = sum(known.values()) / len(known)
    return {
        "passage_loss": total / n,
        "facts": share,
        "facts_ci95": find_wilson(sum(known.values()), len(known)),
        "known": known,
    }
