"""Replies recorded elsewhere: read in both forms, graded by the same judges, every unparsed one listed."""

import json

import pytest

from gazal.cases.recorded import read_recorded
from gazal.core.case import Case, Tags
from gazal.errors import DataError
from gazal.evaluate.recorded import grade

CASES = [
    Case(
        id=f"mmlu_pro/test/{number}",
        kind="exam",
        question=f"Which, {number}?",
        options={"A": "this", "B": "that", "C": "none"},
        answer="B",
        tags=Tags(topic="health"),
        licence="MIT",
    )
    for number in (70, 7, 700)
]


@pytest.fixture
def write(tmp_path):
    def write(rows, name="replies.jsonl"):
        path = tmp_path / name
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return path

    return write


def row(number, text, pred="B"):
    return {"question_id": number, "category": "health", "answer": "B", "pred": pred, "model_outputs": text}


def test_rows_of_mmlu_pro_are_matched_by_the_whole_last_part_of_the_id(write):
    traces = read_recorded(write([row(7, "one"), row(700, None, None)]), CASES)
    assert [(t.case_id, t.text, t.pred) for t in traces] == [
        ("mmlu_pro/test/7", "one", "B"),
        ("mmlu_pro/test/700", "", None),
    ]


@pytest.mark.parametrize(
    "rows, said",
    [
        ([row(8, "x")], "line 1: question_id 8 is not among the 3 cases"),
        ([row(7, "x"), row(7, "y")], "line 2: a second reply to question_id 7"),
        ([row(7, 5)], "line 1: not a reply: model_outputs is 5"),
        ([row(7, "x"), {"question_id": 70}], "line 2: not a reply: it has no 'model_outputs'"),
        ([row(7, "x", ["B"])], r"line 1: not a reply: pred is \['B'\]"),
        ([{"id": 7}], "line 1: not a reply: it has no 'case_id'"),
    ],
)
def test_a_bad_row_is_refused_by_its_line(write, rows, said):
    with pytest.raises(DataError, match=said):
        read_recorded(write(rows), CASES)


def test_nothing_is_guessed_and_every_unparsed_reply_is_listed(write):
    boxed = "<think>\nStep 1: So.\n</think>\n**Answer:** \\boxed{B}"
    files = [
        write([row(70, "The answer is (B)."), row(7, boxed, "C"), row(700, "")], "theirs.jsonl"),
        write([{"case_id": CASES[0].id, "text": boxed}], "ours.jsonl"),
    ]
    whole = grade(files, CASES)
    theirs = whole["evaluation"]["mmlu_pro_health"]["theirs"]
    assert (theirs["n"], theirs["right"]) == (3, 1) and theirs["unparsed"] == pytest.approx(2 / 3)
    assert [(found["case_id"], found["why"]) for found in whole["unparsed"]["theirs"]] == [
        ("mmlu_pro/test/700", "unparsed"),
    ]
    protocols = whole["protocols"]["mmlu_pro_health"]["theirs"]
    assert {name: (o["right"], o["unparsed"]) for name, o in protocols.items()} == {
        "strict": (1, pytest.approx(2 / 3)),
        "lenient": (2, pytest.approx(1 / 3)),
    }
    assert protocols["lenient"]["agreement"] == {"n": 2, "same": 1}
    (differing,) = protocols["lenient"]["disagreements"]
    assert (differing["read"], differing["recorded"], differing["text"]) == ("B", "C", boxed)
    # What others read out of the replies is told apart and judges nothing: B, C, B.
    assert whole["recorded"] == {"theirs": {"n": 3, "right": 2}}
    assert whole["without_reply"] == {"theirs": 0, "ours": 2} and whole["unparsed"]["ours"] == []
    assert whole["paired"] == []  # Not the same cases.
