"""The lenient protocol: every usual way to commit to an option is read, and nothing else is."""

import random

import pytest

from gazal.core.case import Case
from gazal.core.chat import ABSTENTION
from gazal.core.trace import Trace
from gazal.score.commitment import SEVERAL, judge_leniently, read_commitment

OPTIONS = {
    "A": "Aspirin",
    "B": "Heparin",
    "C": "Warfarin therapy",
    "D": "Aspirin and heparin",
    "E": "No drug",
}
CASE = Case(id="own/test/1", kind="exam", question="Which?", options=OPTIONS, answer="B", licence="MIT")
COMMITTED = {
    "The answer is (B).": "B",
    "the answer is B": "B",
    "Answer: B": "B",
    "**Answer:** B": "B",
    "**Answer: (B) Heparin**": "B",
    "Final Answer: B. Heparin": "B",
    "The correct answer is: B": "B",
    "The correct answer is **B. Heparin**.": "B",
    "The best answer to this question is option B, because it acts at once.": "B",
    "The most likely answer is therefore B.": "B",
    "Therefore, the correct option is (B) Heparin.": "B",
    "So the answer is $\\boxed{B}$.": "B",
    r"\boxed{\text{B}}": "B",
    r"\boxed{B. Heparin}": "B",
    r"$\boxed{\textbf{(B)}}$": "B",
    "<think>The answer is A? No.</think>\nAnswer: B": "B",
    "B": "B",
    "(B)": "B",
    "B.": "B",
    "**B**": "B",
    "B) Heparin": "B",
    "B. Heparin": "B",
    "B. Heparin acts at once.": "B",
    "Heparin": "B",
    "Heparin.": "B",
    "The answer is heparin.": "B",
    "Answer: Aspirin and heparin": "D",
    "The answer is A.": "A",
    "The answer is A": "A",
    "I would choose B.": "B",
    "I would go with option B": "B",
    "Option B is correct.": "B",
    "B is the correct answer.": "B",
    "(B) Heparin is the best choice here.": "B",
    "This is option B.": "B",
    "Thrombosis calls for heparin (B).": "B",
    "The statement that is NOT true is B. Heparin": "B",
    "A. Aspirin is too weak.\nB. Heparin works at once.\nTherefore, the answer is B.": "B",
    "Aspirin (A) is wrong. Warfarin (C) is slow.\n\nAnswer: B": "B",
    '{"reasoning": "acts at once", "answer": "B"}': "B",
    '{"answer_choice": "B"}': "B",
    "<answer>B</answer>": "B",
    "It acts at once.\n#### B": "B",
    "My verdict is [[B]]": "B",
    "Answer:\n\n**B**": "B",
    "ANSWER: b": "B",
    "The answer is (b).": "B",
    "It acts at once.\n\nB": "B",
    "The answer is (B).\n\nQuestion: Another one?\nAnswer: (C)": "B",
    "At first the answer is A, one would say.\nTherefore, the final answer is B.": "B",
    "The answer is E. No drug": "E",
    "The answer is B) Heparin, not A) Aspirin.": "B",
    "Answer - B": "B",
    "Ans. B": "B",
    "Final decision: B": "B",
    "The final answer is B and the others are wrong.": "B",
    "Final Answer: The final answer is $\\boxed{B}$. I hope it is correct.": "B",
    "The answer is **B** (Heparin), not A.": "B",
    "\u27a1 Answer: **B**": "B",
    "\uff22": "B",  # Full width.
    r"\boxed{Cannot be determined}": ABSTENTION,
    "The answer is: Cannot be determined": ABSTENTION,
}
UNCOMMITTED = [
    "",
    " \n",
    "I do not know.",
    "The answer is A or B.",
    "The answer is (A) and (B).",
    "The answer is (A, B).",
    "Answer: A, B, C, D, E",
    "Answer: A/B",
    "The answer is A. The answer is B. The answer is C.",
    "Answer: A\nAnswer: B",
    "The answer is not B.",
    "I don't think the answer is B.",
    "If the answer is B, then heparin is given.",
    "The answer might be B.",
    "The answer is either A or B.",
    "A patient with thrombosis needs a drug.",
    "The answer is a patient with thrombosis.",
    "B is wrong.",
    "Option B is incorrect.",
    "It is not (B).",
    "We can rule out (A).",
    "A. Aspirin\nB. Heparin\nC. Warfarin therapy\nD. Aspirin and heparin\nE. No drug",
    "Options:\nA. Aspirin\nB. Heparin",
    "Answer with A, B, C, D or E.",
    "The answer is F.",
    "The answer is (B). Aspirin and heparin.",
    "The answer is \u0412.",  # A Cyrillic letter.
    r"\boxed{A} \boxed{B}",
    "<think>The answer is B.</think>",
    "<think>The answer is B.",
    "Vitamin B is not needed; hepatitis B is common.",
    "The B-cell count is low.",
    "Heparin or aspirin may be given.",
    "Is the answer B?",
    "Question: Which?\nAnswer:",
    "Answer: (A) (B) (C) (D) (E)",
    "Answer: (A) Aspirin (B) Heparin",
    "Options: (A) Aspirin (B) Heparin (C) Warfarin therapy",
    "The least likely answer is B",
    "Everyone says the answer is B but they are wrong",
    "The answer is B\nThe answer is not B",
    "The answer is definitely not B",
    "None of the options: B",
    "B?",
    "Final answer: A, no wait B, no wait C",
    "The answer is B or perhaps none",
    "The answer is A B C D E",
    r"\boxed{A or B}",
    "Anything but B",
    "The answer is neither A nor B",
    "The answer is all of the above",
    "Type B lactic acidosis",
]


