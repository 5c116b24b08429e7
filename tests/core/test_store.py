"""Files of cases and replies: round trips, and one clear message for each way a file can be bad."""

import json
import os
import subprocess
import sys

import pytest

from gazal.core.case import Case
from gazal.core.store import read_cases, read_traces, write_cases, write_lines, write_traces
from gazal.core.trace import Trace
from gazal.errors import DataError
from gazal.world.generate import make_cases

CASE = {
    "id": "a/b/c",
    "kind": "exam",
    "question": "Why?",
    "options": {"A": "x", "B": "y"},
    "answer": "A",
    "licence": "MIT",
}


def test_cases_of_every_kind_come_back_as_they_were(tmp_path):
    cases = list(make_cases(n=50, seed=1, twins=True))
    assert write_cases(tmp_path / "cases.jsonl", cases) == len(cases)
    assert read_cases(tmp_path / "cases.jsonl") == cases


def test_replies_come_back_as_they_were(tmp_path):
    traces = [
        Trace(case_id="a/b/c", text="\x00 \u202e \U0001f600\n", sample=n, n_tokens=3, pred="B", stop="length")
        for n in range(2)
    ]
    write_traces(tmp_path / "r.jsonl", traces)
    assert read_traces(tmp_path / "r.jsonl") == traces


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b'{"id": "a/b/c"\n', "line 1: not a JSON object"),
        (b"[1]\n", "line 1: expected a JSON object, found list"),
        (b'{"id": NaN}\n', "NaN is not a JSON number"),
        ('{"id": "\u00e9"}'.encode("latin-1"), "line 1: byte 8 is not UTF-8"),
        (
            json.dumps({**CASE, "answer": "Z"}).encode(),
            "line 1: case a/b/c: answer 'Z' is not one of its options",
        ),
        (json.dumps({**CASE, "colour": 1}).encode(), "line 1: not a case: colour"),
        (json.dumps({**CASE, "kind": "riddle"}).encode(), "line 1: not a case: kind"),
        (
            json.dumps({**CASE, "truth": {"kind": "recall"}}).encode(),
            "line 1: not a case: truth.recall.relation: ",
        ),
        (
            (json.dumps(CASE) + "\n" + json.dumps(CASE)).encode(),
            "line 2: case a/b/c already stands in line 1",
        ),
        (
            (json.dumps(CASE) + "\n" + json.dumps(CASE)[:40]).encode(),
            "line 2: not a JSON object .* may be cut off",
        ),
        (b"[" * 100000, "line 1: not a JSON object"),
    ],
)
def test_a_bad_file_of_cases(tmp_path, content, message):
    path = tmp_path / "cases.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as found:
        read_cases(path)
    assert str(path) in str(found.value) and "\n" not in str(found.value)


@pytest.mark.parametrize(
    "reply, message",
    [
        ({"case_id": "a/b/c"}, "it has no 'text'"),
        ({"text": "x"}, "it has no 'case_id'"),
        ({"case_id": "a", "text": None}, "text is None"),
        ({"case_id": "a", "text": "x", "sample": True}, "sample is True"),
        ({"case_id": "a", "text": "x", "stop": "tired"}, "stop is 'tired'"),
    ],
)
def test_a_bad_reply(tmp_path, reply, message):
    path = tmp_path / "replies.jsonl"
    path.write_text(json.dumps(reply))
    with pytest.raises(DataError, match=message):
        read_traces(path)


def test_the_same_sample_twice_is_refused_and_other_fields_are_passed_over(tmp_path):
    path = tmp_path / "replies.jsonl"
    row = json.dumps({"case_id": "a", "text": "x", "temperature": 0.7})
    path.write_text(row)
    assert read_traces(path) == [Trace(case_id="a", text="x")]
    path.write_text(f"{row}\n{row}")
    with pytest.raises(DataError, match="line 2: sample 0 of a already stands in line 1"):
        read_traces(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_cases(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="cannot be read"):
        read_cases(tmp_path)
    with pytest.raises(DataError, match="cannot be written"):
        write_cases(tmp_path / "no" / "folder.jsonl", [])


def test_what_fails_halfway_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "cases.jsonl"
    write_cases(path, [Case(**CASE)])
    before = path.read_bytes()

    def stop(number: int) -> bytes:
        if number:
            raise KeyboardInterrupt
        return b"{}"

    with pytest.raises(KeyboardInterrupt):
        write_lines(path, [0, 1], stop)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["cases.jsonl"]


def test_a_full_disk_is_one_message_and_loses_nothing(tmp_path):
    path = tmp_path / "cases.jsonl"
    path.write_text("what was there\n")
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from gazal.core.store import write_lines\n"
        "from gazal.errors import DataError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000))\n"
        "try:\n    write_lines(Path(sys.argv[1]), range(10000), lambda n: b'x' * 100)\n"
        "except DataError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path}: cannot be written (File too large).\n"
    assert path.read_text() == "what was there\n" and os.listdir(tmp_path) == ["cases.jsonl"]
