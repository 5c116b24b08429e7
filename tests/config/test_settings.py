"""Every setting is closed, frozen and strict; values that cannot work together are refused."""

import math
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from gazal.config.adapter import AdapterConfig
from gazal.config.alarms import AlarmsConfig, Remedy, TruthChannel
from gazal.config.base import Settings
from gazal.config.data import CuratedSource, FileSource, SuiteSource, WorldSource
from gazal.config.endpoint import Endpoint
from gazal.config.engine import EngineConfig
from gazal.config.evaluate import EvaluateConfig
from gazal.config.grpo import GRPOConfig
from gazal.config.model import ModelConfig
from gazal.config.optim import OptimConfig
from gazal.config.pretrain import PretrainConfig, TinyShape
from gazal.config.recipe import Recipe
from gazal.config.reward import SHAPERS, RewardConfig
from gazal.config.sampling import Sampling
from gazal.config.sft import SFTConfig
from gazal.score.table import build_judges

CASES = (WorldSource(n=7),)
STEPS = {"steps": 3, "learning_rate": 1e-4}
WHOLE = (
    ModelConfig(),
    AdapterConfig(),
    WorldSource(n=7),
    SuiteSource(suite="medqa_4opt"),
    CuratedSource(path=Path("sets/one")),
    FileSource.model_validate({"cases": "cases.jsonl"}),
    SFTConfig(examples=CASES, **STEPS),
    GRPOConfig(cases=CASES, **STEPS),
    PretrainConfig(passages=9, **STEPS),
    TinyShape(),
    EvaluateConfig(cases=CASES),
    EngineConfig(kind="vllm", address="http://127.0.0.1:8000"),
    Endpoint(url="http://127.0.0.1:8000/v1", model="m"),
    Sampling(),
    RewardConfig(),
    AlarmsConfig(),
    Remedy(),
    TruthChannel(cases=(WorldSource(n=7, split="validation", twins=True),)),
    OptimConfig(**STEPS),
    Recipe(name="t"),
)
FIELDS = [(config, name) for config in WHOLE for name in type(config).model_fields]


def with_value(config: Settings, name: str, value):
    return type(config).model_validate({**config.model_dump(), name: value})


def test_all_settings_are_looked_at():
    def below(kind):
        return {kind, *(inner for child in kind.__subclasses__() for inner in below(child))}

    assert {type(config) for config in WHOLE} == below(Settings) - {Settings}


@pytest.mark.parametrize("config", WHOLE, ids=lambda c: type(c).__name__)
def test_settings_are_closed_frozen_and_read_back(config):
    with pytest.raises(ValidationError, match="extra_forbidden"):
        with_value(config, "sise", 3)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(config, next(iter(type(config).model_fields)), 3)
    assert type(config).model_validate(config.model_dump(mode="json")) == config


def kinds_of(annotation) -> set:
    inner = [arg for arg in get_args(annotation) if isinstance(arg, type) or get_args(arg)]
    return {annotation}.union(*(kinds_of(arg) for arg in inner))


@pytest.mark.parametrize("config, name", FIELDS, ids=lambda x: x if isinstance(x, str) else type(x).__name__)
def test_types_are_strict(config, name):
    kinds = kinds_of(type(config).model_fields[name].annotation)
    if int in kinds:
        wrong = ["3", 3.0, True, "many", math.nan]
    elif float in kinds:
        wrong = ["0.5", True, math.nan, math.inf, -math.inf, "many"]
        low_enough = with_value(config, name, 0) if name in ("temperature", "kl") else None
        assert low_enough is None or isinstance(getattr(low_enough, name), float)
    elif bool in kinds:
        wrong = ["true", 1, 0, "yes"]
    else:
        wrong = [3, True, 0.5, b"x"]
    for value in wrong:
        with pytest.raises(ValidationError):
            with_value(config, name, value)


def test_a_whole_number_is_fine_where_a_number_is_asked_for():
    alpha = AdapterConfig.model_validate({"alpha": 16}).alpha
    assert alpha == 16.0 and isinstance(alpha, float)


