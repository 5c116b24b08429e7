"""The ways to write replies that `rollout` compares: each writes all that is asked and says their lengths."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor
from transformers import (
    ContinuousBatchingConfig,
    GenerationConfig,
    PreTrainedModel,
    StoppingCriteria,
    StoppingCriteriaList,
)

from gazal.config.model import ModelConfig
from gazal.config.sampling import Sampling
from gazal.engine import local
from gazal.engine.base import Request
from gazal.engine.local import LocalEngine
from gazal.engine.noise import draw_noise
from gazal.model.load import load_tokenizer

END = 0
"""The token that ends a reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What every arm is asked."""

    requests: Sequence[Request]
    prompts: Sequence[list[int]]
    """Tokens of the prompt of each request."""
    lengths: Sequence[int]
    """Where each reply ends."""
    limit: int


class Way(Protocol):
    """One way to write them."""

    def write(self) -> list[int]:
        """All replies; returns their lengths."""
        ...


class Ours:
    """gazal's engine. Its draws decide where replies end: noise of 0 is token 0, and other noise is not."""

    def __init__(self, model: PreTrainedModel, asked: Asked) -> None:
        self.engine = LocalEngine(model, load_tokenizer(ModelConfig()), name="ours")
        self.engine.stops = (END,)
        self.asked = asked
        self.sampling = Sampling(max_new_tokens=asked.limit, batch_size=len(asked.requests))
        self.ends = {(r.case_id, r.sample): n for r, n in zip(asked.requests, asked.lengths, strict=True)}

    def write(self) -> list[int]:
        """All replies; returns their lengths."""
        local.draw_noise = self._draw
        try:
            rollouts = self.engine.generate(self.asked.requests, self.sampling, 0)
        finally:
            local.draw_noise = draw_noise
        return [len(rollout.tokens) for rollout in rollouts]

    def _draw(self, seed: int, case_id: str, sample: int, n: int) -> np.ndarray:
        noise = 0.05 + 0.95 * draw_noise(seed, case_id, sample, n)
        end = self.ends[case_id, sample]
        if end < n:
            noise[end - 1] = 0.0
        return noise


class _StopAt(StoppingCriteria):
    def __init__(self, ends: Sequence[int]) -> None:
        self.ends_B = torch.tensor(ends)

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.ends_B <= input_ids.shape[1]


class Generate:
    """transformers' model.generate, of a plain or an adapted model; prompts padded on the left."""

    def __init__(self, model: Any, asked: Asked, rows: int) -> None:
        self.model, self.asked, self.rows = model, asked, rows
        self.settings = GenerationConfig(
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            max_new_tokens=asked.limit,
            pad_token_id=END,
            eos_token_id=None,
        )

    def write(self) -> list[int]:
        """All replies; returns their lengths."""
        found = []
        for at in range(0, len(self.asked.prompts), self.rows):
            found += self._write(
                self.asked.prompts[at : at + self.rows], self.asked.lengths[at : at + self.rows]
            )
        return found

    @torch.inference_mode()
    def _write(self, prompts: Sequence[list[int]], lengths: Sequence[int]) -> list[int]:
        width = max(map(len, prompts))
        ids_BL = torch.tensor([[END] * (width - len(p)) + p for p in prompts])
        mask_BL = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        stop = StoppingCriteriaList([_StopAt([width + n for n in lengths])])
        out = self.model.generate(
            input_ids=ids_BL, attention_mask=mask_BL, generation_config=self.settings, stopping_criteria=stop
        )
        assert out.shape[1] == width + max(lengths)
        return list(lengths)  # Rows that have ended go on until the last one has.


class Continuous:
    """transformers' continuous batching: requests of their own lengths, rows that leave, shared prompts."""

    def __init__(self, model: PreTrainedModel, asked: Asked, page: int, tokens: int, rows: int) -> None:
        self.model, self.asked = cast(Any, copy.deepcopy(model)), asked  # It changes the model's attention.
        self.settings = GenerationConfig(
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            max_new_tokens=asked.limit,
            pad_token_id=END,
            eos_token_id=-1,
        )
        sizes = [len(p) + n for p, n in zip(asked.prompts, asked.lengths, strict=True)]
        self.config = ContinuousBatchingConfig(
            page_size=page,
            num_blocks=sum(-(-n // page) + 1 for n in sizes),
            max_batch_tokens=tokens,
            max_requests_per_batch=rows,
            seed=0,
        )

    def write(self) -> list[int]:
        """All replies; returns their lengths."""
        opened = self.model.continuous_batching_context_manager(
            generation_config=self.settings,
            continuous_batching_config=self.config,
            timeout=5,
            persistent_manager=True,  # What it sets up is set up once, when settings are tried.
        )
        with opened as manager:
            ids = [
                manager.add_request(list(prompt), max_new_tokens=n, eos_token_id=-1)
                for prompt, n in zip(self.asked.prompts, self.asked.lengths, strict=True)
            ]
            done: dict[str, int] = {}
            while len(done) < len(ids):
                result = manager.get_result(timeout=1)
                if result is None and not manager.is_running():
                    raise RuntimeError("transformers' continuous batching stopped by itself")
                if result is not None and result.is_finished():
                    done[result.request_id] = len(result.generated_tokens)
        return [done[name] for name in ids]
