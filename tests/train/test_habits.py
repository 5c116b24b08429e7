"""Habits of a policy, from its replies."""

import pytest

from gazal.config.reward import RewardConfig
from gazal.core.case import Case
from gazal.core.chat import write_reply
from gazal.core.trace import Trace
from gazal.engine.base import Rollout
from gazal.score.compose import compose
from gazal.train.asking import Group
from gazal.train.habits import describe_habits

OPTIONS = {"A": "this", "B": "that", "C": "those"}


def group(key, *texts):
    case = Case(
        id=f"h/train/{key}", kind="exam", question="Which?", options=OPTIONS, answer=key, licence="MIT"
    )
    traces = [Trace(case_id=case.id, sample=n, text=text, n_tokens=9) for n, text in enumerate(texts)]
    return Group(
        case=case,
        rollouts=tuple(Rollout(trace=t, prompt_tokens=(), tokens=(), logprobs=()) for t in traces),
        verdicts=tuple(compose(case, t, RewardConfig(), max_new_tokens=99) for t in traces),
    )


def reply(letter, *steps):
    return write_reply(
        steps or (f"This is about {letter} and nothing else at all today.",) * 1, "Said.", letter
    )


def test_the_favourite_letter_is_held_against_the_keys():
    even = describe_habits([group("A", reply("A"), reply("A")), group("B", reply("B"), reply("B"))])
    assert even["rollout/position"] == 0.0
    biased = describe_habits([group("A", reply("A"), reply("A")), group("B", reply("A"), reply("A"))])
    assert biased["rollout/position"] == 0.5
    assert describe_habits([group("A", "", "")])["rollout/position"] is None


def test_one_text_for_all_is_alike_and_two_texts_are_not():
    same = describe_habits([group("A", reply("A"), reply("A"))])["rollout/duplicates"]
    other = describe_habits(
        [group("A", reply("A"), write_reply(["Quite other words stand here for once."], "Well.", "B"))]
    )["rollout/duplicates"]
    assert same == 1.0 and other < 0.3


def test_what_cannot_be_read_is_counted():
    seen = describe_habits([group("A", reply("A"), "no box", r"\boxed{A}\boxed{B}", "")])
    assert seen["rollout/unparsed"] == pytest.approx(0.75)
