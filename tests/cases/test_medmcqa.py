import re

import pytest

from gazal.cases.medmcqa import read_medmcqa, read_medmcqa_prompts
from gazal.errors import DataError

ROW = {
    "question": "Which?",
    "exp": "A textbook says so.",
    "cop": 1,
    "opa": "x",
    "opb": "y",
    "opc": "y",
    "opd": "w",
    "subject_name": "Anatomy",
    "topic_name": None,
    "id": "45258d3d-b974",
    "choice_type": "multi",
}
PROMPT = "QUESTION: Which?\nOption A:x\nOption B:y\nOption C:z\nOption D:w\n"


def read(path):
    return read_medmcqa(path, source="medmcqa/dev")


def test_cop_counts_from_one(write):
    for cop, letter in enumerate("ABCD", 1):
        (case,) = read(write("a.jsonl", ROW | {"cop": cop}))
        assert case.answer == letter
    assert (case.id, case.tags.topic) == ("medmcqa/dev/45258d3d-b974", "Anatomy")
    assert case.options == {"A": "x", "B": "y", "C": "y", "D": "w"}
    assert "textbook" not in repr(case)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cop": 0}, "cop is 0; it must be 1 to 4, 1 for opa. Copies that count from 0 are another version"),
        ({"cop": 5}, "cop is 5; it must be 1 to 4"),
        ({"cop": "1"}, "cop is '1', expected int."),
        ({"opc": None}, "opc is None, expected str."),
        ({"opc": " "}, "opc is blank."),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(write, change, message):
    path = write("a.jsonl", ROW | {"id": "1"}, ROW | change)
    with pytest.raises(DataError, match=re.escape(f"{path}, line 2: {message}")):
        read(path)


def test_an_id_that_stands_twice_is_refused(write):
    with pytest.raises(DataError, match=r"a.jsonl: id 45258d3d-b974 stands twice."):
        read(write("a.jsonl", ROW, ROW))


def test_prompts_are_taken_apart(write):
    for letter in "ABCD":
        path = write("a.jsonl", {"instances": {"input": PROMPT, "output": f"Answer: ({letter})"}})
        (case,) = read_medmcqa_prompts(path, source="medmcqa_train/train")
        assert case.answer == letter
    assert (case.question, case.options) == ("Which?", {"A": "x", "B": "y", "C": "z", "D": "w"})
    assert re.fullmatch(r"medmcqa_train/train/[0-9a-f]{12}", case.id)


@pytest.mark.parametrize("output", ["Answer: (E)", "A", "Answer: (A) "])
def test_an_output_of_another_form_is_refused(write, output):
    path = write("a.jsonl", {"instances": {"input": PROMPT, "output": output}})
    with pytest.raises(DataError, match=re.escape(f"line 1: output is {output!r}, expected 'Answer: (A)'")):
        read_medmcqa_prompts(path, source="medmcqa_train/train")
