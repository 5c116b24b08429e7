import pytest

from gazal.cases.mmlu import SUBJECTS, read_mmlu
from gazal.errors import DataError

LINE = '"Which, of ""these""?",x,"y, or\nz",w,v,C\n'


@pytest.fixture
def folder(tmp_path):
    for number, subject in enumerate(SUBJECTS):
        (tmp_path / f"{subject}_test.csv").write_text(f"question {number},x,y,z,w,A\n", encoding="utf-8")
    return tmp_path


def read(folder):
    return read_mmlu(folder, source="mmlu_medical/test")


def test_reads_every_subject_and_quoted_cells(folder):
    (folder / "anatomy_test.csv").write_text(LINE, encoding="utf-8")
    cases = read(folder)
    assert [case.tags.topic for case in cases] == list(SUBJECTS)
    assert cases[0].question == 'Which, of "these"?'
    assert (cases[0].options["B"], cases[0].answer) == ("y, or\nz", "C")


def test_a_line_separator_inside_a_cell_does_not_end_the_row(folder):
    (folder / "anatomy_test.csv").write_text("q\u2028r,x,y,z,w,A\n", encoding="utf-8")
    assert read(folder)[0].question == "q\u2028r"


def test_the_same_question_in_two_subjects_keeps_both(folder):
    (folder / "medical_genetics_test.csv").write_text("question 0,x,y,z,w,A\n", encoding="utf-8")
    first, repeat = (case for case in read(folder) if case.question == "question 0")
    assert repeat.id == first.id + "-2"
    assert repeat.tags.topic == "medical_genetics"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c,d,A\n", r"anatomy_test.csv, line 1: 5 columns, expected 6: question, A, B, C, D, key."),
        ("a,b,c,d,e,A\na,b,c,d,e,f,A\n", "line 2: 7 columns, expected 6"),
        ("a,b,c,d,e,1\n", "line 1: case mmlu_medical/test/.*: answer '1' is not one of its options"),
        ("a,b,,d,e,A\n", "line 1: option B is '', expected a text."),
        ("a,b,b,d,e,A\n", "line 1: option B repeats 'b'"),
        (" ,b,c,d,e,A\n", "line 1: case .*: the question is empty."),
        ('"a,b,c,d,e,A\n', r"line 1: not comma-separated values \(unexpected end of data\). Fetch"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(folder, text, message):
    (folder / "anatomy_test.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read(folder)


def test_a_missing_or_differently_encoded_file_is_refused(folder):
    (folder / "anatomy_test.csv").write_bytes("café,b,c,d,e,A\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"anatomy_test.csv: byte 3 is not UTF-8. Save the file as UTF-8."):
        read(folder)
    (folder / "anatomy_test.csv").unlink()
    with pytest.raises(DataError, match=r"anatomy_test.csv: no such file. Check the path."):
        read(folder)
