"""Credit of computations: at the tokens of their outcome, each against its like in other replies."""

import re
from dataclasses import replace

import pytest
from small import grpo_config, make_tokenizer
from tiny_models import make_tokenizer as make_other_tokenizer

from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.engine.base import Rollout
from gazal.score.compose import compose
from gazal.train.asking import Group, has_signal
from gazal.train.computations import add_credits, find_computation_credits
from gazal.train.credit import find_credits
from gazal.world.generate import make_cases
from gazal.world.solve import solve

CASES = list(make_cases(n=60, seed=3))
TOKENIZER = make_tokenizer()


def find_case(kind: str, said: str = "") -> Case:
    return next(case for case in CASES if case.kind == kind and said in solve(case).text)


def write(text: str, tokenizer=TOKENIZER, sample: int = 0) -> Rollout:
    tokens = (*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id)
    trace = Trace(case_id="c/t/1", text=text, sample=sample, n_tokens=len(tokens))
    return Rollout(trace=trace, prompt_tokens=(5, 6), tokens=tokens, logprobs=(-0.5,) * len(tokens))


def group(case: Case, texts, tokenizer=TOKENIZER) -> Group:
    rollouts = tuple(write(text, tokenizer, n) for n, text in enumerate(texts))
    return Group(case=case, rollouts=rollouts, verdicts=())


def read(rollout: Rollout, credit, tokenizer=TOKENIZER) -> dict[float, str]:
    """Text by credit, rounded."""
    told: dict[float, list[int]] = {}
    for token, value in zip(rollout.tokens, credit, strict=True):
        if value:
            told.setdefault(round(value, 3), []).append(token)
    return {value: tokenizer.decode(tokens).strip() for value, tokens in told.items()}


@pytest.mark.parametrize("make", [make_tokenizer, make_other_tokenizer], ids=["bytes", "other"])
@pytest.mark.parametrize(
    ("kind", "said", "instead", "blamed"),
    [
        ("diagnosis", "would be rare", "would be very common", "very common"),
        ("treatment", "no fact speaks against it.", "age rules it out.", "age rules it out."),
        ("prognosis", "A total of ", "A total of 9", "9"),
    ],
)
def test_a_computation_is_credited_where_its_outcome_stands(make, kind, said, instead, blamed):
    case, tokenizer = find_case(kind, said), make()
    good = solve(case).text
    asked = group(case, (good, good, good.replace(said, instead, 1)), tokenizer)
    first, second, third = find_computation_credits([asked], 0.5, tokenizer)
    # Right in all the others, and there is no other group: against 2 of 2, and 1 of 2.
    assert first == second and {c for c in first if c} == {0.25} and {c for c in third if c} == {-0.5}
    told = read(asked.rollouts[2], third, tokenizer)[-0.5]
    assert blamed in told and len(told) < len(blamed) + 30
    assert read(asked.rollouts[0], first, tokenizer)[0.25] in solve(case).text


@pytest.mark.parametrize(
    ("kind", "pattern", "instead", "blamed"),
    [
        ("prognosis", " so far", "9 so far", "9"),
        ("uncertainty", ": positive.", ": negative.", "negative"),
        ("treatment", "First choice is ", "Next comes ", None),
    ],
)
def test_a_slip_that_is_told_only_when_it_is_one_is_held_against_doing_it_right(
    kind, pattern, instead, blamed
):
    said = "Next comes" if kind == "treatment" else pattern
    case = find_case(kind, said)
    good = solve(case).text
    bad = good.replace(pattern, instead, 1)
    if kind == "treatment":  # The second drug as the first.
        second = good.partition("Next comes ")[2].partition(",")[0]
        first = good.partition("First choice is ")[2].partition(",")[0]
        bad, blamed = good.replace(f"First choice is {first}", f"First choice is {second}", 1), second
    asked = group(case, (good, good, bad))
    credits = find_computation_credits([asked], 1.0, TOKENIZER)
    assert any(blamed in text for value, text in read(asked.rollouts[2], credits[2]).items() if value < 0)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_of_a_sum_the_first_number_that_is_wrong_is_blamed(part):
    case = find_case("uncertainty", " + ")
    good = solve(case).text
    found = re.search(r"([\d.]+) \+ ([\d.]+) = ([\d.]+)", good)
    numbers = [*found.groups()]
    numbers[part] = f"9{numbers[part]}"
    bad = good.replace(found[0], "{} + {} = {}".format(*numbers), 1)
    asked = group(case, (good, good, bad))
    told = read(asked.rollouts[2], find_computation_credits([asked], 1.0, TOKENIZER)[2])
    assert told[-1.0].startswith(numbers[part])


