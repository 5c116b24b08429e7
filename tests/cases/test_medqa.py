import re

import pytest

from gazal.cases.medqa import read_mediq, read_medqa, read_medqa_labelled, read_medqa_prompts
from gazal.core.case import hash_content
from gazal.errors import DataError

ROW = {
    "question": "Which drug?",
    "answer": "Heparin",
    "options": {"A": "Aspirin", "B": "Heparin", "C": "Iron", "D": "Zinc"},
    "meta_info": "step1",
    "answer_idx": "B",
}
OTHER = ROW | {"question": "Which metal?", "answer": "Zinc", "answer_idx": "D", "meta_info": "step2&3"}
PROMPT = (
    "Question: Which drug?\nTake care.\n"
    'Option A: Aspirin\nOption B: Heparin\n"\nOption C: Iron \nOption D: Zinc'
)


def read(path, n_options=4):
    return read_medqa(path, source="medqa_4opt/test", n_options=n_options)


@pytest.mark.parametrize("whole", [False, True])
def test_reads_lines_and_a_json_list_alike(write, whole):
    path = write("a.json", whole=[ROW, OTHER]) if whole else write("a.jsonl", ROW, OTHER)
    first, second = read(path)
    assert first.id == "medqa_4opt/test/" + hash_content("", "Which drug?", ROW["options"])
    assert (first.kind, first.question, first.context) == ("exam", "Which drug?", "")
    assert (first.options, first.answer, first.tags.topic) == (ROW["options"], "B", "step1")
    assert (second.answer, second.tags.topic, second.licence, second.truth) == ("D", "step2&3", "MIT", None)


def test_a_repeated_question_gets_a_numbered_id_and_order_of_others_does_not_matter(write):
    a, b, c = read(write("a.jsonl", ROW, OTHER, ROW))
    assert c.id == a.id + "-2" and b.id != a.id
    assert {case.id for case in read(write("b.jsonl", OTHER, ROW, ROW))} == {a.id, b.id, c.id}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"answer_idx": "A"},
            "answer_idx is 'A', but the answer 'Heparin' is option 'B'. The options were re-lettered",
        ),
        ({"answer_idx": "E"}, "answer_idx is 'E', but the answer 'Heparin' is option 'B'."),
        ({"answer": "Warfarin"}, "answer 'Warfarin' is not the text of any option ['A', 'B', 'C', 'D']."),
        ({"answer": 3}, "answer is 3, expected str."),
        ({"question": " \n"}, "question is blank."),
        ({"options": ["Aspirin"]}, "options is ['Aspirin'], expected dict."),
        (
            {"options": {"A": "x", "B": "Heparin", "C": "y"}},
            "3 options, expected 4. Is it the file of another suite?",
        ),
        ({"options": {"A": "x", "B": "Heparin", "C": "", "D": "y"}}, "option C is '', expected a text."),
        (
            {"options": {"A": "x", "B": "Heparin", "C": "x", "D": "y"}},
            "option C repeats 'x'. Each option must differ.",
        ),
        (
            {"options": {"B": "x", "A": "Heparin", "C": "z", "D": "y"}},
            "option letters are ['B', 'A', 'C', 'D']",
        ),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(write, change, message):
    path = write("a.jsonl", OTHER, ROW | change)
    with pytest.raises(DataError, match=re.escape(f"{path}, line 2: {message}")):
        read(path)


def test_the_five_option_file_is_refused_as_the_four_option_one(write):
    path = write("a.jsonl", ROW | {"options": ROW["options"] | {"E": "Gold"}})
    with pytest.raises(DataError, match="line 1: 5 options, expected 4"):
        read(path)
    assert read(path, 5)[0].options["E"] == "Gold"


def test_a_missing_field_names_what_the_row_has(write):
    path = write("a.jsonl", {"question": "q", "meta_info": "step1"})
    with pytest.raises(
        DataError, match=re.escape("line 1: no 'options'; the row has ['meta_info', 'question'].")
    ):
        read(path)


def test_labels_are_taken_off_and_the_answer_is_found_by_its_text(write):
    row = {"question": "q", "options": ["A. x", "B. B. subtilis", "C. y"], "answer": "B. subtilis"}
    (case,) = read_medqa_labelled(write("a.json", whole=[row]), source="s/dev", n_options=3)
    assert (case.options, case.answer) == ({"A": "x", "B": "B. subtilis", "C": "y"}, "B")


@pytest.mark.parametrize("options", [["A. x", "C. y"], ["x", "B. y"], ["A. x", 4]])
def test_labels_out_of_order_are_refused(write, options):
    path = write("a.json", whole=[{"question": "q", "options": options, "answer": "x"}])
    with pytest.raises(
        DataError, match=r"entry 1: option labels are '(AC|\?B|A\?)'; they must be 'A. ', 'B. '"
    ):
        read_medqa_labelled(path, source="s/dev", n_options=2)


def test_prompts_are_taken_apart_and_keep_stray_characters(write):
    row = {"instances": {"input": PROMPT, "output": 'Heparin\n"'}}
    (case,) = read_medqa_prompts(write("a.jsonl", row), source="s/train", n_options=4)
    assert case.question == "Which drug?\nTake care."
    assert case.options == {"A": "Aspirin", "B": 'Heparin\n"', "C": "Iron ", "D": "Zinc"}
    assert case.answer == "B"


@pytest.mark.parametrize(
    "prompt", [PROMPT.replace("Option B", "Option C"), PROMPT.removeprefix("Question: ")]
)
def test_a_prompt_of_another_form_is_refused(write, prompt):
    path = write("a.jsonl", {"instances": {"input": prompt, "output": "Zinc"}})
    with pytest.raises(DataError, match=r"line 1: '.*is not 'Question: ', a stem and options A, B, C"):
        read_medqa_prompts(path, source="s/train", n_options=4)


def test_mediq_sentences_become_the_stem(write):
    (case,) = read_mediq(write("a.jsonl", ROW | {"context": ["A man coughs.", "He smokes."]}), source="s/dev")
    assert case.question == "A man coughs. He smokes. Which drug?"
    assert (case.answer, case.licence) == ("B", "MIT AND CC-BY-4.0")
    with pytest.raises(DataError, match="line 1: context holds something that is no text"):
        read_mediq(write("b.jsonl", ROW | {"context": ["A man coughs.", None]}), source="s/dev")
