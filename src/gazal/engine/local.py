"""Sampling from a model in this process, many replies at a time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from gazal.config.sampling import Sampling
from gazal.engine.base import Request, Rollout
from gazal.engine.batch import Ended, start_batch, write_on
from gazal.engine.noise import draw_noise
from gazal.engine.replies import find_stops, read_prompts, write_rollout
from gazal.errors import ConfigError
from gazal.model.grouped import has_flex
from gazal.model.merge import merge_copy


class LocalEngine:
    """Replies of a plain (merged) transformers model, whose weights may change between calls.

    Log-probabilities that are not numbers, as after a diverged update, make that reply an ``error``.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        enable_thinking: bool = True,
        name: str,
    ) -> None:
        """Look at model and tokenizer; nothing is written yet.

        Raises:
            ConfigError: A layer attends to a window only, or the tokenizer has no chat template.
        """
        others = set(getattr(model.config, "layer_types", None) or ()) - {"full_attention"}
        if others:
            raise ConfigError(
                f"model {name}: some layers are of type {', '.join(sorted(others))}; the local engine "
                "writes with full_attention only. Use another model or another engine."
            )
        self.model, self.tokenizer, self.name = model, tokenizer, name
        self.enable_thinking = enable_thinking
        self.stops = find_stops(model, tokenizer)

    def generate(self, requests: Sequence[Request], sampling: Sampling, seed: int) -> list[Rollout]:
        """One rollout per request, in the order of the requests."""
        done = dict(self._run(requests, sampling, seed))
        return [done[number] for number in range(len(requests))]

    def stream(self, requests: Sequence[Request], sampling: Sampling, seed: int) -> Iterator[Rollout]:
        """The rollouts of `generate`, each as soon as it is finished."""
        for _, rollout in self._run(requests, sampling, seed):
            yield rollout

    def renew(self, adapted: PeftModel) -> None:
        """Write as this model does from now on; only what its adapter changes is written."""
        merge_copy(adapted, into=self.model)

    def _run(
        self, requests: Sequence[Request], sampling: Sampling, seed: int
    ) -> Iterator[tuple[int, Rollout]]:
        """Which request, and its rollout. Between two of them the model is as the caller left it."""
        read = read_prompts(
            (request.prompt for request in requests),
            self.tokenizer,
            enable_thinking=self.enable_thinking,
            room=self.model.config.max_position_embeddings - sampling.max_new_tokens,
        )
        for number, request in enumerate(requests):
            if not read[request.prompt]:
                yield number, self._write_rollout(request, ())
        prompts = {n: read[request.prompt] for n, request in enumerate(requests) if read[request.prompt]}
        for numbers in _plan_batches(prompts, sampling.batch_size):
            asked = [requests[number] for number in numbers]
            noise = [draw_noise(seed, r.case_id, r.sample, sampling.max_new_tokens) for r in asked]
            with _inferring(self.model):
                batch = start_batch(self.model, [prompts[number] for number in numbers], np.stack(noise))
            while batch.numbers:
                with _inferring(self.model):
                    ended = write_on(self.model, batch, sampling, self.stops)
                for end in ended:
                    number = numbers[end.number]
                    yield number, self._write_rollout(requests[number], prompts[number], end)

    def _write_rollout(self, request: Request, prompt: tuple[int, ...], end: Ended | None = None) -> Rollout:
        """What became of a request; without an end, it could not be asked."""
        written = (end.tokens, end.logprobs) if end else None
        return write_rollout(
            request, prompt, written, tokenizer=self.tokenizer, stops=self.stops, name=self.name
        )


class SharedEngine(LocalEngine):
    """Replies of the model that trains, its adapter apart: no copy of the base, for where memory is short.

    Norms of DoRA are kept until the adapter changes, so a token costs the adapter's two products more.
    """

    def renew(self, adapted: PeftModel) -> None:
        """Nothing is left to do: an update of the adapter is one of this engine."""


def _plan_batches(prompts: Mapping[int, tuple[int, ...]], size: int) -> list[list[int]]:
    """Numbers of requests that are written together: like lengths, and one prompt in one batch if it fits.

    The longest come first: what does not fit into memory fails at once.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for number, prompt in prompts.items():
        groups.setdefault(prompt, []).append(number)
    batches: list[list[int]] = []
    for prompt in sorted(groups, key=len, reverse=True):
        group = groups[prompt]
        if batches and len(batches[-1]) + len(group) <= size:
            batches[-1] += group
        else:
            batches += [group[start : start + size] for start in range(0, len(group), size)]
    return batches


@contextmanager
def _inferring(model: PreTrainedModel) -> Iterator[None]:
    """No gradients and no dropout inside; after it, every module is in the mode that it was in.

    FlexAttention is for whole rows: a token at a time is written with sdpa.
    """
    training = [module for module in model.modules() if module.training]
    model.eval()
    if flex := has_flex(model):
        model.set_attn_implementation("sdpa")
    try:
        with torch.inference_mode():
            yield
    finally:
        for module in training:
            module.training = True
        if flex:
            model.set_attn_implementation("flex_attention")
