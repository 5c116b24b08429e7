import re
from dataclasses import replace
from pathlib import Path

import pytest

from gazal.cases import table
from gazal.cases.published import count_keys, digest_cases, refuse_unpublished
from gazal.cases.table import SUITES, load_suite
from gazal.errors import ConfigError, DataError

ROW = {"question": "Which?", "options": {"A": "w", "B": "x", "C": "y", "D": "z"}, "meta_info": "step1"}


def row(number: int, letter: str) -> dict:
    return ROW | {"question": f"Which of {number}?", "answer": ROW["options"][letter], "answer_idx": letter}


ROWS = [row(1, "B"), row(2, "A"), row(3, "B"), row(4, "D")]


@pytest.fixture
def suite(write, monkeypatch):
    """medqa_4opt as if these four rows had been published."""
    path = write("published.jsonl", *ROWS)
    cases = SUITES["medqa_4opt"].read(path)
    small = replace(SUITES["medqa_4opt"], n=4, keys=count_keys(cases), digest=digest_cases(cases))
    monkeypatch.setitem(table.SUITES, "medqa_4opt", small)
    return path


def test_the_published_file_is_read_in_any_order_of_its_rows(suite, write):
    assert [case.answer for case in load_suite("medqa_4opt", suite)] == ["B", "A", "B", "D"]
    assert [case.answer for case in load_suite("medqa_4opt", write("b.jsonl", *ROWS[::-1]))] == [
        "D",
        "B",
        "A",
        "B",
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            ROWS[:3],
            "medqa_4opt: read 3 cases, published 4; the file is cut off or another version. Fetch the",
        ),
        ([*ROWS, row(5, "C")], "medqa_4opt: read 5 cases, published 4; the file holds more than this split."),
        (
            [*ROWS[:3], row(4, "C")],
            "medqa_4opt: the keys are A 1 B 2 C 1, published A 1 B 2 D 1; the options were re-lettered or",
        ),
        (
            [row(1, "A"), row(2, "B"), *ROWS[2:]],
            "its questions or keys differ from the published ones. Fetch",
        ),
        ([row(9, "B"), *ROWS[1:]], "medqa_4opt: counts are as published, but its questions or keys differ"),
    ],
)
def test_another_file_is_refused_and_read_only_on_request(suite, write, rows, message):
    path = write("other.jsonl", *rows)
    with pytest.raises(DataError, match=re.escape(message)):
        load_suite("medqa_4opt", path)
    assert len(load_suite("medqa_4opt", path, accept_other_counts=True)) == len(rows)


def test_the_limit_cuts_after_the_comparison(suite, write):
    assert [case.answer for case in load_suite("medqa_4opt", suite, limit=2)] == ["B", "A"]
    with pytest.raises(DataError, match="read 3 cases, published 4"):
        load_suite("medqa_4opt", write("cut.jsonl", *ROWS[:3]), limit=2)
    with pytest.raises(
        ConfigError, match=r"medqa_4opt: limit is 0. Give 1 or more, or none for all 4 cases."
    ):
        load_suite("medqa_4opt", suite, limit=0)


def test_counts_are_printed_in_full(write):
    with pytest.raises(DataError, match=r"medqa_4opt: read 4 cases, published 1,273; the file is cut off"):
        load_suite("medqa_4opt", write("a.jsonl", *ROWS))


def test_an_edited_option_under_an_id_of_the_source_is_refused(write):
    pro = {"question_id": 1, "question": "q", "options": ["x", "y"], "answer": "A", "answer_index": 0}
    suite = SUITES["mmlu_pro_health"]
    right = suite.read(write("a.jsonl", pro | {"category": "health"}))
    edited = suite.read(write("b.jsonl", pro | {"category": "health", "options": ["x", "z"]}))
    small = replace(suite, n=1, keys={"A": 1}, digest=digest_cases(right))
    refuse_unpublished(small, right)
    assert edited[0].id == right[0].id
    with pytest.raises(
        DataError, match="mmlu_pro_health: counts are as published, but its questions or keys"
    ):
        refuse_unpublished(small, edited)


