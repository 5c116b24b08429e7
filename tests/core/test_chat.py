"""The reply format: what is written can be read, and nothing is read that was not written."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gazal.core.case import Case
from gazal.core.chat import find_boxes, hash_prompt, read_reply, write_prompt, write_reply

LINE = st.text(
    st.characters(blacklist_characters="\r\n{}<>\\", blacklist_categories=["Cc", "Cs", "Zl", "Zp"]),
    min_size=1,
)
STEP = LINE.map(str.strip).filter(lambda s: s and not s.startswith("Step "))


@given(
    steps=st.lists(STEP, min_size=1, max_size=6),
    assessment=STEP,
    answer=st.sampled_from(["A", "B", "3.5 mmol/L", "Cannot be determined"]),
    confidence=st.none() | st.integers(0, 100).map(lambda n: n / 100),
)
def test_what_is_written_is_read_back(steps, assessment, answer, confidence):
    reply = read_reply(write_reply(steps, assessment, answer, confidence))
    assert reply.steps == tuple(steps)
    assert reply.numbers == tuple(range(1, len(steps) + 1))
    assert reply.answer == answer
    assert reply.confidence == confidence


@pytest.mark.parametrize(
    "text, answer, thinking",
    [
        (r"<think>a</think> \boxed{B}", "B", "a"),
        (r"a</think> \boxed{B}", "B", "a"),  # The template wrote the opening tag.
        (r"\boxed{B}", "B", None),
        (r"<think>\boxed{B}</think>", None, r"\boxed{B}"),
        (r"<think>\boxed{B}", None, None),  # Never closed: nothing is committed.
        (r"<think>a</think> \boxed{A} \boxed{B}", None, "a"),
        (r"<think>a</think> \boxed{A} \boxed{A}", None, "a"),
        (r"<think>a</think> \boxed{\text{B}}", r"\text{B}", "a"),
        (r"<think>a</think> \boxed{B", None, "a"),
        ("", None, None),
        (r"<think>a</think><think>b</think> \boxed{B}", "B", "a"),
    ],
)
def test_the_committed_answer(text, answer, thinking):
    assert (read_reply(text).answer, read_reply(text).thinking) == (answer, thinking)


@pytest.mark.parametrize(
    "written, read",
    [
        ("0.85", 0.85),
        ("1", 1.0),
        ("0", 0.0),
        (".5", 0.5),
        ("1.5", None),
        ("nan", None),
        ("-0.1", None),
        ("85%", None),
        ("1e-3", None),
    ],
)
def test_confidence_is_a_share_or_nothing(written, read):
    assert read_reply(f"<think>a</think>\n**Confidence:** {written}").confidence == read


def test_two_confidences_are_none():
    assert read_reply("<think>a</think>\n**Confidence:** 0.1\n**Confidence:** 0.9").confidence is None


def test_boxes_inside_boxes_count_once():
    assert find_boxes(r"\boxed{\boxed{A}} and \boxed{B}") == [r"\boxed{A}", "B"]


@pytest.mark.parametrize(
    "piece", [r"\boxed{", r"\boxed{A}", "<think>", "</think>", "Step 1: ", "{", "}", "**Confidence:** "]
)
def test_a_megabyte_of_anything_is_read_in_time(piece):
    start = time.perf_counter()
    read_reply(piece * (10**6 // len(piece)))
    assert time.perf_counter() - start < 2.0  # Quadratic reading takes minutes.


def test_the_prompt_shows_context_question_and_every_option():
    case = Case(
        id="a/b/c",
        kind="exam",
        context="An abstract.",
        question="Why?",
        options={"A": "x", "B": "y"},
        answer="A",
        licence="MIT",
    )
    prompt = write_prompt(case)
    assert prompt.startswith("An abstract.\n\nWhy?\n\nA. x\nB. y\n\n")
    assert hash_prompt(prompt) != hash_prompt(prompt + " ")
