"""One SFT and one GRPO stage on random tokens, at the shape of a published model: what `gpu_shape` times."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, cast

import torch
from peft import PeftModel
from transformers import Qwen3Config, Qwen3ForCausalLM

from gazal.config.adapter import AdapterConfig
from gazal.config.data import WorldSource
from gazal.config.engine import EngineConfig
from gazal.config.grpo import GRPOConfig
from gazal.config.model import ModelConfig
from gazal.config.sampling import Sampling
from gazal.config.sft import SFTConfig
from gazal.curate.gather import gather_cases
from gazal.engine.local import SharedEngine
from gazal.model.adapter import add_adapter
from gazal.model.load import load_tokenizer
from gazal.model.memory import Build, estimate_grpo, estimate_sft
from gazal.model.shape import Shape, list_linears
from gazal.train.batch import Tokens
from gazal.train.checkpoint import Kept
from gazal.train.grpo import GRPO
from gazal.train.rollouts import Learnable, pack_learnable
from gazal.train.sft import SFT


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How much goes through the model in one step of each stage."""

    rows: int
    """Of SFT, each full; the micro-batch is one."""
    length: int
    """Tokens of a row."""
    group: int
    """Replies of GRPO to one prompt; the micro-batch is ``micro``."""
    micro: int
    prompt: int
    reply: int
    """Tokens of the longest; the others have half of it to all."""


def make_sft_config(work: Work) -> SFTConfig:
    """Rows of one example each, so that every token but the prompt's is learnt."""
    return SFTConfig(
        examples=(WorldSource(n=1),),  # Is not read: examples are handed over.
        steps=2,
        learning_rate=1e-5,
        pack_length=work.length,
        rows_per_step=work.rows,
        micro_rows=1,
    )


def make_grpo_config(work: Work) -> GRPOConfig:
    """One group, two passes: old log-probabilities are given and nothing is asked."""
    return GRPOConfig(
        cases=(WorldSource(n=1),),
        steps=1,
        passes=2,
        learning_rate=1e-5,
        cases_per_step=1,
        group_size=work.group,
        micro_rollouts=work.micro,
        engine=EngineConfig(kind="shared"),
        engine_drift=1e9,  # The log-probabilities are made up.
        sampling=Sampling(max_new_tokens=work.reply),
    )


def find_layers(build: Build, work: Work, room: int) -> int:
    """The most layers whose estimates of both stages fit into ``room`` bytes.

    Raises:
        SystemExit: Not even one fits.
    """
    for layers in range(build.shape.layers, 0, -1):
        cut = Build(shape=with_layers(build.shape, layers), model=build.model, adapter=build.adapter)
        learning = estimate_sft(cut, make_sft_config(work))[0], estimate_grpo(cut, make_grpo_config(work))[1]
        if max(phase.total for phase in learning) <= room:
            return layers
    raise SystemExit(f"not one layer fits into {room / 1e9:.1f} GB. Lower --rank, --length or --micro.")


def with_layers(shape: Shape, layers: int) -> Shape:
    """The same shape with another number of layers."""
    return replace(shape, layers=layers)


def make_model(shape: Shape, build: Build, device: torch.device) -> PeftModel:
    """A random Qwen3 of this shape, made where it stays, with a fresh adapter."""
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_width,
        max_position_embeddings=shape.context,
        tie_word_embeddings=shape.tied,
        bos_token_id=None,
        eos_token_id=None,
    )
    config._attn_implementation = build.model.attention
    with torch.device(device):
        plain = Qwen3ForCausalLM._from_config(config, dtype=getattr(torch, build.model.dtype)).eval()
    if build.model.gradient_checkpointing:
        plain.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    assert build.adapter is not None
    return add_adapter(plain, build.adapter, 0)


def make_sft(model: PeftModel, work: Work, vocabulary: int) -> SFT:
    """Rows of random tokens, the first eighth of each a prompt."""
    rng, prompt = Random(0), max(1, work.length // 8)
    examples = [
        Tokens(prompt=_draw(rng, prompt, vocabulary), completion=_draw(rng, work.length - prompt, vocabulary))
        for _ in range(work.rows)
    ]
    return SFT(model, examples, 0, make_sft_config(work), 0)


def make_grpo(model: PeftModel, work: Work, vocabulary: int) -> GRPO:
    """The stage with random replies put back as after a restart."""
    rng, logp = Random(1), -float(torch.log(torch.tensor(float(vocabulary))))
    prompt = _draw(rng, work.prompt, vocabulary)
    lengths = [work.reply, *(rng.randint(max(1, work.reply // 2), work.reply) for _ in range(work.group - 1))]
    items = [
        Learnable(
            tokens=Tokens(prompt=prompt, completion=_draw(rng, n, vocabulary)),
            advantage=1.0 if k % 2 else -1.0,
            sampled=(logp,) * n,
            old=(logp,) * n,
        )
        for k, n in enumerate(lengths)
    ]
    engine = SharedEngine(cast(Any, model.get_base_model()), load_tokenizer(ModelConfig()), name="none")
    config = make_grpo_config(work)
    grpo = GRPO(model, engine, list(gather_cases(config.cases, 0)), config, 0)
    grpo.restore(Kept(tensors=pack_learnable(items)))
    return grpo


def count_work(shape: Shape, adapter: AdapterConfig, rows: Sequence[tuple[int, int]]) -> float:
    """Floating-point operations that a step cannot do without.

    Twice the products of a frozen weight: forward, and for the gradient of what it reads; three times those
    of the adapter; attention over the causal half, forward and twice backward. What checkpointing computes
    again, what padding costs and a prompt that is read more than once do not count.

    Args:
        shape: Of the model.
        adapter: Its adapter.
        rows: (tokens read, tokens scored) of each sequence.
    """
    linears = list_linears(shape).values()
    frozen = shape.layers * sum(n_in * n_out for n_in, n_out in linears)
    added = shape.layers * adapter.rank * sum(n_in + n_out for n_in, n_out in linears)
    head, queries = shape.vocabulary * shape.width, shape.heads * shape.head_width
    read, scored = (sum(column) for column in zip(*rows, strict=True))
    squares = sum(n * n / 2 for n, _ in rows)
    products = read * (2 * frozen + 3 * added) + scored * 2 * head + 3 * 2 * squares * queries * shape.layers
    return 2.0 * products


def _draw(rng: Random, n: int, vocabulary: int) -> tuple[int, ...]:
    return tuple(rng.randrange(vocabulary) for _ in range(n))
