"""A model that can just about reply, and what trains it: small enough for seconds, real in every part."""

import copy
import tempfile
from functools import cache
from pathlib import Path

import torch
from transformers import Qwen3ForCausalLM

from gazal.config.adapter import AdapterConfig
from gazal.config.grpo import GRPOConfig
from gazal.config.pretrain import TinyShape
from gazal.config.sft import SFTConfig
from gazal.core.case import Case
from gazal.core.chat import write_prompt, write_reply
from gazal.core.trace import Trace
from gazal.engine.local import LocalEngine
from gazal.model.adapter import add_adapter, list_trainable
from gazal.model.build import build_model, train_tokenizer
from gazal.model.merge import merge_copy
from gazal.train.grpo import GRPO
from gazal.train.loop import train
from gazal.train.sft import SFT, tokenize_examples

SHAPE = TinyShape(layers=2, width=32, mlp=64, heads=2, kv_heads=1, head_width=16, vocabulary=400, context=512)
TOPICS = ("gout", "asthma", "migraine", "acute appendicitis", "iron deficiency anaemia", "a cold")


def make_case(number: int) -> Case:
    """Which of two drugs; the first is right. Prompts differ in length."""
    topic = TOPICS[number % len(TOPICS)] + " again" * (number // len(TOPICS))
    return Case(
        id=f"small/train/{number}",
        kind="exam",
        question=f"What helps in {topic}?",
        options={"A": "this", "B": "that"},
        answer="A",
        licence="Apache-2.0",
    )


CASES = [make_case(number) for number in range(6)]


def solve(case: Case, letter: str) -> Trace:
    extra = ["It is so."] * (len(case.question) % 3)
    steps = ["Look at both.", *extra, f"It may be {case.options[letter]}."]
    return Trace(case_id=case.id, text=write_reply(steps, f"Give {case.options[letter]}.", letter))


PAIRS = [(case, solve(case, letter)) for case in CASES for letter in "AB"]
"""Right and wrong alike: what is learnt from them is the format, and a coin's toss for the letter."""


@cache
def make_tokenizer():
    return train_tokenizer(
        (text for case, trace in PAIRS for text in (write_prompt(case), trace.text)), SHAPE.vocabulary, 512
    )


def _build() -> Qwen3ForCausalLM:
    """Random in all weights: heads that start to copy are tuned to wider models and gentler rates."""
    config = build_model(SHAPE, make_tokenizer(), seed=3).config
    torch.manual_seed(4)
    return Qwen3ForCausalLM(config)


@cache
def _teach() -> dict[str, torch.Tensor]:
    """All weights learn the format: a base that GRPO has something to work with."""
    tokenizer = make_tokenizer()
    model = _build()
    config = sft_config(steps=80, learning_rate=2e-2, rows_per_step=4, micro_rows=4, warmup=0.1)
    stage = SFT(model, tokenize_examples(PAIRS, tokenizer, config, True), tokenizer.pad_token_id, config, 0)
    with tempfile.TemporaryDirectory() as folder:
        for _ in train(stage, Path(folder), "taught"):
            pass
    return model.state_dict()


def make_model(*, taught: bool = False):
    """A fresh model each time."""
    model = _build()
    if taught:
        model.load_state_dict(copy.deepcopy(_teach()))
    return model.eval()


def sft_config(**changes) -> SFTConfig:
    known = {
        "examples": [{"source": "world", "n": 1}],
        "steps": 6,
        "learning_rate": 5e-3,
        "pack_length": 512,
        "rows_per_step": 3,
        "micro_rows": 2,
        "checkpoint_every": 2,
    }
    return SFTConfig.model_validate(known | changes)


def grpo_config(**changes) -> GRPOConfig:
    known = {
        "cases": [{"source": "world", "n": 1}],
        "steps": 3,
        "learning_rate": 5e-3,
        "cases_per_step": 2,
        "group_size": 4,
        "micro_rollouts": 3,
        "checkpoint_every": 2,
        "sampling": {"max_new_tokens": 80, "batch_size": 64},
    }
    return GRPOConfig.model_validate(known | changes)


def make_sft(
    config: SFTConfig, seed: int = 0, *, dropout: float = 0.0, taught: bool = False, pairs=PAIRS
) -> SFT:
    tokenizer = make_tokenizer()
    adapted = add_adapter(make_model(taught=taught), AdapterConfig(rank=4, alpha=4, dropout=dropout), seed)
    return SFT(
        adapted, tokenize_examples(pairs, tokenizer, config, True), tokenizer.pad_token_id, config, seed
    )


def make_grpo(config: GRPOConfig, seed: int = 0, *, dropout: float = 0.0, cases=CASES, rank: int = 4) -> GRPO:
    adapted = add_adapter(
        make_model(taught=True), AdapterConfig(rank=rank, alpha=rank, dropout=dropout), seed
    )
    engine = LocalEngine(merge_copy(adapted), make_tokenizer(), name="policy")
    return GRPO(adapted, engine, cases, config, seed)


def read_weights(stage) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in list_trainable(stage.model).items()}


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    """Bit for bit, and not for want of training."""
    assert a.keys() == b.keys() and a
    for name in a:
        assert torch.equal(a[name], b[name]), name
