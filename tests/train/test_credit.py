"""Credit of steps: each against its like, onto the tokens that wrote it, and into the gradient."""

import pytest
import torch
from accelerate import Accelerator
from small import CASES, grpo_config, make_grpo, make_tokenizer
from tiny_models import make_tokenizer as make_other_tokenizer

from gazal.core.case import Case
from gazal.core.chat import write_reply
from gazal.core.score import Score, StepScore, Verdict
from gazal.core.trace import Trace
from gazal.engine.base import Rollout
from gazal.score.compose import compose
from gazal.score.steps import weigh_steps
from gazal.train.advantage import Advantages, compare_steps
from gazal.train.asking import Group, has_signal
from gazal.train.credit import find_credits
from gazal.train.rollouts import collect_learnable, pack_learnable, unpack_learnable
from gazal.world.generate import make_cases
from gazal.world.solve import solve

SUPPORTS = {1: "supported", 0: "unknown", -1: "contradicted"}


def judge(*worth: int, answer: float = 1.0, judge: str = "grounding") -> Verdict:
    steps = tuple(StepScore(support=SUPPORTS[w], why="so") for w in worth)
    scores = {"answer": Score(value=answer, why="right"), judge: Score(value=0.0, why="so", steps=steps)}
    return Verdict(case_id="c/t/1", sample=0, scores=scores, total=0.5, parts={"answer": 0.5})


def write(text: str, tokenizer, sample: int = 0) -> Rollout:
    tokens = (*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id)
    return Rollout(
        trace=Trace(case_id="c/t/1", text=text, sample=sample, n_tokens=len(tokens)),
        prompt_tokens=(5, 6),
        tokens=tokens,
        logprobs=(-0.5,) * len(tokens),
    )


def group(rollouts, verdicts) -> Group:
    return Group(case=CASES[0], rollouts=tuple(rollouts), verdicts=tuple(verdicts))


def test_a_step_is_compared_with_the_same_step_of_the_other_replies():
    assert compare_steps([[1, -1, 1], [1, 1], [1, 0, -1, 1], []]) == [
        [0.0, -1.0, 1.0],
        [0.0, 1.0],
        [0.0, 0.0, -1.0, 0.0],
        [],
    ]
    assert compare_steps([]) == []


def test_the_process_judge_is_asked_before_grounding():
    both = judge(1, -1)
    scores = {**both.scores, **judge(-1, 1, judge="process").scores}
    assert weigh_steps(Verdict(case_id="c/t/1", sample=0, scores=scores)) == [-1.0, 1.0]
    assert weigh_steps(both) == [1.0, -1.0]
    nothing = {**both.scores, "process": Score(value=None, why="no_truth")}
    assert weigh_steps(Verdict(case_id="c/t/1", sample=0, scores=nothing)) == [1.0, -1.0]


@pytest.mark.parametrize("make", [make_tokenizer, make_other_tokenizer], ids=["bytes", "other"])
@pytest.mark.parametrize("words", [("one", "two", "three"), ("naïve – 5 µg", "日本 🙂", "three")])
def test_each_token_has_the_credit_of_the_step_that_it_stands_in(make, words):
    tokenizer = make()
    first = write(write_reply(words, "Give A.", "A"), tokenizer)
    second = write(write_reply(words[:2], "Give B.", "B"), tokenizer, 1)
    credits = find_credits([group([first, second], [judge(1, -1, 1), judge(1, 1)])], 0.5, tokenizer)
    step = tokenizer(f"Step 2: {words[1]}", add_special_tokens=False)["input_ids"]
    for rollout, credit, value in zip((first, second), credits, (-0.5, 0.5), strict=True):
        assert len(credit) == len(rollout.tokens) and set(credit) == {0.0, value}
        told = [token for token, c in zip(rollout.tokens, credit, strict=True) if c == value]
        assert tokenizer.decode(told).strip() == tokenizer.decode(step)


def test_a_weight_of_0_gives_no_credit():
    rollout = write(write_reply(("one", "two"), "Give A.", "A"), make_tokenizer())
    assert find_credits([group([rollout], [judge(1, -1)])], 0.0, make_tokenizer()) == [()]