def test_a_file_with_none_of_the_cases_is_refused_even_on_request(write):
    path = write("a.jsonl", {"category": "law"})
    with pytest.raises(
        DataError, match=r"mmlu_pro_health: .*a.jsonl holds none of its cases. Is it the file"
    ):
        load_suite("mmlu_pro_health", path, accept_other_counts=True)


def test_the_root_may_be_the_data_folder_the_suites_folder_or_its_file(suite, tmp_path, monkeypatch):
    folder = tmp_path / "data" / "medqa_us_test"
    folder.mkdir(parents=True)
    file = suite.rename(folder / "test_4opt.jsonl")
    for root in (tmp_path / "data", folder, file):
        assert len(load_suite("medqa_4opt", root)) == 4
    monkeypatch.setenv("GAZAL_DATA", str(tmp_path / "data"))
    assert len(load_suite("medqa_4opt")) == 4


def test_a_home_folder_is_spelled_out(suite, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(load_suite("medqa_4opt", Path("~/published.jsonl"))) == 4


@pytest.mark.parametrize("value", [None, ""])
def test_no_root_says_how_to_give_one(monkeypatch, value):
    if value is not None:
        monkeypatch.setenv("GAZAL_DATA", value)
    with pytest.raises(
        ConfigError,
        match=r"medqa_4opt: no data folder. Set GAZAL_DATA to it, or pass its path: docs/data.md.",
    ):
        load_suite("medqa_4opt")


def test_missing_files_are_named(tmp_path, write):
    with pytest.raises(
        DataError, match=r"medqa_4opt: .*absent: no such folder. Set GAZAL_DATA to the data folder"
    ):
        load_suite("medqa_4opt", tmp_path / "absent")
    with pytest.raises(
        DataError, match=r"medqa_4opt: test_4opt.jsonl not found in .* that holds medqa_us_test/"
    ):
        load_suite("medqa_4opt", tmp_path)
    one = write("ori_pqal.json", whole={})
    with pytest.raises(DataError, match=r"pubmedqa: test_ground_truth.json not found in "):
        load_suite("pubmedqa", tmp_path)
    with pytest.raises(
        DataError, match=r"pubmedqa: .* is one file; it takes ori_pqal.json, test_ground_truth.json."
    ):
        load_suite("pubmedqa", one)


def test_an_unknown_suite_names_the_nearest_and_all():
    with pytest.raises(
        ConfigError, match=r"suite 'medqa_4opts' is not known. Did you mean medqa_4opt\?"
    ) as caught:
        load_suite("medqa_4opts")
    assert all(name in str(caught.value) for name in SUITES)
    with pytest.raises(ConfigError, match=r"suite 'xyz' is not known. Known: medqa_4opt, "):
        load_suite("xyz")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b'{"question": "caf\xe9"}\n', "line 1: byte 17 is not UTF-8. Save the file as UTF-8."),
        (b"[1]", r"entry 1: expected a JSON object, found int."),
        (b'\n"text"\n', "line 2: expected a JSON object, found str."),
        (b'{"question": "Wh', r"line 1: not a JSON object \(.*\). The last line may be cut off"),
        (b'[{"question": "Wh', r"not JSON \(.*\). The file may be cut off: fetch it again."),
        (b"[" * 100_000, r"not JSON \(.*\)."),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, content, message):
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=re.escape(str(path)) + "(: |, )" + message):
        load_suite("medqa_4opt", path)


def test_a_byte_order_mark_is_passed_over(suite, write):
    path = write("list.json", whole=ROWS)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(load_suite("medqa_4opt", path)) == 4


def test_the_table_is_consistent():
    for name, suite in SUITES.items():
        assert name == suite.name
        assert sum(suite.keys.values()) == suite.n
        assert list(suite.keys) == sorted(suite.keys)
        assert re.fullmatch("[0-9a-f]{16}", suite.digest)
        assert suite.about and "\n" not in suite.about
    assert len({suite.digest for suite in SUITES.values()}) == len(SUITES)
