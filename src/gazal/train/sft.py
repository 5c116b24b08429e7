"""Stage 1: supervised fine-tuning on worked replies; the loss is over the reply alone."""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from gazal.config.sft import SFTConfig
from gazal.core.case import Case
from gazal.core.chat import write_prompt
from gazal.core.trace import Trace
from gazal.errors import DataError
from gazal.model.chat import write_example_tokens
from gazal.model.logprobs import token_logprobs
from gazal.train.batch import Row, Tokens, collate, count_learnt, move_rows, pack_rows
from gazal.train.checkpoint import Kept
from gazal.train.loop import Batch, Metrics, Micro
from gazal.train.loss import sft_loss
from gazal.train.monitor import Alarm


class SFT:
    """Worked replies in rows, in an order that the seed decides, as often as the steps need them."""

    def __init__(self, model: nn.Module, examples: Sequence[Tokens], pad: int, config: SFTConfig, seed: int):
        """Lay out the rows of every step.

        Args:
            model: One whose adapter trains.
            examples: What `tokenize_examples` gave.
            pad: The token that fills rows up.
            config: Steps, rows, packing.
            seed: Decides the order.
        """
        self.model, self.optim, self.n_steps, self.n_checkpoints = model, config, config.steps, 1
        self._examples, self._pad, self._config = examples, pad, config
        self._rows = self._lay_out(seed, config.steps * config.rows_per_step)

    def make_batch(self, step: int, accelerator: Accelerator) -> Batch:
        """The next rows, like lengths together."""
        size, per_step = self._config.micro_rows, self._config.rows_per_step
        numbers = self._rows[step * per_step : (step + 1) * per_step]
        rows = [[self._examples[n] for n in row] for row in numbers]
        rows.sort(key=lambda row: -sum(example.n for example in row))
        micros = [Micro(rows=rows[k : k + size]) for k in range(0, len(rows), size)]
        return Batch(
            micros=micros,
            n_tokens=count_learnt(rows),
            metrics={"examples": float(sum(len(row) for row in rows))},
        )

    def find_loss(self, micro: Micro, n_tokens: float, device: torch.device) -> tuple[Tensor, Metrics]:
        """Cross-entropy (nats) of the reply's tokens."""
        rows = move_rows(collate(micro.rows, self._pad), device)
        logprobs_N = token_logprobs(self.model, rows).logprobs_N
        return sft_loss(logprobs_N, torch.ones_like(logprobs_N, dtype=torch.bool), n_tokens=n_tokens), {}

    def keep(self) -> Kept:
        """Nothing: rows follow from seed and step."""
        return Kept()

    def restore(self, kept: Kept) -> None:
        """Nothing to take up."""

    def watch(self, history: Sequence[Mapping[str, Any]]) -> list[Alarm]:
        """Nothing: alarms are about rewards."""
        return []

    def _lay_out(self, seed: int, n: int) -> list[Row]:
        rows, epoch = list[Row](), 0
        while len(rows) < n:
            order = list(range(len(self._examples)))
            Random(f"sft|{seed}|{epoch}").shuffle(order)
            if self._config.packing:
                rows += pack_rows(((k, self._examples[k].n) for k in order), self._config.pack_length)
            else:
                rows += [(k,) for k in order]
            epoch += 1
        return rows[:n]


def tokenize_examples(
    pairs: Sequence[tuple[Case, Trace]],
    tokenizer: PreTrainedTokenizerBase,
    config: SFTConfig,
    enable_thinking: bool,
) -> list[Tokens]:
    """Prompt and reply of each example as tokens; those longer than a row are left out.

    Raises:
        DataError: None is left.
    """
    examples = [
        example for example in _tokenize(pairs, tokenizer, enable_thinking) if example.n <= config.pack_length
    ]
    if not examples:
        raise DataError(
            f"sft.examples: none of {len(pairs)} fits into sft.pack_length {config.pack_length} tokens. "
            "Raise it."
        )
    return examples


def _tokenize(
    pairs: Sequence[tuple[Case, Trace]], tokenizer: PreTrainedTokenizerBase, enable_thinking: bool
) -> Iterator[Tokens]:
    for case, trace in pairs:
        prompt, reply = write_example_tokens(tokenizer, write_prompt(case), trace.text, enable_thinking)
        yield Tokens(prompt=tuple(prompt), completion=tuple(reply))