def test_equal_rewards_with_unequal_steps_are_a_signal_only_with_step_credit():
    rollouts = [write(write_reply(("one", "two"), "Give A.", "A"), make_tokenizer(), n) for n in (0, 1)]
    equal = group(rollouts, [judge(1, -1), judge(1, 1)])
    assert not has_signal(equal, grpo_config())
    assert has_signal(equal, grpo_config(step_credit=0.5))
    assert not has_signal(group(rollouts, [judge(1, 1)] * 2), grpo_config(step_credit=0.5))


def test_world_cases_give_credit_to_the_step_that_was_changed():
    case: Case = next(c for c in make_cases(n=9, seed=3) if c.kind == "prognosis")
    good, tokenizer = solve(case).text, make_tokenizer()
    bad = good.replace("so far", "and so far", 1).replace("A total of ", "A total of 9", 1)
    rollouts = [write(text, tokenizer, n) for n, text in enumerate((good, good, bad))]
    config = grpo_config(step_credit=1.0)
    verdicts = [compose(case, r.trace, config.reward, max_new_tokens=400) for r in rollouts]
    credits = find_credits(
        [Group(case=case, rollouts=tuple(rollouts), verdicts=tuple(verdicts))], 1.0, tokenizer
    )
    told = [
        tokenizer.decode([t for t, c in zip(r.tokens, credit, strict=True) if c < 0])
        for r, credit in zip(rollouts, credits, strict=True)
    ]
    assert told[:2] == ["", ""] and "A total of 9" in told[2] and "Step 1" not in told[2]


def test_a_checkpoint_keeps_credit():
    rollouts = [write("<think>\nStep 1: so\n</think>", make_tokenizer(), n) for n in (0, 1)]
    advantages = Advantages(values_PG=((0.5, -0.5),), frac_zero_std=0.0, mean_abs=0.5)
    credits = [tuple(0.25 * (n + k) for k in range(len(r.tokens))) for n, r in enumerate(rollouts)]
    for masked in ([False, False], [True, False]):
        items = collect_learnable(rollouts, advantages, credits, masked)
        assert unpack_learnable(pack_learnable(items)) == items
    plain = collect_learnable(rollouts, advantages, [(), ()], [False, False])
    assert unpack_learnable(pack_learnable(plain)) == plain and "credit_N" not in pack_learnable(plain)


def test_credit_pushes_the_tokens_of_its_step_alone():
    """The gradient with credit is that of the advantage plus that of each credited token by itself."""
    stage = make_grpo(grpo_config(step_credit=1.0, micro_rollouts=8, engine_drift=1e9))
    tokenizer = make_tokenizer()
    rollouts = [
        write(write_reply(("one", word), f"Give {word}.", "A"), tokenizer, n)
        for n, word in enumerate(("this", "that", "this and that"))
    ]
    advantages = Advantages(values_PG=((0.0, 0.0, 0.0),), frac_zero_std=1.0, mean_abs=0.0)
    credits = find_credits([group(rollouts, [judge(1, 1), judge(1, -1), judge(1, 1)])], 1.0, tokenizer)
    stage._learnable = collect_learnable(rollouts, advantages, credits, [False] * 3)
    accelerator = Accelerator(cpu=True)
    stage._roll = lambda *_: ({}, [])  # The rollouts are those above.
    batch = stage.make_batch(0, accelerator)
    (micro,) = batch.micros
    loss, _ = stage.find_loss(micro, batch.n_tokens, accelerator.device)
    loss.backward()
    found = {n: p.grad.clone() for n, p in stage.model.named_parameters() if p.grad is not None}
    stage.model.zero_grad()
    logp_N = stage._find_logprobs([stage._learnable[k] for k in micro.numbers], accelerator.device)
    credit_N = torch.tensor([c for k in micro.numbers for c in stage._learnable[k].credit])
    assert (credit_N > 0).any() and (credit_N < 0).any() and (credit_N == 0).any()
    (-(credit_N * logp_N).sum() / batch.n_tokens).backward()
    for name, p in stage.model.named_parameters():
        if name in found:
            torch.testing.assert_close(found[name], p.grad, rtol=1e-4, atol=1e-7)
    assert max(float(g.abs().max()) for g in found.values()) > 1e-6
