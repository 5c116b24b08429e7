"""Whether the box holds what the last step says: letters, texts, numbers, and what is ruled out."""

import re
import time

import pytest

from gazal.core.case import Case
from gazal.core.chat import write_reply
from gazal.core.trace import Trace
from gazal.score.consistency import judge_consistency
from gazal.world.generate import make_cases
from gazal.world.solve import solve

DRUGS = {"A": "Aspirin", "B": "Low-dose heparin", "C": "Heparin", "D": "Neither treat nor test further"}
HEPATITIS = {
    "A": "Acute hepatitis A infection",
    "B": "Hepatitis B",
    "C": "Surgery. Then rest",
    "D": "-1 point",
}
HEPATITIS |= {"E": "1 point"}


def judge(options, *steps, box="C", stop="end", **more):
    case = Case(
        id="t/t/1", kind="exam", question="?", options=options, licence="MIT", **{"answer": "C"} | more
    )
    text = write_reply(steps, "So it is.", box)
    return judge_consistency(case, Trace(case_id=case.id, text=text, stop=stop))


@pytest.mark.parametrize(
    "options, step, letter",
    [
        (DRUGS, "It is heparin.", "C"),
        (DRUGS, "So low-dose  HEPARIN is given", "B"),
        (DRUGS, "The answer is A.", "A"),
        (DRUGS, "Therefore, the best choice is (B).", "B"),
        (DRUGS, "So option **D**.", "D"),
        (DRUGS, "Hence C", "C"),
        (DRUGS, "B is the answer.", "B"),
        (DRUGS, "Aspirin is contraindicated; heparin is given.", "C"),
        (DRUGS, "Heparin is ruled out, but aspirin is safe.", "A"),
        (DRUGS, "Option A is wrong. It is option C.", "C"),
        (DRUGS, "It is Neither treat nor test further.", "D"),
        (DRUGS, "Heparin was considered while the answer is A.", "A"),
        (HEPATITIS, "The diagnosis is hepatitis B.", "B"),
        (HEPATITIS, "It is acute hepatitis A infection", "A"),
        (HEPATITIS, "Surgery. Then rest.", "C"),
        (HEPATITIS, "That makes -1 point.", "D"),
        (HEPATITIS, "That makes 1 point.", "E"),
    ],
)
def test_what_the_last_step_names(options, step, letter):
    for box in options:
        score = judge(options, "One thing.", step, box=box)
        expected = (1.0, "follows") if box == letter else (-1.0, "another")
        assert (score.value, score.why) == expected, (box, score)


@pytest.mark.parametrize(
    "step",
    [
        "Nothing is said of it.",
        "The answer is a beta blocker.",
        "He lacks vitamin A.",
        "Heparin is not given.",
        "It isn't heparin.",
        "More likely than heparin.",
        "Heparinoids or heparin-like drugs.",
        "",
    ],
)
def test_what_names_no_option(step):
    score = judge(DRUGS, "One thing.", step)
    assert (score.value, score.why) == (0.0, "names_none")


@pytest.mark.parametrize(
    "step", ["Option A or option B.", "Aspirin and heparin.", "Answer A. Answer B. Answer C."]
)
def test_naming_several_is_no_conclusion(step):
    for box in DRUGS:
        assert judge(DRUGS, "One thing.", step, box=box).why == "names_several"


def test_an_empty_step_at_the_end_hides_nothing():
    assert judge(DRUGS, "So the answer is A.", "That is all there is.").why == "another"
    assert judge(DRUGS, "So the answer is C.", "That is all there is.").why == "follows"
    # A text alone, in an earlier step, may stand there without being chosen.
    assert judge(DRUGS, "Aspirin is often given.", "That is all there is.").why == "names_none"


def test_without_an_answer_or_steps():
    assert judge(DRUGS, "It is A.", box="Z").why == "no_answer"
    assert judge(DRUGS, "It is A.", box="Cannot be determined").why == "abstained"
    assert judge(DRUGS, "It is A.", stop="error").why == "engine_error"
    assert (judge(DRUGS).value, judge(DRUGS).why) == (0.0, "no_steps")


@pytest.mark.parametrize(
    "step, box, why",
    [
        ("That is 12 + 3 = 15 mg.", "15 mg", "follows"),
        ("That is 12 + 3 = 15.", "15.04", "follows"),
        ("That is 12 + 3 = 15.", "12", "another"),
        ("That is a lot.", "15", "names_none"),
        ("It is -2.", "-2", "follows"),
        ("It is -2.", "2", "another"),
        ("It is 3.", "many", "another"),
    ],
)
def test_a_number_is_the_last_of_the_last_step(step, box, why):
    found = judge({}, "First 99.", step, box=box, answer="15", unit="mg", tolerance=0.05)
    assert found.why == why


def test_free_text_stands_in_the_last_step():
    assert (
        judge({}, "One.", "So it is Lyme disease.", box="lyme disease", answer="Lyme disease").why
        == "follows"
    )
    assert judge({}, "One.", "So it is gout.", box="Lyme disease", answer="Lyme disease").why == "names_none"
    assert judge({}, "One.", "So it is gout.", box="?", answer="Lyme disease").why == "names_none"


@pytest.mark.parametrize("kind", ["diagnosis", "treatment", "uncertainty", "prognosis", "recall"])
def test_another_box_or_another_last_step_is_noticed(kind):
    for case in make_cases([kind], n=60, seed=21):
        good = solve(case)
        assert judge_consistency(case, good).why == "follows"
        for other in [letter for letter in case.options if letter != case.answer]:
            box = good.text.replace(rf"\boxed{{{case.answer}}}", rf"\boxed{{{other}}}")
            step = re.sub(rf"option {case.answer}\b", f"option {other}", good.text)
            assert box != good.text != step
            for text in (box, step):
                assert judge_consistency(case, Trace(case_id=case.id, text=text)).why == "another"


@pytest.mark.parametrize(
    "piece",
    ["option A ", "heparin ", "\0A\0", "(", "so ", "answer is ", "a" * 50, "\u017f\u0131\u0130", "not "],
)
def test_a_megabyte_is_read_in_time(piece):
    options = {letter: f"{piece}{letter}{piece}" for letter in "ABCDEFGHIJ"}
    start = time.process_time()
    judge(options, "One.", piece * (10**6 // len(piece)), box="A", answer="A")
    judge(options, *["So " + piece * 30] * (10**6 // (30 * len(piece))), box="A", answer="A")
    assert time.process_time() - start < 3.0