@pytest.mark.parametrize(
    "rank, alpha, stable, scale", [(16, 8.0, True, 2.0), (16, 8.0, False, 0.5), (9, 6.0, True, 2.0)]
)
def test_scale(rank, alpha, stable, scale):
    assert AdapterConfig(rank=rank, alpha=alpha, rank_stable=stable).scale == pytest.approx(scale)


def test_how_many_cases_a_run_needs():
    config = GRPOConfig(cases=CASES, cases_per_step=4, **STEPS)
    assert "grpo.cases_per_step asks for 4" in (config.object_to_cases(3) or "")
    assert config.object_to_cases(4) is None
    dynamic = config.model_copy(update={"dynamic_sampling": 1})
    assert "no other to put in a place" in (dynamic.object_to_cases(4) or "")
    assert dynamic.object_to_cases(5) is None
    for reward in (RewardConfig(rubric=0.1), RewardConfig(gates={"rubric": 0.5})):
        asked = config.model_copy(update={"reward": reward})
        assert "training asks no model for opinions" in (asked.object_to_cases(4) or "")


def test_greedy_is_temperature_zero():
    assert Sampling(temperature=0.0).greedy
    assert not Sampling(temperature=1e-6).greedy and not Sampling().greedy
    assert EvaluateConfig(cases=CASES).sampling.greedy


def test_length_target_follows_what_may_be_written_unless_given():
    assert RewardConfig().find_length_target(320) == 192
    assert RewardConfig().find_length_target(1) == 1
    assert RewardConfig(length_target=50).find_length_target(320) == 50


NO_SHAPING = {"format": 0, "length": 0, "repetition": 0, "grounding": 0}
OUT_OF_RANGE = [
    (SFTConfig, "warmup", [1.0, 1, -0.1]),
    (SFTConfig, "final_learning_rate", [1.1, -0.1]),
    (SFTConfig, "learning_rate", [0, -1e-4, 1.0]),
    (SFTConfig, "steps", [0, -1]),
    (SFTConfig, "beta2", [0, 1]),
    (SFTConfig, "max_grad_norm", [0]),
    (SFTConfig, "checkpoint_every", [0]),
    (SFTConfig, "restart_at", [0, 10**9]),
    (SFTConfig, "optimizer", ["sgd", "Muon"]),
    (SFTConfig, "muon_share", [0, 1.1]),
    (SFTConfig, "examples", [(), []]),
    (SFTConfig, "pack_length", [1]),
    (GRPOConfig, "group_size", [1, 0, -3]),
    (GRPOConfig, "passes", [0]),
    (GRPOConfig, "clip_low", [0, 1]),
    (GRPOConfig, "clip_high", [0]),
    (GRPOConfig, "kl", [-0.1]),
    (Endpoint, "url", ["127.0.0.1:8000", "ftp://a", "http://", "http://u:p@a/v1", "http://a/v1?key=b"]),
    (Endpoint, "key_variable", ["", "1A", "A B"]),
    (Endpoint, "timeout_s", [0]),
    (Endpoint, "retries", [-1]),
    (EngineConfig, "kind", ["sglang", "VLLM"]),
    (EngineConfig, "address", ["127.0.0.1:8000", "ftp://a", "http://", "http://a b", "http://a/?b"]),
    (EngineConfig, "memory", [0, 1]),
    (EngineConfig, "context", [0]),
    (GRPOConfig, "advantage", ["gdpo", "per component"]),
    (GRPOConfig, "dynamic_sampling", [-1, True, 1.5]),
    (GRPOConfig, "mask_truncated", [1, "yes"]),
    (Sampling, "temperature", [-0.1]),
    (Sampling, "top_p", [0, 1.1]),
    (Sampling, "top_k", [-1]),
    (Sampling, "max_new_tokens", [0]),
    (AdapterConfig, "rank", [0]),
    (AdapterConfig, "alpha", [0]),
    (AdapterConfig, "dropout", [1]),
    (AdapterConfig, "targets", [[], "q_proj", ["q_proj", ""], ["q_proj", 3]]),
    (TinyShape, "head_width", [31, 0]),
    (TinyShape, "kv_heads", [4]),
    (WorldSource, "n", [0]),
    (WorldSource, "kinds", [["recal"], ["recall", "recall"], []]),
    (WorldSource, "split", ["dev"]),
    (RewardConfig, "format", [-0.1, 1.0]),
    (RewardConfig, "rubric", [-0.1, 1.0]),
    (RewardConfig, "gates", [{"format": -1.0}, {"format": 1.1}, {"answer": 0.5}, {"form": 0.5}, ["format"]]),
    (ModelConfig, "path", [""]),
    (Recipe, "seed", [-1]),
    (Recipe, "name", ["", "../x", "a/b", ".x", "a b"]),
]


