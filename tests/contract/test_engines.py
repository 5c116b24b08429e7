"""What every engine promises, checked for every engine in one place."""

from functools import cache

import pytest
import torch
from served_model import Service, say, start
from tiny_models import make_model, make_tokenizer, stir

from gazal.config.adapter import AdapterConfig
from gazal.config.endpoint import Endpoint
from gazal.config.sampling import Sampling
from gazal.core.chat import hash_prompt
from gazal.engine.api import ApiEngine
from gazal.engine.base import Request
from gazal.engine.local import LocalEngine, SharedEngine
from gazal.engine.scripted import ScriptedEngine
from gazal.errors import DataError
from gazal.model.adapter import add_adapter
from gazal.model.chat import write_prompt_tokens

TEXTS = ["Fever.", "Which of these, and why is it so?", "Cough and fever for three days now."]
REPLIES = {
    "toy/test/0": ["b"],
    "toy/test/1": ["<think>\nStep 1: x\n</think>\n\\boxed{A}", "no"],
    "toy/test/2": ["", "a very long reply that goes on and on"],
}
REQUESTS = [
    Request(case_id=f"toy/test/{number}", sample=sample, prompt=TEXTS[number])
    for sample in range(4)
    for number in (2, 0, 1)
]
SAMPLING = Sampling(max_new_tokens=20)


def make_local():
    model = make_model()
    model.generation_config.eos_token_id = [258, *range(30)]
    return LocalEngine(model, make_tokenizer(), name="local")


def make_shared():
    adapted = add_adapter(make_model(), AdapterConfig(rank=4), seed=1)
    stir(adapted)
    model = adapted.get_base_model()
    model.generation_config.eos_token_id = [258, *range(30)]
    return SharedEngine(model, make_tokenizer(), name="shared")


def make_scripted():
    return ScriptedEngine(REPLIES, make_tokenizer(), name="scripted")


def make_function():
    return ScriptedEngine(lambda request: "step " * request.sample * 3, make_tokenizer(), name="function")


def make_bare():
    return ScriptedEngine(REPLIES, name="bare")


@cache
def find_service() -> Service:
    """One for all tests: a seeded model, whose replies to some requests are there later."""

    def answer(body, before):
        text = f"{body['messages'][0]['content'][::-1]} {body['seed']}"
        return say(text, finish="length" if body["seed"] % 2 else "stop", after_s=0.002 * (body["seed"] % 9))

    return start(answer)[0]


def make_api():
    return ApiEngine(Endpoint(url=find_service().url, model="m"), name="api")


ENGINES = {
    "local": make_local,
    "shared": make_shared,
    "scripted": make_scripted,
    "function": make_function,
    "bare": make_bare,
    "api": make_api,
}
WITH_TOKENS = {name: make for name, make in ENGINES.items() if name not in ("bare", "api")}
STREAMING = {name: make for name, make in ENGINES.items() if name in ("local", "shared", "api")}
every_engine = pytest.mark.parametrize("make", ENGINES.values(), ids=ENGINES)
every_streaming_engine = pytest.mark.parametrize("make", STREAMING.values(), ids=STREAMING)
every_engine_with_tokens = pytest.mark.parametrize("make", WITH_TOKENS.values(), ids=WITH_TOKENS)


@every_engine
def test_one_rollout_per_request_in_their_order(make):
    engine = make()
    rollouts = engine.generate(REQUESTS, SAMPLING, 0)
    assert len(rollouts) == len(REQUESTS)
    for request, rollout in zip(REQUESTS, rollouts, strict=True):
        trace = rollout.trace
        assert (trace.case_id, trace.sample) == (request.case_id, request.sample)
        assert (trace.model, trace.prompt_hash) == (engine.name, hash_prompt(request.prompt))
        assert trace.stop in ("end", "length") and trace.pred is None


@every_engine
def test_nothing_asked_nothing_said(make):
    assert make().generate([], SAMPLING, 0) == []


@every_engine
def test_the_same_call_gives_the_same_rollouts(make):
    engine = make()
    first = engine.generate(REQUESTS, SAMPLING, 3)
    assert engine.generate(REQUESTS, SAMPLING, 3) == first == make().generate(REQUESTS, SAMPLING, 3)


@every_engine
def test_the_same_request_twice_is_answered_twice(make):
    first, _, second = make().generate([REQUESTS[0], REQUESTS[1], REQUESTS[0]], SAMPLING, 0)
    assert first.trace == second.trace


@every_engine
def test_a_reply_depends_on_its_own_request_and_the_seed(make):
    engine = make()
    alone = [engine.generate([request], SAMPLING, 3)[0].trace for request in REQUESTS[:4]]
    assert alone == [rollout.trace for rollout in engine.generate(REQUESTS, SAMPLING, 3)[:4]]


@every_streaming_engine
def test_a_stream_holds_what_generate_gives(make):
    engine = make()
    streamed = {(r.trace.case_id, r.trace.sample): r for r in engine.stream(REQUESTS, SAMPLING, 3)}
    whole = {(r.trace.case_id, r.trace.sample): r for r in engine.generate(REQUESTS, SAMPLING, 3)}
    assert streamed == whole and len(streamed) == len(REQUESTS)
    assert [*engine.stream([], SAMPLING, 3)] == []


@every_streaming_engine
def test_a_stream_that_is_left_leaves_the_engine_as_it_was(make):
    engine = make()
    stream = engine.stream(REQUESTS, SAMPLING, 3)
    first = next(stream)
    stream.close()
    assert first in engine.generate(REQUESTS, SAMPLING, 3)


@every_engine_with_tokens
def test_tokens_say_what_the_trace_says(make):
    tokenizer, stops = make_tokenizer(), set()
    for request, rollout in zip(REQUESTS, make().generate(REQUESTS, SAMPLING, 0), strict=True):
        tokens, trace = list(rollout.tokens), rollout.trace
        assert list(rollout.prompt_tokens) == write_prompt_tokens(tokenizer, request.prompt, True)
        assert len(rollout.logprobs) == len(tokens) == trace.n_tokens
        assert all(logprob <= 0.0 for logprob in rollout.logprobs)
        stops.add(trace.stop)
        if trace.stop == "end":
            assert tokens[-1] == 258 or tokens[-1] < 30  # The stop token is kept ...
            assert len(tokens) <= SAMPLING.max_new_tokens
            tokens = tokens[:-1]
        else:
            assert len(tokens) == SAMPLING.max_new_tokens
        assert trace.text == tokenizer.decode(tokens)  # ... and is not part of the text.
        assert not trace.text.endswith("<|im_end|>")
    assert stops == {"end", "length"}


def test_sample_k_says_the_kth_reply():
    rollouts = make_bare().generate(REQUESTS, SAMPLING, 0)
    said = {(rollout.trace.case_id[-1], rollout.trace.sample): rollout.trace for rollout in rollouts}
    assert [said["1", sample].text for sample in range(4)] == REPLIES["toy/test/1"] * 2
    assert said["1", 0].answer == "A" and said["1", 0].n_tokens is None
    assert all(rollout.tokens == rollout.logprobs == rollout.prompt_tokens == () for rollout in rollouts)


def test_a_script_without_a_line_says_so():
    nobody = Request(case_id="toy/test/9", sample=0, prompt="?")
    with pytest.raises(DataError, match="toy/test/9"):
        make_bare().generate([nobody], SAMPLING, 0)


def test_a_script_leaves_torch_alone():
    before = torch.random.get_rng_state()
    make_scripted().generate(REQUESTS, SAMPLING, 0)
    assert torch.equal(torch.random.get_rng_state(), before)
