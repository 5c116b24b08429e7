"""The answer judge: what a box may hold, and what it may not."""

import pytest

from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.score.answer import judge_answer

OPTIONS = {"A": "Aspirin", "B": "Heparin", "C": "Vitamin K", "D": "Heparin with aspirin"}
CASE = Case(id="t/t/1", kind="exam", question="?", options=OPTIONS, answer="B", licence="MIT")


def judge(box, case=CASE, stop="end"):
    return judge_answer(case, Trace(case_id=case.id, text=rf"<think>x</think> \boxed{{{box}}}", stop=stop))


@pytest.mark.parametrize(
    "box",
    [
        "B",
        "b",
        " B ",
        "(B)",
        "B.",
        "B)",
        "B:",
        r"\text{B}",
        r"\textbf{B}",
        "**B**",
        "$B$",
        "\uff22",
        "Heparin",
        "heparin",
        "HEPARIN.",
        "B. Heparin",
        "B: heparin",
        "(B) Heparin",
        "B) Heparin",
        "B - Heparin",
        r"\text{B. Heparin}",
    ],
)
def test_the_right_option(box):
    assert judge(box) == judge("B") and judge(box).why == "right"


@pytest.mark.parametrize("box", ["A", "Aspirin", "D", "Heparin with aspirin", "D. Heparin with aspirin"])
def test_a_wrong_option(box):
    assert (judge(box).value, judge(box).why) == (-1.0, "wrong")


@pytest.mark.parametrize(
    "box",
    [
        "",
        "E",
        "AB",
        "A, B",
        "A or B",
        "A/B",
        "B. Aspirin",
        "A. Heparin",
        "B because it is best",
        "not A",
        "\u0412",
        "\u200bB\u200b",
        "8",
        "B B",
        "the second one",
        "Aspirin or Heparin",
    ],
)
def test_what_names_no_single_option(box):
    assert (judge(box).value, judge(box).why) == (-1.0, "unparsed")


def test_abstaining_lies_between_right_and_wrong():
    assert judge("A").value < judge("Cannot be determined").value < judge("B").value
    assert judge("cannot be determined.").why == "abstained"


def test_an_option_that_says_cannot_be_determined_is_an_option():
    case = Case(
        id="t/t/2",
        kind="exam",
        question="?",
        options={"A": "x", "B": "Cannot be determined"},
        answer="B",
        licence="MIT",
    )
    assert judge("Cannot be determined", case).why == "right"


@pytest.mark.parametrize(
    "text, stop, why",
    [
        ("<think>x</think> B", "end", "no_box"),
        ("<think>x", "length", "truncated"),
        (r"<think>x</think> \boxed{A} \boxed{B}", "length", "many_boxes"),
        (r"<think>x</think> \boxed{B}", "length", "right"),  # Committed before it was cut off.
        (r"<think>x</think> \boxed{B}", "error", "engine_error"),
    ],
)
def test_replies_without_one_answer(text, stop, why):
    score = judge_answer(CASE, Trace(case_id=CASE.id, text=text, stop=stop))
    assert score.why == why and (score.value is None) == (why == "engine_error")


def test_two_options_with_one_text_need_a_letter():
    case = Case(
        id="t/t/3", kind="exam", question="?", options={"A": "same", "B": "same"}, answer="B", licence="MIT"
    )
    assert judge("same", case).why == "unparsed" and judge("B", case).why == "right"


@pytest.mark.parametrize(
    "box, why",
    [
        ("3.5", "right"),
        ("3.54 mmol/L", "right"),
        ("3.7", "wrong"),
        ("3.5 mg/dL", "unparsed"),
        ("about 3.5", "unparsed"),
        ("nan", "unparsed"),
        ("3.5%", "unparsed"),
    ],
)
def test_a_number_with_unit_and_tolerance(box, why):
    case = Case(
        id="t/t/4", kind="exam", question="?", answer="3.5", unit="mmol/L", tolerance=0.05, licence="MIT"
    )
    assert judge(box, case).why == why


@pytest.mark.parametrize(
    "box, why",
    [
        ("Warfarin", "right"),
        ("coumadin", "right"),
        ("heparin", "wrong"),
        ("Cannot be determined", "abstained"),
    ],
)
def test_free_text_with_aliases(box, why):
    case = Case(
        id="t/t/5", kind="exam", question="?", answer="warfarin", aliases=("Coumadin",), licence="MIT"
    )
    assert judge(box, case).why == why
