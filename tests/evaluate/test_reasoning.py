"""A model's own steps, altered: what stands before the letter, and what is made of the letters."""

from dataclasses import replace

import pytest
from tiny_models import make_model, make_tokenizer

from gazal.core.case import Case
from gazal.core.chat import read_reply, write_prompt, write_reply
from gazal.core.trace import Trace
from gazal.evaluate.reasoning import WHOLE, alter, corrupt, find_wrong, weigh_reasoning
from gazal.model.chat import write_example_tokens
from gazal.model.likelihood import choose_letter, score_replies

CASES = [
    Case(
        id=f"own/test/{n}",
        kind="exam",
        question=f"Which of the {n} is it?",
        options={"A": "gout", "B": "pseudogout", "C": "sepsis"},
        answer="A",
        licence="MIT",
    )
    for n in range(3)
]
STEPS = ["The joint is red.", "Gout fits, pseudogout does not.", "So gout it is."]


def reply(case, letter="A", steps=tuple(STEPS)):
    return Trace(case_id=case.id, text=write_reply(steps, "Gout.", letter))


def test_each_alteration_stands_before_the_letter_without_the_assessment():
    traces = [reply(CASES[0]), reply(CASES[1], steps=("One.", "Two.")), reply(CASES[2], steps=("One.",))]
    first, second = alter(CASES, traces)  # The third has one step.
    assert {first.case.id, second.case.id} == {CASES[0].id, CASES[1].id}
    shown = {name: read_reply(f"{prefix}A}}").steps for name, prefix in first.prefixes.items()}
    assert (
        shown[WHOLE] == tuple(STEPS) and shown["no_steps"] == () and shown["first_half"] == tuple(STEPS[:1])
    )
    assert shown["swapped"] == ("One.", "Two.")
    assert shown["corrupted"] == (
        "The joint is red.",
        "pseudogout fits, gout does not.",
        "So pseudogout it is.",
    )
    assert all("Gout." not in prefix.rpartition("</think>")[2] for prefix in first.prefixes.values())
    assert alter(CASES, [Trace(case_id=CASES[0].id, text="no answer")]) == []


def test_an_option_that_holds_another_is_not_corrupted_inside():
    assert find_wrong(CASES[0], "C") == "A"
    assert corrupt(CASES[0], ["pseudogout and sepsis"], "B") == ["sepsis and pseudogout"]
    longer = replace(CASES[0], options={"A": "gout", "B": "gout of the knee"})
    assert corrupt(longer, ["It is gout of the knee, not gout."], "A") == [
        "It is gout, not gout of the knee."
    ]


def test_shares_are_counted():
    cases = {case.id: case for case in CASES}
    letters = {
        CASES[0].id: {WHOLE: "A", "corrupted": "B"},
        CASES[1].id: {WHOLE: "A", "corrupted": "A"},
        CASES[2].id: {WHOLE: "C", "corrupted": "C"},
    }
    found = weigh_reasoning(cases, letters, {case.id: "A" for case in CASES})
    assert found[WHOLE].same == pytest.approx(2 / 3) and found[WHOLE].right == pytest.approx(2 / 3)
    assert found["corrupted"].same == pytest.approx(2 / 3) and found["corrupted"].followed == pytest.approx(
        1 / 3
    )
    assert found[WHOLE].followed is None and found["corrupted"].n == 3


def test_the_letter_is_the_one_with_the_highest_probability():
    model, tokenizer = make_model(max_position_embeddings=1024).eval(), make_tokenizer()
    (altered,) = alter(CASES, [reply(CASES[0])])
    for prefix in altered.prefixes.values():
        letter = choose_letter(model, tokenizer, CASES[0], prefix, True)
        rows = [
            write_example_tokens(tokenizer, write_prompt(CASES[0]), f"{prefix}{other}}}", True)
            for other in CASES[0].options
        ]
        totals = [score_replies(model, [row], 0)[0] * len(row[1]) for row in rows]
        assert letter == "ABC"[max(range(3), key=totals.__getitem__)]