@pytest.mark.parametrize("kind, name, values", OUT_OF_RANGE, ids=lambda x: getattr(x, "__name__", None))
def test_values_out_of_range_are_refused(kind, name, values):
    config = next(config for config in WHOLE if type(config) is kind)
    for value in values:
        with pytest.raises(ValidationError) as caught:
            with_value(config, name, value)
        assert any(name in error["loc"] or name in error["msg"] for error in caught.value.errors())


@pytest.mark.parametrize(
    "kind, changes, said",
    [
        (GRPOConfig, {"cases_per_step": 5, "group_size": 3, "minibatches": 4}, "= 15 rollouts do not divide"),
        (GRPOConfig, {"sampling": {"temperature": 0}}, "would be the same"),
        (GRPOConfig, {"reward": {"length_target": 320}}, "is never passed"),
        (EngineConfig, {"kind": "local"}, "is for vLLM, but kind is local"),
        (EngineConfig, {"address": None, "folder": "w"}, "folder 'w' is for a server"),
        (GRPOConfig, {"advantage": "per_component", "scale_advantages": True}, "scale_advantages is true"),
        (GRPOConfig, {"advantage": "per_component", "reward": NO_SHAPING}, "one component, the answer"),
        (RewardConfig, {"format": 0.5, "length": 0.2, "repetition": 0.2, "grounding": 0.1}, "add up to 1"),
        (RewardConfig, {"consistency": 0.1, "process": 0.2}, "process 0.2, consistency 0.1"),
        (RewardConfig, NO_SHAPING | {"gates": {"format": 0.5}}, "nothing to take away"),
        (TinyShape, {"heads": 6, "kv_heads": 4}, "not a multiple"),
        (PretrainConfig, {"pack_length": 4096}, "more than shape.context 2048"),
        (WorldSource, {"kinds": ["recall"], "twins": True}, "no twins"),
    ],
)
def test_values_that_cannot_work_together_are_refused(kind, changes, said):
    config = next(config for config in WHOLE if type(config) is kind)
    with pytest.raises(ValidationError, match=said):
        kind.model_validate({**config.model_dump(), **changes})


def test_values_at_the_edge_of_working_together_are_taken():
    GRPOConfig(cases=CASES, cases_per_step=5, group_size=3, minibatches=15, **STEPS)
    GRPOConfig(cases=CASES, reward=RewardConfig(length_target=319), **STEPS)
    GRPOConfig(cases=CASES, reward=RewardConfig(**NO_SHAPING), scale_advantages=True, **STEPS)
    only_format = RewardConfig(**NO_SHAPING | {"format": 0.1})
    GRPOConfig(cases=CASES, reward=only_format, advantage="per_component", **STEPS)
    RewardConfig(format=0.5, length=0.2, repetition=0.2, grounding=0.09)
    RewardConfig(gates=dict.fromkeys(SHAPERS, 1.0))
    PretrainConfig(passages=1, pack_length=2048, **STEPS)
    WorldSource(n=1, kinds=("recall", "diagnosis"), twins=True)
    OptimConfig(steps=1, learning_rate=0.5, warmup=0.0, final_learning_rate=1.0)


def test_every_shaper_is_a_weight_and_every_judge_of_the_table_may_be_paid():
    whole = RewardConfig(**dict.fromkeys(SHAPERS, 0.1))
    assert list(whole.weights) == list(SHAPERS) and set(whole.weights.values()) == {0.1}
    assert build_judges(length_target=1, length_limit=2).keys() - {"answer"} <= set(SHAPERS)
    assert RewardConfig().weights == {"format": 0.2, "length": 0.1, "repetition": 0.1, "grounding": 0.3}
