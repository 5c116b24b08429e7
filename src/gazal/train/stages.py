"""The training stages from files to files: load, train, save. What each learns from is in its own module."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from gazal.config.engine import EngineConfig
from gazal.config.grpo import GRPOConfig
from gazal.config.model import ModelConfig
from gazal.config.recipe import Recipe
from gazal.config.sft import SFTConfig
from gazal.core.case import Case
from gazal.core.stage import StageFolder
from gazal.core.store import ADAPTER, MERGED
from gazal.core.trace import Trace
from gazal.engine.base import RenewableEngine
from gazal.engine.local import LocalEngine, SharedEngine
from gazal.engine.replies import find_stops
from gazal.engine.vllm import VLLMEngine
from gazal.engine.vllm_server import VLLMServer
from gazal.errors import ConfigError
from gazal.model.adapter import add_adapter
from gazal.model.allocator import keep_freed_memory
from gazal.model.build import build_model, train_tokenizer
from gazal.model.card import write_card
from gazal.model.load import load_model, load_tokenizer
from gazal.model.merge import merge_copy
from gazal.model.processes import find_device, find_index, is_main
from gazal.model.save import save_adapter, save_model
from gazal.model.shards import find_start, is_sharded, shard
from gazal.model.unseen import spread_unseen
from gazal.train.grpo import GRPO
from gazal.train.loop import train
from gazal.train.pretrain import Pretraining, write_texts
from gazal.train.recover import train_watched
from gazal.train.sft import SFT, tokenize_examples
from gazal.train.step import Step


def run_pretraining(recipe: Recipe, stage: StageFolder) -> Iterator[Step]:
    """Make a small base model from nothing, with its tokenizer and card."""
    _prepare(recipe.seed)
    config = recipe.pretrain
    assert config is not None
    shape = config.shape
    tokenizer = train_tokenizer(write_texts(config, recipe.seed), shape.vocabulary, shape.context)
    model = build_model(shape, tokenizer, recipe.seed)
    model.to(find_device())  # pyright: ignore[reportArgumentType]
    pretraining = Pretraining(model, tokenizer, config, recipe.seed)
    yield from train(pretraining, stage.part, stage.fingerprint)
    spread_unseen(model, pretraining.seen, recipe.seed)
    if is_main():
        save_model(model, tokenizer, stage.part, dtype="bfloat16")
        write_card(stage.part, model, stage.made_from)


def run_sft(
    recipe: Recipe, pairs: Sequence[tuple[Case, Trace]], stage: StageFolder, counts: dict[str, Any]
) -> Iterator[Step]:
    """Teach the base worked replies; writes the adapter and a merged copy.

    Args:
        recipe: Base, adapter and the knobs of SFT.
        pairs: Cases with the replies to learn.
        stage: Where to work.
        counts: Filled with what went in.
    """
    _prepare(recipe.seed)
    config = recipe.sft
    assert isinstance(config, SFTConfig)
    tokenizer = load_tokenizer(recipe.model)
    model = load_model(recipe.model, find_start())
    adapted = add_adapter(model, recipe.adapter, recipe.seed)
    shard(adapted)
    examples = tokenize_examples(pairs, tokenizer, config, recipe.model.enable_thinking)
    counts |= {
        "examples": len(examples),
        "too_long": len(pairs) - len(examples),
        "longest": max(example.n for example in examples),
    }
    pad = cast(int, tokenizer.pad_token_id)
    yield from train(SFT(adapted, examples, pad, config, recipe.seed), stage.part, stage.fingerprint)
    _save(adapted, tokenizer, stage)


def run_grpo(
    recipe: Recipe,
    cases: Sequence[Case],
    start: Path | None,
    stage: StageFolder,
    held_out: Sequence[Case] = (),
) -> Iterator[Step]:
    """Reinforce what earns a reward; writes the adapter and a merged copy.

    Args:
        recipe: Base, adapter and the knobs of GRPO.
        cases: What to ask.
        start: Merged model of SFT; None starts from the base.
        stage: Where to work.
        held_out: Counterfactual pairs of the truth channel.

    Raises:
        Paused: An alarm asks for it. What is done is kept, and the same call goes on.
    """
    _prepare(recipe.seed)
    config = recipe.grpo
    assert isinstance(config, GRPOConfig)
    from_where = start_from(recipe.model, start)
    tokenizer, model = load_tokenizer(from_where), load_model(from_where, find_start())
    if start is not None:
        # The name goes into the adapter's files, which are the same wherever the run's folder is.
        name = os.path.relpath(start, stage.final.parent)
        model.name_or_path = model.config._name_or_path = name
    adapted = add_adapter(model, recipe.adapter, recipe.seed + 1)
    shard(adapted)
    engine = make_engine(from_where, config.engine, adapted, tokenizer)
    grpo = GRPO(adapted, engine, cases, config, recipe.seed)
    if held_out:
        grpo.hold_out(held_out)
    yield from train_watched(grpo, config.alarms, stage.part, stage.fingerprint)
    del engine, grpo  # With their copy of the weights, for another is made now.
    _save(adapted, tokenizer, stage)


def make_engine(
    base: ModelConfig, config: EngineConfig, adapted: PeftModel, tokenizer: PreTrainedTokenizerBase
) -> RenewableEngine:
    """What writes the rollouts of a model that is being trained.

    Args:
        base: Where the weights under the adapter came from.
        config: Which engine.
        adapted: The model that is trained.
        tokenizer: Its tokenizer.
    """
    if config.kind == "shared":
        if is_sharded(adapted):
            raise ConfigError(
                "grpo.engine.kind: shared cannot write with weights that FSDP spreads out. Use local."
            )
        plain = cast(PreTrainedModel, adapted.get_base_model())
        return SharedEngine(plain, tokenizer, enable_thinking=base.enable_thinking, name="policy")
    if config.kind == "local":
        return LocalEngine(
            merge_copy(adapted), tokenizer, enable_thinking=base.enable_thinking, name="policy"
        )
    stops = find_stops(cast(PreTrainedModel, adapted.get_base_model()), tokenizer)
    if config.address is not None:
        return VLLMServer(tokenizer, stops, config, enable_thinking=base.enable_thinking, name="policy")
    return VLLMEngine(base, tokenizer, stops, config, name="policy")


def _prepare(seed: int) -> None:
    keep_freed_memory()
    # Of dropout, whatever ran before in this process; each process drops out other places.
    torch.manual_seed(seed + 1_000_003 * find_index())


def _save(adapted: PeftModel, tokenizer: PreTrainedTokenizerBase, stage: StageFolder) -> None:
    """The adapter and a merged copy, by one process; where weights are sharded, the others give theirs."""
    if not is_sharded(adapted):
        adapted.cpu()  # The merged copy may not fit beside it on a GPU.
    save_adapter(adapted, stage.part / ADAPTER)
    if is_main() or is_sharded(adapted):
        merged = merge_copy(adapted)
        if is_main():
            save_model(merged, tokenizer, stage.part / MERGED)


def start_from(base: ModelConfig, merged: Path | None) -> ModelConfig:
    """The settings of the base, with the weights of a merged model where there is one."""
    return base if merged is None else base.model_copy(update={"path": str(merged), "revision": None})
