"""vLLM in this process, held against the local engine and the trainer."""

import pytest

pytest.importorskip("vllm", reason="make test-vllm installs it")

from small import CASES, grpo_config, make_tokenizer
from tiny_models import hash_weights
from wide import CLOSE, REQUESTS, SAMPLING, adapt, find_gap, make_model, start_engine

from gazal.config.sampling import Sampling
from gazal.core.chat import hash_prompt
from gazal.engine.base import Request
from gazal.engine.local import LocalEngine
from gazal.engine.vllm import VLLMEngine
from gazal.errors import ConfigError, TrainingError
from gazal.model.merge import merge_copy
from gazal.train.grpo import GRPO
from gazal.train.loop import train


def test_logprobs_are_those_of_the_model_that_was_handed_over_whatever_was_sampled_at(engine):
    adapted = adapt(stirred=0.3)
    before = hash_weights(adapted)
    engine.renew(adapted)
    rollouts = engine.generate(REQUESTS, SAMPLING, 0)
    assert {rollout.trace.stop for rollout in rollouts} <= {"end", "length"}
    gap = find_gap(adapted, rollouts)
    assert 0.0 < gap < CLOSE and find_gap(merge_copy(adapted), rollouts) < CLOSE
    assert find_gap(make_model(), rollouts) > 0.05, "not those of the base"
    assert hash_weights(adapted) == before


@pytest.mark.parametrize("targets", [("q_proj",), ("v_proj", "up_proj"), ("down_proj",)])
def test_layers_that_vllm_stacks_are_whole_where_one_of_them_is_adapted(engine, targets):
    engine.renew(adapt())
    adapted = adapt(*targets, stirred=0.5)
    # Whatever an earlier adapter changed goes back to the base with the first of the two.
    engine.renew(adapt(stirred=0.0))
    engine.renew(adapted)
    rollouts = engine.generate(REQUESTS, SAMPLING, 0)
    assert find_gap(adapted, rollouts) < CLOSE < 0.05 < find_gap(make_model(), rollouts)


def test_the_same_call_gives_the_same_rollouts_another_seed_or_sample_others(engine):
    engine.renew(adapt())
    first = engine.generate(REQUESTS, SAMPLING, 3)
    assert engine.generate(REQUESTS, SAMPLING, 3) == first
    assert engine.generate(REQUESTS, SAMPLING, 4) != first
    assert len({rollout.tokens for rollout in first if rollout.trace.case_id == CASES[0].id}) > 1
    again = {(r.trace.case_id, r.trace.sample): r for r in engine.generate(REQUESTS[::-1], SAMPLING, 3)}
    same = [again[r.trace.case_id, r.trace.sample].tokens == r.tokens for r in first]
    assert sum(same) >= len(same) - 1, "draws belong to requests, not to their order"


def test_greedy_replies_are_those_of_the_local_engine(engine):
    adapted, tokenizer = adapt(), make_tokenizer()
    engine.renew(adapted)
    greedy = Sampling(temperature=0.0, max_new_tokens=60)
    local = LocalEngine(merge_copy(adapted), tokenizer, name="policy").generate(REQUESTS[:6], greedy, 0)
    for ours, theirs in zip(local, engine.generate(REQUESTS[:6], greedy, 0), strict=True):
        assert ours.trace == theirs.trace and ours.tokens == theirs.tokens
        assert ours.prompt_tokens == theirs.prompt_tokens
        assert theirs.logprobs == pytest.approx(ours.logprobs, abs=CLOSE)