@pytest.mark.parametrize("text", COMMITTED)
def test_usual_ways_to_commit(text):
    assert read_commitment(text, OPTIONS) == COMMITTED[text]


@pytest.mark.parametrize("text", UNCOMMITTED)
def test_what_commits_to_nothing(text):
    assert read_commitment(text, OPTIONS) in (None, SEVERAL)


@pytest.mark.parametrize("letter", OPTIONS)
def test_every_letter_is_read_alike(letter):
    for text in ("The answer is ({}).", "Answer: {}", "{}", "**{}**", "The correct option is {}."):
        assert read_commitment(text.format(letter), OPTIONS) == letter


@pytest.mark.parametrize(
    "text, said",
    [
        ("Yes.", "A"),
        ("Answer: no", "B"),
        ("The answer is maybe.", "C"),
        ("The answer is no longer known.", None),
    ],
)
def test_yes_no_and_maybe(text, said):
    assert read_commitment(text, {"A": "yes", "B": "no", "C": "maybe"}) == said


@pytest.mark.parametrize(
    "text, stop, why, value",
    [
        ("Answer: B", "end", "right", 1.0),
        ("Answer: C", "end", "wrong", -1.0),
        ("So it may be", "length", "truncated", -1.0),
        ("So it may be", "end", "unparsed", -1.0),
        ("Answer: A or B", "length", "several", -1.0),
        ("", "error", "engine_error", None),
        ("The answer is: Cannot be determined", "end", "abstained", 0.0),
    ],
)
def test_the_score_says_why(text, stop, why, value):
    score = judge_leniently(CASE, Trace(case_id=CASE.id, text=text, stop=stop))
    assert (score.why, score.value) == (why, value)


def test_without_options_the_box_decides():
    case = Case(id="own/test/2", kind="exam", question="How many?", answer="5", tolerance=0.0, licence="MIT")
    said = [
        judge_leniently(case, Trace(case_id=case.id, text=t)).why for t in (r"\boxed{5}", "The answer is 5")
    ]
    assert said == ["right", "no_box"]


def test_hostile_replies_neither_crash_nor_earn():
    """Whatever names all options, or none, is right no more often than it is for any other key."""
    rng = random.Random(0)
    pieces = [
        "(A)",
        "(B)",
        "(C)",
        "Answer:",
        "the answer is",
        "\\boxed{",
        "}",
        "**",
        "not",
        "or",
        "\0",
        "\ud800",
    ]
    pieces += [
        "A. Aspirin\n",
        "B. Heparin\n",
        "<think>",
        "</think>",
        "\u202e",
        "is correct",
        "option",
        " ",
        "\n",
    ]
    for _ in range(10_000):
        text = " ".join(rng.choices(pieces, k=rng.randrange(1, 40)))
        assert read_commitment(text, OPTIONS) in (None, SEVERAL, ABSTENTION, *OPTIONS)
        every = text + " The answer is A. The answer is B. Answer: C. Answer: D"
        assert read_commitment(every, OPTIONS) in (None, SEVERAL) or "\\boxed{" in text or "<think>" in text
    for text in (
        "(" * 100_000,
        "answer is " * 50_000,
        "A. " * 100_000,
        "Answer:" + " " * 500_000,
        "*" * 10**6,
    ):
        assert read_commitment(text, OPTIONS) in (None, SEVERAL, *OPTIONS)
