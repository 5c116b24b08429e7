import re

import pytest

from gazal.cases.mmlu_pro import read_mmlu_pro
from gazal.errors import DataError

ROW = {
    "question_id": 7,
    "question": "Which?",
    "options": ["x", "y", "z"],
    "answer": "C",
    "answer_index": 2,
    "category": "health",
    "src": "ori_mmlu-virology",
}


def read(path):
    return read_mmlu_pro(path, source="mmlu_pro/test", categories=("health",))


def test_keeps_the_wanted_category_with_the_id_of_the_source(write):
    law = {"category": "law", "options": "of no concern here"}
    (case,) = read(write("a.jsonl", law, ROW))
    assert (case.id, case.answer, case.tags.topic) == ("mmlu_pro/test/7", "C", "health")
    assert (case.options, case.licence) == ({"A": "x", "B": "y", "C": "z"}, "Apache-2.0")


def test_a_repeated_question_under_another_id_is_kept(write):
    assert len(read(write("a.jsonl", ROW, ROW | {"question_id": 8}))) == 2


def test_an_id_that_stands_twice_is_refused(write):
    with pytest.raises(DataError, match=r"a.jsonl: id 7 stands twice. Remove one of the rows."):
        read(write("a.jsonl", ROW, ROW))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"answer": "B"},
            "answer is 'B' but answer_index is 2 of 3 options (0 is 'A'). The options were re-lettered",
        ),
        ({"answer_index": -1}, "answer is 'C' but answer_index is -1 of 3"),
        ({"answer_index": 3}, "answer is 'C' but answer_index is 3 of 3"),
        ({"answer_index": True}, "answer_index is True, expected int."),
        ({"options": ["x"] * 3}, "option B repeats 'x'"),
        ({"options": [str(i) for i in range(11)]}, "11 options; a question has 2 to 10."),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(write, change, message):
    path = write("a.jsonl", ROW | change)
    with pytest.raises(DataError, match=re.escape(f"{path}, line 1: {message}")):
        read(path)
