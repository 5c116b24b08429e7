"""The repetition judge: every way of going round in circles costs, and quoting does not."""

import time

import pytest

from gazal.core.case import Case
from gazal.core.chat import write_reply
from gazal.core.trace import Trace
from gazal.score.repetition import RUN, judge_repetition
from gazal.world.generate import make_cases
from gazal.world.solve import solve

CASE = Case(id="t/t/1", kind="exam", question="?", options={"A": "x", "B": "y"}, answer="B", licence="MIT")
STEPS = ["The fever is high.", "The neck is stiff and the light hurts.", "So the meninges are inflamed."]
LOOP = "so it is "


def judge(text, stop="end"):
    return judge_repetition(CASE, Trace(case_id=CASE.id, text=text, stop=stop))


def reply(steps, assessment="Meningitis is the most likely cause."):
    return write_reply(steps, assessment, "B", 0.8)


def test_nothing_said_twice():
    assert (judge(reply(STEPS)).value, judge(reply(STEPS)).why) == (1.0, "varied")


def test_the_assessment_may_repeat_a_step_once():
    assert judge(reply(STEPS, STEPS[2])).value == 1.0
    assert judge(reply(STEPS, f"{STEPS[2]}\n{STEPS[2]}")).why == "repeats"


@pytest.mark.parametrize("at", [0, 1, 2])
def test_each_time_a_step_comes_again_costs_more(at):
    values = [judge(reply([*STEPS, *[STEPS[at]] * n])).value for n in range(6)]
    assert values == sorted(set(values), reverse=True) and values[0] == 1.0
    assert judge(reply([*STEPS[:at], *[STEPS[at]] * 3, *STEPS[at + 1 :]])).why == "repeats"


@pytest.mark.parametrize("kind", ["diagnosis", "treatment", "uncertainty", "prognosis", "recall"])
def test_a_worked_solution_is_varied_until_a_step_comes_thrice(kind):
    for case in make_cases([kind], n=40, seed=21, split="validation"):
        trace = solve(case)
        assert (judge(trace.text).value, judge(trace.text).why) == (1.0, "varied"), trace.text
        for step in trace.steps:
            score = judge(reply([*trace.steps, step, step]))
            assert score.value < 1.0 and score.why in {"repeats", "loops"}, step


@pytest.mark.parametrize(
    "again",
    [
        "STEP 7: the NECK is stiff and the light hurts.",
        "  The neck is stiff   and the light hurts. ",
        "- The neck is stiff and the light hurts.",
        "4. The neck is stiff and the light hurts.",
        "(5) The neck is stiff and the light hurts.",
        "Once more: well. The neck is stiff and the light hurts.",
    ],
)
def test_a_number_a_bullet_case_or_blanks_do_not_hide_it(again):
    text = reply(STEPS).replace("</think>", f"{again}\n</think>")
    assert judge(text).why == "repeats"
    assert judge(text.replace("hurts.", "hurts!", 1)).why == "varied"


def test_one_word_may_come_again():
    assert judge(reply([*STEPS, "Yes.", "Yes.", "Yes."])).value == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "!" * 500,
        LOOP * 100,
        "a b\tc " * 80,
        "ab" * 3000,
        "\u4e0d\u662f" * 400,
        "1 + " * 200,
        "\U0001f600" * 99,
    ],
    ids=["marks", "words", "blanks", "no blanks", "no spaces in the script", "numbers", "emoji"],
)
def test_loops_without_sentences(text):
    assert judge(text).why == "loops" and judge(text).value < -0.5
    assert judge(reply([*STEPS, text])).why == "loops"  # A reply that ends in a loop.


def test_a_long_paragraph_said_twice_on_one_line():
    words = " ".join(f"word{n}" for n in range(60))
    assert judge(f"{words}, {words}").value == pytest.approx(0.0, abs=0.05)
    short = " ".join(f"word{n}" for n in range(RUN - 1))
    assert judge(f"{short}, and {short}").value == 1.0


@pytest.mark.parametrize("text", ["", " \n\t ", "</think>"])
def test_a_reply_that_says_nothing(text):
    score = judge(text)
    assert (score.value, score.why) == (-1.0, "empty")
    assert judge(text, "error").why == "engine_error"


def test_time_grows_with_length_and_no_faster():
    def measure(n):
        texts = ("{" * n, "<think>" * (n // 7), ("- " * (n // 2)), "a. " * (n // 3), "\n" * n, "(" * n + "x")
        start = time.process_time()
        for text in texts:
            judge(text)
        return time.process_time() - start

    measure(1000)
    assert measure(80_000) < 8 * 4 * max(measure(10_000), 0.02)


@pytest.mark.parametrize("start", ["Again: ", "Note that ", "In other words, ", "Once more: ", "To repeat, "])
def test_a_few_words_in_front_do_not_hide_what_is_said_again(start):
    said = "the score for low platelets under heparin is the 4Ts score."
    again = judge(f"<think>\nStep 1: {said}\nStep 2: {start}{said}\n</think>\nSo be it.")
    assert again.why == "repeats" and again.value < 0.5
    short = judge(f"<think>\nStep 1: it is so.\nStep 2: {start}it is so.\n</think>\nSo be it.")
    assert short.why == "varied"
