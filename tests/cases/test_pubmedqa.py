import re

import pytest

from gazal.cases.pubmedqa import read_pubmedqa
from gazal.errors import DataError

ROW = {
    "QUESTION": "Does it help?",
    "CONTEXTS": ["We asked.", "It did."],
    "LABELS": ["AIM", "RESULTS"],
    "LONG_ANSWER": "It gives the key away.",
    "final_decision": "yes",
}
ROWS = {"11": ROW, "22": ROW | {"final_decision": "no"}, "33": ROW | {"final_decision": "maybe"}}


@pytest.fixture
def read(write):
    def read_folder(rows, truth, test=True):
        folder = write("ori_pqal.json", whole=rows).parent
        write("test_ground_truth.json", whole=truth)
        return read_pubmedqa(folder, source="pubmedqa/test", test=test)

    return read_folder


def test_the_two_halves_part_by_the_listed_ids(read):
    truth = {"33": "maybe", "22": "no"}
    assert [(case.id, case.answer) for case in read(ROWS, truth)] == [
        ("pubmedqa/test/22", "B"),
        ("pubmedqa/test/33", "C"),
    ]
    (case,) = read(ROWS, truth, test=False)
    assert (case.id, case.answer, case.kind) == ("pubmedqa/test/11", "A", "abstract")


def test_a_listed_id_without_a_key_is_refused(read):
    with pytest.raises(DataError, match=r"id 11: .*says None"):
        read(ROWS, {"11": None})


def test_the_abstract_has_its_labels_and_never_the_long_answer(read):
    (case,) = read({"11": ROW}, {"11": "yes"})
    assert case.context == "AIM: We asked.\nRESULTS: It did."
    assert case.options == {"A": "yes", "B": "no", "C": "maybe"}
    assert "away" not in repr(case)


def test_cases_do_not_share_their_options(read):
    first, second = read(ROWS, {"33": "maybe", "22": "no"})
    assert first.options is not second.options


@pytest.mark.parametrize("test", [True, False])
def test_files_that_disagree_on_a_key_are_refused(read, test):
    with pytest.raises(
        DataError, match=r"ori_pqal.json, id 22: final_decision is 'no', but .* says 'maybe'."
    ):
        read(ROWS, {"22": "maybe"}, test)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW | {"final_decision": "Yes"}, "final_decision is 'Yes'; it must be yes, no or maybe."),
        (ROW | {"LABELS": ["AIM"]}, "1 LABELS for 2 CONTEXTS; each paragraph has its label."),
        (ROW | {"LABELS": [], "CONTEXTS": []}, "0 LABELS for 0 CONTEXTS"),
        (ROW | {"CONTEXTS": ["We asked.", " "]}, "a label or paragraph of the abstract is blank or no text."),
        ("yes", "expected a JSON object, found str."),
    ],
)
def test_a_wrong_row_is_refused_with_its_id(read, row, message):
    with pytest.raises(DataError, match=re.escape(f"id 44: {message}")):
        read({"44": row}, {}, test=False)


def test_listed_ids_that_are_missing_are_refused(read):
    with pytest.raises(
        DataError, match=r"truth.json: 2 of its 3 ids are not in ori_pqal.json, such as 44. ori"
    ):
        read(ROWS, {"22": "no", "55": "no", "44": "no"})


def test_files_that_are_no_object_or_cut_off_are_refused(read, write, tmp_path):
    with pytest.raises(DataError, match=r"ori_pqal.json: expected a JSON object by id, found list."):
        read([ROW], {})
    (tmp_path / "ori_pqal.json").write_text('{"11": {"QUES', encoding="utf-8")
    with pytest.raises(
        DataError, match=r"ori_pqal.json: not JSON \(.*\). The file may be cut off: fetch it again."
    ):
        read_pubmedqa(tmp_path, source="pubmedqa/test", test=True)
    (tmp_path / "ori_pqal.json").write_bytes(b'{"11": "\xe9"}')
    with pytest.raises(DataError, match=r"ori_pqal.json: byte 8 is not UTF-8. Save the file as UTF-8."):
        read_pubmedqa(tmp_path, source="pubmedqa/test", test=True)
