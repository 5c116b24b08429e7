"""The small model of the tests of training, with heads of the least width that vLLM can do on a CPU."""

import tempfile
from functools import cache
from pathlib import Path

import torch
from peft import PeftModel
from small import CASES, PAIRS, SHAPE, make_tokenizer, sft_config
from tiny_models import stir
from transformers import Qwen3ForCausalLM

from gazal.config.adapter import AdapterConfig
from gazal.config.engine import EngineConfig
from gazal.config.model import ModelConfig
from gazal.config.sampling import Sampling
from gazal.core.chat import write_prompt
from gazal.engine.base import Request
from gazal.engine.replies import find_stops
from gazal.engine.vllm import VLLMEngine
from gazal.model.adapter import add_adapter
from gazal.model.build import build_model
from gazal.model.logprobs import token_logprobs
from gazal.model.save import save_model
from gazal.train.batch import Tokens, collate
from gazal.train.loop import train
from gazal.train.sft import SFT, tokenize_examples

REQUESTS = [
    Request(case_id=case.id, sample=sample, prompt=write_prompt(case))
    for sample in range(4)
    for case in CASES
]
CLOSE = 2e-5
"""Nats between two float32 computations of one log-probability; measured: 3e-6."""
SAMPLING = Sampling(temperature=0.7, top_p=0.9, top_k=50, max_new_tokens=60)


@cache
def _teach() -> Qwen3ForCausalLM:
    tokenizer = make_tokenizer()
    shape = SHAPE.model_copy(update={"head_width": 32})
    torch.manual_seed(4)
    model = Qwen3ForCausalLM(build_model(shape, tokenizer, seed=3).config)
    config = sft_config(steps=80, learning_rate=2e-2, rows_per_step=4, micro_rows=4, warmup=0.1)
    stage = SFT(model, tokenize_examples(PAIRS, tokenizer, config, True), tokenizer.pad_token_id, config, 0)
    with tempfile.TemporaryDirectory() as folder:
        for _ in train(stage, Path(folder), "taught"):
            pass
    return model


def make_model() -> Qwen3ForCausalLM:
    """A fresh one each time."""
    model = Qwen3ForCausalLM(_teach().config)
    model.load_state_dict(_teach().state_dict())
    return model.eval()


def write_base(folder: Path) -> Path:
    save_model(make_model(), make_tokenizer(), folder)
    return folder


def find_its_stops() -> tuple[int, ...]:
    return find_stops(_teach(), make_tokenizer())


def start_engine(base: Path, **changes) -> VLLMEngine:
    config = EngineConfig(kind="vllm", eager=True, **changes)
    return VLLMEngine(ModelConfig(path=str(base)), make_tokenizer(), find_its_stops(), config, name="policy")


def adapt(*targets: str, stirred: float = 0.1) -> PeftModel:
    """The model with a DoRA adapter that has moved."""
    config = AdapterConfig.model_validate({"rank": 4, "alpha": 4, "targets": targets or "all-linear"})
    adapted = add_adapter(make_model(), config, 0)
    if stirred:
        stir(adapted, stirred)
    return adapted


def find_gap(model, rollouts) -> float:
    """The largest difference (nats) between engine and trainer over all tokens of some rollouts."""
    gaps = []
    for rollout in rollouts:
        tokens = Tokens(prompt=rollout.prompt_tokens, completion=rollout.tokens)
        with torch.no_grad():
            ours_N = token_logprobs(model, collate([[tokens]], make_tokenizer().pad_token_id)).logprobs_N
        gaps.append((ours_N - torch.tensor(rollout.logprobs)).abs().max().item())
    return max(gaps)