def test_other_groups_say_how_hard_a_kind_of_computation_is():
    case, other = [c for c in CASES if c.kind == "prognosis"][:2]
    good, text = solve(case).text, solve(other).text
    bad = text.replace("A total of ", "A total of 9", 1)
    groups = [group(case, (good,) * 4), group(other, (bad,) * 2)]
    credits = find_computation_credits(groups, 1.0, TOKENIZER)
    # 3 of 3 others have the total right, and 0 of the other group's, which count as two replies.
    told = read(groups[0].rollouts[0], credits[0])
    assert told[0.4].startswith(good.partition("A total of ")[2][:1])
    alone = find_computation_credits(groups[:1], 1.0, TOKENIZER)
    assert not any(map(any, alone))


def test_a_reply_has_one_vote_however_often_it_says_a_thing():
    case = find_case("prognosis")
    good = solve(case).text
    wrong = next(line for line in good.splitlines() if "A total of " in line)
    number = wrong.partition("Step ")[2].partition(":")[0]
    once = good.replace("A total of ", "A total of 9", 1)
    slip = wrong.replace("A total of ", "A total of 9", 1).replace(f"Step {number}:", "Step 99:")
    often = once.replace("</think>", f"{slip}\n" * 20 + "</think>")
    firsts = [
        find_computation_credits([group(case, (good, good, bad))], 1.0, TOKENIZER)[0] for bad in (once, often)
    ]
    assert firsts[0] == firsts[1] and max(firsts[0]) == 0.5


def test_a_computation_that_all_get_right_or_that_is_no_case_s_pushes_nothing():
    case = find_case("uncertainty")
    for asked in (case, replace(case, truth=None)):
        same = group(asked, (solve(case).text,) * 3)
        assert not any(map(any, find_computation_credits([same], 1.0, TOKENIZER)))
        assert not has_signal(with_verdicts(same), grpo_config(computation_credit=0.5))
    assert find_computation_credits([same], 0.0, TOKENIZER) == [()] * 3


def with_verdicts(asked: Group) -> Group:
    """All of them equal."""
    config = grpo_config()
    verdict = compose(asked.case, asked.rollouts[0].trace, config.reward, max_new_tokens=400)
    return replace(asked, verdicts=(verdict,) * len(asked.rollouts))


def test_a_difference_in_a_computation_is_a_signal_only_with_credit_for_it():
    case = find_case("prognosis")
    good = solve(case).text
    differ = with_verdicts(group(case, (good, good.replace("A total of ", "A total of 9", 1))))
    assert has_signal(differ, grpo_config(computation_credit=0.5))
    assert not has_signal(differ, grpo_config())


def test_both_credits_add_up():
    case = find_case("prognosis")
    good = solve(case).text
    asked = group(case, (good, good.replace("A total of ", "A total of 9", 1)))
    config = grpo_config(step_credit=1.0, computation_credit=0.5)
    verdicts = [compose(case, r.trace, config.reward, max_new_tokens=400) for r in asked.rollouts]
    groups = [replace(asked, verdicts=tuple(verdicts))]
    steps, outcomes = find_credits(groups, 1.0, TOKENIZER), find_computation_credits(groups, 0.5, TOKENIZER)
    both = add_credits(groups, config, TOKENIZER)
    assert both == [tuple(map(sum, zip(a, b, strict=True))) for a, b in zip(steps, outcomes, strict=True)]
    assert add_credits(groups, grpo_config(step_credit=1.0), TOKENIZER) == steps
    assert add_credits(groups, grpo_config(computation_credit=0.5), TOKENIZER) == outcomes
    assert add_credits(groups, grpo_config(), TOKENIZER) == [(), ()]
