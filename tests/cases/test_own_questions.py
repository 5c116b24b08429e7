"""Questions of one's own, as spreadsheets write them and as people get them wrong."""

import pytest

from gazal.cases.own import PRIVATE, find_unknown_columns, read_cases_of, read_own
from gazal.core.store import write_cases
from gazal.curate.own import write_own_reply
from gazal.errors import DataError

HEAD = "question,A,B,C,answer,explanation,site\n"


def read(tmp_path, text, name="quiz.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return read_own(path)


def test_a_table_becomes_cases_and_replies(tmp_path):
    rows = (
        '"Which, of these, is red?",apple,sky,,A,"Apples are red. The sky is blue.",ward 1\n'
        "Which is blue?,apple,sky,grass,Sky,Short,ward 2\n".replace("Sky", "sky")
    )
    first, second = read(tmp_path, "\ufeff" + HEAD + rows)
    assert first.case.id.startswith("quiz/own/") and dict(first.case.options) == {"A": "apple", "B": "sky"}
    assert (first.case.answer, first.case.tags.topic, first.case.licence) == ("A", "ward 1", PRIVATE)
    reply, why = write_own_reply(first)
    assert reply is not None and reply.steps == ("Apples are red.", "The sky is blue.") and why == ""
    assert reply.answer == "A" and reply.case_id == first.case.id and first.where.endswith("line 2")
    assert second.case.answer == "B" and write_own_reply(second) == (None, "one sentence; two are the least")


@pytest.mark.parametrize(
    "explanation, why",
    [
        ("", ""),
        ("Only one.", "one sentence; two are the least"),
        ("It is worked out. Sum: 1 86.", "empty_step"),
        ("One tyre costs 19 euros. 37 tyres cost 703.", None),
    ],
)
def test_an_explanation_is_held_to_the_judges(tmp_path, explanation, why):
    (own,) = read(tmp_path, f"{HEAD}Which?,x,y,,A,{explanation},\n")
    reply, found = write_own_reply(own)
    assert (reply is not None) if why is None else (reply is None and found == why)


def test_a_misspelt_column_is_named(tmp_path):
    (tmp_path / "quiz.csv").write_text("question,A,B,answer,explanaton,colour\nWhich?,x,y,A,,\n")
    assert find_unknown_columns(tmp_path / "quiz.csv") == {"explanaton": "explanation", "colour": ""}


@pytest.mark.parametrize(
    "name, text",
    [
        ("quiz.tsv", "Question\toptions\tKEY\nWhich?\t\"A) x\nB) y\"\ty\n"),
        ("quiz.jsonl", '{"question": "Which?", "options": ["x", "y"], "answer": "B"}\n'),
        ("quiz.json", '[{"question": "Which?", "options": {"A": "x", "B": "y"}, "correct": "b"}]'),
        ("quiz.csv", 'question,options,answer\nWhich?,"[""x"", ""y""]",B.\n'),
    ],
)  # fmt: skip
def test_other_forms_say_the_same(tmp_path, name, text):
    (own,) = read(tmp_path, text, name)
    assert dict(own.case.options) == {"A": "x", "B": "y"} and own.case.answer == "B"


def test_a_question_without_options_keeps_its_text(tmp_path):
    (own,) = read(tmp_path, "question,answer,id\nHow much is 2 + 2?,4,sum-1\n")
    assert (own.case.id, own.case.answer, dict(own.case.options)) == ("quiz/own/sum-1", "4", {})


@pytest.mark.parametrize(
    "text, said",
    [
        (HEAD, "holds no row"),
        ("", "'question' is missing"),
        ("Frage,A,B,answer\nWas?,x,y,A\n", "'question' is missing"),
        (HEAD + ",x,y,,A,,\n", r"line 2: no question"),
        (
            HEAD + "Which?,x,y,,D,,\n",
            r"answer 'D' is no letter and no text of an option: A\. x; B\. y",
        ),
        (HEAD + "Which?,x,y,,,,\n", r"line 2: no answer"),
        (HEAD + "Which?,x,,z,A,,\n", r"option B is empty and a later one is not"),
        (HEAD + "Which?,x,x,,A,,\n", r"option B repeats"),
        (HEAD + "Which?,x,,,A,,\n", r"1 options; a question has 2 to 10"),
        (HEAD + "Which?,x,y,,A,,\nWhich?,x,y,,A,,\n", r"line 3: the same as .*line 2"),
        (HEAD + "Which?,x,y,z,A,e,s,more\n", r"line 2: more cells than columns"),
        (HEAD + '"Which?,x,y\n', r"no table"),
        (b"question,answer\nWhich\xff?,4\n", "is not UTF-8"),
        ("question,answer,id\nWhich?,4,a/b\n", "holds a slash"),
        ("question,answer\nWh\x00ich?,4\n" + "x" * 2_000_000, "no table"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        read(tmp_path, text)


def test_a_table_stands_wherever_cases_do(tmp_path):
    (tmp_path / "quiz.csv").write_text(HEAD + "Which?,x,y,,A,,\n")
    cases = read_cases_of(tmp_path / "quiz.csv")
    write_cases(tmp_path / "cases.jsonl", cases)
    assert read_cases_of(tmp_path / "cases.jsonl") == cases
