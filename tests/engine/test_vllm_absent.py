"""vLLM where it is not, or cannot be: what a user is told. Real vLLM is tested by ``make test-vllm``."""

import pytest
from tiny_models import make_model, make_tokenizer

import gazal.engine.vllm
from gazal.config.adapter import AdapterConfig
from gazal.config.engine import EngineConfig
from gazal.config.model import ModelConfig
from gazal.config.sampling import Sampling
from gazal.engine.base import Request
from gazal.engine.local import LocalEngine
from gazal.engine.vllm import write_params
from gazal.errors import ConfigError
from gazal.model.adapter import add_adapter
from gazal.train.stages import make_engine


def choose(**changes):
    adapted = add_adapter(make_model(), AdapterConfig(rank=2, alpha=2), 0)
    return make_engine(ModelConfig(), EngineConfig.model_validate(changes), adapted, make_tokenizer())


def test_the_engine_is_ours_unless_vllm_is_asked_for():
    assert type(choose()) is LocalEngine


def test_vllm_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(gazal.engine.vllm, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"vllm is not installed here. Run pip install 'gazal\[vllm\]'"):
        choose(kind="vllm")


def test_several_processes_are_refused(monkeypatch):
    monkeypatch.setattr(gazal.engine.vllm, "find_spec", lambda name: name)
    monkeypatch.setattr(gazal.engine.vllm, "count_processes", lambda: 2)
    with pytest.raises(ConfigError, match=r"one of 2. Start vllm serve"):
        choose(kind="vllm")


def test_a_server_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"127.0.0.1:9/v1/models does not answer"):
        choose(kind="vllm", address="http://127.0.0.1:9")


def test_seeds_fit_and_differ_by_seed_case_and_sample():
    def seed(seed, case, sample):
        request = Request(case_id=case, sample=sample, prompt="?")
        return write_params(Sampling(), request, seed, (1,))["seed"]

    drawn = [seed(s, case, sample) for s in range(9) for case in ("a/b/c", "a/b/d") for sample in range(9)]
    assert len(set(drawn)) == len(drawn) and all(0 <= value < 2**63 for value in drawn)
    assert seed(3, "a/b/c", 1) == seed(3, "a/b/c", 1)
