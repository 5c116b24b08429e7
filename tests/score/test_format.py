"""The format judge: each rule broken by itself costs, and is named."""

import pytest

from gazal.core.case import Case
from gazal.core.chat import write_reply
from gazal.core.trace import Trace
from gazal.score.format import judge_format

CASE = Case(id="t/t/1", kind="exam", question="?", options={"A": "x", "B": "y"}, answer="B", licence="MIT")
GOOD = write_reply(["The first thought here.", "The second thought here."], "A short assessment.", "B", 0.8)


def judge(text):
    return judge_format(CASE, Trace(case_id=CASE.id, text=text))


def test_the_written_format_is_well_formed():
    assert (judge(GOOD).value, judge(GOOD).why) == (1.0, "well_formed")
    assert judge(GOOD.replace("\n**Confidence:** 0.80", "")).why == "well_formed"
    assert judge(GOOD + "\n").why == "well_formed"


@pytest.mark.parametrize(
    "old, new, why",
    [
        ("<think>\n", "", "no_thinking"),
        ("<think>", "Sure. <think>", "no_thinking"),
        ("</think>", "</think></think>", "no_thinking"),
        ("Step 2: The second thought here.\n", "", "no_steps"),
        ("Step 2", "Step 3", "steps_out_of_order"),
        ("Step 2: The second thought here.", "Step 2:", "empty_step"),
        ("Step 2: The second thought here.", "Step 2: 1 2 3", "empty_step"),
        ("Step 1", "Well then.\nStep 1", "text_before_steps"),
        ("## Clinical Assessment\n", "", "no_heading"),
        ("A short assessment.\n", "", "empty_assessment"),
        ("**Answer:** ", "", "no_answer_line"),
        (r"\boxed{B}", r"\boxed{B} \boxed{A}", "no_answer_line"),
        ("second thought", r"\boxed{A} thought", "box_in_thinking"),
        ("0.80", "high", "bad_confidence"),
        ("0.80", "1.80", "bad_confidence"),
        ("**Confidence:** 0.80", "**Confidence:** 0.80\nGood luck!", "text_after_answer"),
    ],
)
def test_each_broken_rule_is_named(old, new, why):
    assert GOOD.replace(old, new, 1) != GOOD
    score = judge(GOOD.replace(old, new, 1))
    assert score.why == why and score.value is not None and -1.0 <= score.value < 1.0


def test_more_broken_rules_cost_more():
    one = judge(GOOD.replace("Step 2", "Step 3")).value
    two = judge(GOOD.replace("Step 2", "Step 3").replace("0.80", "high")).value
    assert judge("").value < two < one < 1.0
