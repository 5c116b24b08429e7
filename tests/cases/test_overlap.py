"""The one matcher of leaks: edited copies are found, other questions are not."""

import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from gazal.cases.overlap import Overlap, split_plain
from gazal.cases.table import load_suite
from gazal.core.case import Case
from gazal.world.generate import make_cases

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from leaks import EDITS, plant

STEM = (
    "A 47-year-old man comes to the emergency department with crushing chest pain that began 40 minutes ago "
    "while shovelling snow. His blood pressure is 96/60 mm Hg. Which of the following is the most likely "
    "diagnosis?"
)
OPTIONS = {
    "A": "Aortic dissection",
    "B": "Acute myocardial infarction",
    "C": "Pericarditis",
    "D": "Panic attack",
}


WORDS = [
    f"{a}{b}{c}" for a in "bdfgklmnpr" for b in "aeiou" for c in ("ston", "lin", "zid", "pril", "mab", "vir")
]


def make(key, question, options=None):
    return Case(
        id=f"held/test/{key}",
        kind="exam",
        question=question,
        options=options or OPTIONS,
        answer="B",
        licence="MIT",
    )


CASES = [
    make("chest", STEM),
    make("short", "Which of the following is true about asthma?", {"A": "one thing", "B": "another thing"}),
    make("title", "Is breast cancer survival improving?", {"A": "no", "B": "yes", "C": "maybe"}),
    *(
        make(f"filler{n}", f"What is it that is true of {w}, and which of the following about it?")
        for n, w in enumerate(WORDS)
    ),
]


@pytest.mark.parametrize(
    "question, how",
    [
        (STEM, "exact"),
        (STEM.upper() + "  ", "exact"),
        (STEM.replace("47", "53").replace("96/60", "88/50"), "exact"),
        (STEM.replace("man", "woman").replace("His", "Her").replace("snow", "sand"), "reworded"),
        (STEM[: len(STEM) // 2], "reworded"),
        (STEM[len(STEM) // 3 :], "reworded"),
        ("Once more: " + STEM + " Think well.", "reworded"),
    ],
)
def test_an_edited_copy_is_found(question, how):
    match = Overlap(CASES).find(question)
    assert match is not None and match.case_id == "held/test/chest"
    assert match.how == how and 0.0 < match.score <= 1.0


def test_options_in_any_order_tell_a_short_question():
    overlap = Overlap([*CASES, make("four", "What is it?")])
    assert overlap.find("What is it?", ["Panic attack", "Pericarditis", "Aortic dissection", "Nothing"])
    assert overlap.find("What is it?", ["Measles", "Mumps", "Rubella"]) is None


def test_a_short_stem_with_rare_words_is_told_by_them():
    overlap = Overlap(CASES)
    assert overlap.find("Is breast cancer survival improving?") is not None
    assert overlap.find("Which of the following is true about gout?", ["one thing", "some other"]) is None


@pytest.mark.parametrize(
    "question",
    [
        "",
        "?",
        "Which of the following is the most likely diagnosis?",
        "\ud800" * 50,
        "word " * 5000,
    ],
)
def test_another_question_is_no_leak(question):
    assert Overlap(CASES).find(question, ["x", "y", "z"]) is None


def test_a_vignette_may_stand_in_the_context():
    context, _, question = STEM.rpartition(". ")
    case = replace(make("mine", question, {"A": "one", "B": "two", "C": "three"}), context=context)
    overlap = Overlap(CASES)
    assert overlap.find(question) is None
    assert overlap.find_case(case).case_id == "held/test/chest"


def test_numbers_accents_and_signs_do_not_count():
    assert split_plain("Caf\u00e9: 3.5 mg/dl (12%)") == ("cafe", "0", "mg", "dl", "0")


def test_real_sets(data):
    """The training sample shares a question with dev; planted edits are found; the world's cases are none."""
    names = ("medqa_4opt", "mmlu_pro_medical", "pubmedqa", "medmcqa")
    held = [case for name in names for case in load_suite(name, data)]
    overlap, rng = Overlap(held), Random(1)
    shared = [
        m for c in load_suite("medmcqa_train", data) if (m := overlap.find(c.question, [*c.options.values()]))
    ]
    assert (
        any("idiopathic steroid resistant nephrotic" in m.question.lower() for m in shared)
        and len(shared) < 20
    )
    for edit in EDITS:
        chosen = rng.sample(held[:3308], 100)
        found = [overlap.find(*plant(case, edit, rng)) for case in chosen]
        assert sum(match is not None for match in found) >= (100 if edit in ("copy", "reorder") else 95), edit
    assert not any(overlap.find(c.question, [*c.options.values()]) for c in make_cases(n=500, seed=5))
