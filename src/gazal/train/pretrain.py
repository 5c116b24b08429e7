"""Pretraining of the tiny base on what the world writes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch import Tensor
from transformers import PreTrainedTokenizerBase, Qwen3ForCausalLM

from gazal.config.pretrain import PretrainConfig
from gazal.errors import DataError
from gazal.model.build import END_OF_TEXT
from gazal.model.chat import write_example_tokens
from gazal.model.logprobs import token_logprobs
from gazal.train.batch import Tokens, collate, count_learnt, move_rows
from gazal.train.checkpoint import Kept
from gazal.train.loop import Batch, Metrics, Micro
from gazal.train.loss import sft_loss
from gazal.train.monitor import Alarm
from gazal.world.corpus import write_passages

BLOCK = 4000
"""Passages that are written and cut into rows at a time."""
VOCABULARY_PASSAGES = 40_000
"""So many passages decide the tokenizer's merges."""


def write_texts(config: PretrainConfig, seed: int) -> Iterator[str]:
    """Passages as plain text, for the tokenizer to learn from."""
    for passage in write_passages(min(VOCABULARY_PASSAGES, config.passages), seed):
        yield passage if isinstance(passage, str) else "\n".join(passage)


class Pretraining:
    """Passages of the world one after another in rows; every token is learnt."""

    def __init__(
        self, model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerBase, config: PretrainConfig, seed: int
    ):
        self.model, self.optim, self.n_steps, self.n_checkpoints = model, config, config.steps, 1
        self._tokenizer, self._config, self._seed = tokenizer, config, seed
        self._end = cast(int, tokenizer.convert_tokens_to_ids(END_OF_TEXT))
        self._blocks: Iterator[list[list[Tokens]]] = iter(())
        self._rows: list[list[Tokens]] = []
        self._next = -1
        """Number of the first of them."""
        self.seen = set[int]()
        """Tokens of the passages that were written so far."""

    def make_batch(self, step: int, accelerator: Accelerator) -> Batch:
        """The next rows. After a restart the rows before are made again and passed over: that is quick."""
        per_step, first = self._config.rows_per_step, step * self._config.rows_per_step
        if first != self._next:
            self._blocks, self._rows, self._next = self._write_blocks(), [], 0
        while self._next + len(self._rows) < first + per_step:
            self._rows += next(self._blocks)
            passed = min(first - self._next, len(self._rows))
            self._rows, self._next = self._rows[passed:], self._next + passed
        rows = self._rows[first - self._next :][:per_step]
        self._rows, self._next = self._rows[first - self._next + per_step :], first + per_step
        size = self._config.micro_rows
        micros = [Micro(rows=rows[k : k + size]) for k in range(0, len(rows), size)]
        return Batch(micros=micros, n_tokens=count_learnt(rows), metrics={})

    def find_loss(self, micro: Micro, n_tokens: float, device: torch.device) -> tuple[Tensor, Metrics]:
        """Cross-entropy (nats) of the next token."""
        rows = move_rows(collate(micro.rows, self._end), device)
        logprobs_N = token_logprobs(self.model, rows).logprobs_N
        return sft_loss(logprobs_N, torch.ones_like(logprobs_N, dtype=torch.bool), n_tokens=n_tokens), {}

    def keep(self) -> Kept:
        """What was read; rows follow from the step."""
        return Kept(facts={"seen": sorted(self.seen)})

    def restore(self, kept: Kept) -> None:
        """Take up what was read: where no step is left, nothing is written again."""
        self.seen = {*kept.facts.get("seen", ())}

    def watch(self, history: Sequence[Mapping[str, Any]]) -> list[Alarm]:
        """Nothing: alarms are about rewards."""
        return []

    def _write_blocks(self) -> Iterator[list[list[Tokens]]]:
        """Rows cut from passages that follow one another, so that every place of a row is learnt."""
        first, length = 0, self._config.pack_length
        while True:
            size = min(BLOCK, self._config.passages - first)
            written = write_passages(size, self._seed, first)
            stream = [token for n, p in enumerate(written) for token in self._tokenize(first + n, p)]
            self.seen.update(stream)
            cuts = range(0, len(stream) - length + 1, length)
            if not cuts:
                raise DataError(
                    f"pretrain.pack_length: {size} passages do not fill a row of {length} tokens. "
                    "Ask for more passages."
                )
            yield [[Tokens(prompt=(), completion=tuple(stream[at : at + length]))] for at in cuts]
            first = (first + size) % self._config.passages

    def _tokenize(self, number: int, passage: str | tuple[str, str]) -> list[int]:
        if isinstance(passage, str):
            return [*self._tokenizer.encode(passage, add_special_tokens=False), self._end]
        # Half of the chats come with the empty thinking block of a template that does not think.
        prompt, reply = write_example_tokens(self._tokenizer, *passage, enable_thinking=number % 2 == 0)
        return [*prompt, *reply, self._end]
