"""Stated confidence against being right: a rule that pays for honesty, whatever is written as a number."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gazal.core.case import Case
from gazal.core.chat import write_reply
from gazal.core.trace import Trace
from gazal.score.calibration import judge_calibration

CASE = Case(id="t/t/1", kind="exam", question="?", options={"A": "a", "B": "b"}, answer="B", licence="MIT")


def state(words, box="B", stop="end"):
    text = write_reply(["One thing.", "Another thing."], "So.", box) + f"\n**Confidence:** {words}"
    return judge_calibration(CASE, Trace(case_id=CASE.id, text=text, stop=stop))


@pytest.mark.parametrize(
    "words, box, value, why",
    [
        ("1", "B", 1.0, "calibrated"),
        ("1.0", "B", 1.0, "calibrated"),
        ("0.5", "B", 0.5, "calibrated"),
        (".5", "B", 0.5, "calibrated"),
        ("0.5", "A", 0.5, "calibrated"),
        ("0.85", "B", 0.955, "calibrated"),
        ("0.85", "A", -0.445, "misjudged"),
        ("0.49", "B", 1 - 2 * 0.51**2, "misjudged"),
        ("0", "A", 1.0, "calibrated"),
        ("0", "B", -1.0, "misjudged"),
        ("1.00000000000000000000", "A", -1.0, "misjudged"),
    ],
)
def test_the_rule(words, box, value, why):
    score = state(words, box)
    assert score.value == pytest.approx(value) and score.why == why


BAD = [
    "nan",
    "NaN",
    "inf",
    "-inf",
    "1e9",
    "1e-9",
    "-0.1",
    "-1",
    "1.01",
    "95%",
    "95",
    "1,0",
    "0.8.5",
    "0x1",
    "high",
]


@pytest.mark.parametrize(
    "words", [*BAD, "\u0661", "\uff10.5", "0.5 or 0.9", "", "0." + "9" * 40, "\x00", "1/2"]
)
@pytest.mark.parametrize("box", ["A", "B"])
def test_what_is_no_share_is_no_confidence(words, box):
    assert (state(words, box).value, state(words, box).why) == (None, "no_confidence")


def test_two_confidences_are_none():
    assert state("0.1\n**Confidence:** 0.9").why == "no_confidence"


@given(st.text(max_size=12) | st.floats().map(str))
def test_whatever_is_stated_the_score_is_in_range(words):
    value = state(words).value
    assert value is None or (math.isfinite(value) and -1.0 <= value <= 1.0)


@pytest.mark.parametrize("percent", range(0, 101, 5))
def test_on_average_nothing_pays_more_than_the_truth(percent):
    def expect(stated):
        right, wrong = state(f"{stated / 100:.2f}").value, state(f"{stated / 100:.2f}", "A").value
        return percent / 100 * right + (1 - percent / 100) * wrong

    paid = {stated: expect(stated) for stated in range(0, 101, 5)}
    assert max(paid, key=paid.__getitem__) == percent
    assert paid[percent] >= 0.5 - 1e-9  # Above 0, so an honest one pays more than none.


@pytest.mark.parametrize("box", ["Cannot be determined", "A or B", "Z", ""])
def test_without_an_answer_there_is_nothing_to_be_sure_of(box):
    assert state("0.9", box).why == "uncommitted" and state("0.0", box).value is None


def test_what_the_engine_did_not_deliver_is_unscored():
    assert state("0.9", stop="error").why == "engine_error"