def test_a_prompt_that_does_not_fit_or_holds_a_control_token_is_an_error_and_the_others_are_written(engine):
    engine.renew(adapt())
    asked = [
        Request(case_id="a/b/long", sample=0, prompt="it was 7 days " * 70),
        REQUESTS[0],
        Request(case_id="a/b/bad", sample=0, prompt="x <|im_end|> y"),
    ]
    long, good, bad = engine.generate(asked, SAMPLING, 0)
    for rollout, request in ((long, asked[0]), (bad, asked[2])):
        assert rollout.trace.stop == "error" and rollout.tokens == rollout.logprobs == ()
        assert rollout.trace.case_id == request.case_id and rollout.trace.text == ""
        assert rollout.trace.prompt_hash == hash_prompt(request.prompt)
    assert good.tokens and good.trace.stop in ("end", "length")
    assert engine.generate([], SAMPLING, 0) == []


def test_more_prompts_than_go_through_at_once(engine):
    adapted = adapt()
    engine.renew(adapted)
    asked = [Request(case_id=f"a/b/{n}", sample=0, prompt=f"{n} days " + "and " * 200) for n in range(60)]
    rollouts = engine.generate(asked, SAMPLING, 0)
    assert sum(len(rollout.prompt_tokens) for rollout in rollouts) > 3 * 4096
    assert find_gap(adapted, rollouts) < CLOSE


def test_no_reply_is_read_from_what_other_weights_left_in_the_cache(engine):
    words = [f"it was {n} days " for n in range(90)]
    long = Request(case_id="a/b/c", sample=0, prompt="".join(words)[:520])
    for stirred in (0.1, 0.4):
        adapted = adapt(stirred=stirred)
        engine.renew(adapted)
        (rollout,) = engine.generate([long], SAMPLING, 0)
        assert len(rollout.prompt_tokens) > 2 * 128, "shorter than what vLLM keeps on a CPU"
        assert find_gap(adapted, [rollout]) < CLOSE


def make_stage(engine, **changes) -> GRPO:
    return GRPO(adapt(stirred=0.0), engine, CASES, grpo_config(**changes), 0)


def test_grpo_runs_on_vllm_with_new_weights_before_each_batch(engine, tmp_path):
    stage = make_stage(
        engine, steps=8, learning_rate=3e-3, warmup=0.0, schedule="constant", cases_per_step=4, group_size=8
    )
    base, versions, weights = hash_weights(stage.model), [int(engine.weight_version)], set()
    steps = []
    for step in train(stage, tmp_path, "mine"):
        steps.append(step.metrics)
        versions.append(int(engine.weight_version))
        weights.add(hash_weights(stage.model))
    assert versions == list(range(versions[0], versions[0] + 9)), "one hand-over a step"
    assert len(weights | {base}) == 9, "each step trained"
    assert all(0.0 < step["policy/engine_gap"] < CLOSE for step in steps)
    assert max(step["policy/engine_drift"] for step in steps) < 1e-8
    # What the last step learnt is not there yet; it is with the next hand-over.
    stale = engine.generate(REQUESTS, SAMPLING, 0)
    assert find_gap(stage.model, stale) > 10 * CLOSE
    engine.renew(stage.model)
    assert find_gap(stage.model, engine.generate(REQUESTS, SAMPLING, 0)) < CLOSE


@pytest.mark.parametrize("passes", [1, 2])
def test_the_alarm_goes_off_where_weights_do_not_arrive(engine, tmp_path, monkeypatch, passes):
    engine.renew(adapt(stirred=0.0))
    monkeypatch.setattr(VLLMEngine, "renew", lambda engine, adapted: None)
    stage = make_stage(engine, steps=12, passes=passes, learning_rate=3e-2, warmup=0.0, cases_per_step=4)
    drifts = []
    with pytest.raises(TrainingError, match=r"nats a token apart, and grpo.engine_drift is 0.05"):
        for step in train(stage, tmp_path, "mine"):
            drifts.append(step.metrics["policy/engine_drift"])
    assert drifts and drifts[0] < 1e-8, "the first batch is written by the weights that train"


def test_what_vllm_cannot_start_with_is_said(base):
    with pytest.raises(ConfigError, match=r"vLLM did not start.*grpo.engine.context"):
        start_engine(base, context=100_000)
