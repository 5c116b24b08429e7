"""The command line as a person uses it: what it writes, what it says, how it fails."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from gazal.core.manifest import hash_file
from gazal.core.store import read_cases, read_traces

GAZAL = Path(sys.executable).with_name("gazal")


def gazal(*words, cwd=None, **env):
    environment = {key: value for key, value in os.environ.items() if key != "GAZAL_DATA"} | env
    return subprocess.run(
        [str(GAZAL), *map(str, words)], capture_output=True, text=True, cwd=cwd, env=environment, check=False
    )


def fails(done, *parts):
    """Exit status 2, nothing on stdout, no traceback, one message that holds every part."""
    assert done.returncode == 2 and not done.stdout, done
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr, done.stderr
    message = [line for line in done.stderr.splitlines() if line.startswith(("gazal: ", "Error: "))]
    assert len(message) == 1, done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    done = gazal(
        "cases", "--n", 25, "--seed", 7, "--out", "cases.jsonl", "--solutions", "replies.jsonl", cwd=folder
    )
    assert done.returncode == 0, done
    assert "25 cases (5 diagnosis, 5 treatment, 5 uncertainty, 5 prognosis, 5 recall)" in done.stdout
    return folder


def test_cases_writes_cases_solutions_and_what_made_them(made):
    cases, replies = read_cases(made / "cases.jsonl"), read_traces(made / "replies.jsonl")
    assert [reply.case_id for reply in replies] == [case.id for case in cases]
    manifest = json.loads((made / "cases.jsonl.manifest.json").read_text())
    assert manifest["output"] == {"cases.jsonl": hash_file(made / "cases.jsonl")}
    assert manifest["made_by"]["seed"] == 7 and manifest["counts"]["recall"] == 5


def test_the_same_command_writes_the_same_bytes(made, tmp_path):
    gazal("cases", "--n", 25, "--seed", 7, "--out", tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == (made / "cases.jsonl").read_bytes()


def test_one_kind_split_difficulty_and_twins(tmp_path):
    out = tmp_path / "c.jsonl"
    words = (
        "--kind",
        "diagnosis",
        "--kind",
        "prognosis",
        "--n",
        6,
        "--split",
        "test",
        "--difficulty",
        "hard",
        "--twins",
    )
    assert gazal("cases", *words, "--out", out).returncode == 0
    cases = read_cases(out)
    assert Counter(case.kind for case in cases) == {"diagnosis": 6, "prognosis": 6}
    assert {(case.split, case.tags.difficulty) for case in cases[::2]} == {("test", "hard")}
    assert gazal("cases", "--check", out).returncode == 0


def test_check_says_which_line_and_exits_with_1(made, tmp_path):
    lines = (made / "cases.jsonl").read_text().splitlines()
    case = json.loads(lines[2])
    case["answer"] = next(letter for letter in case["options"] if letter != case["answer"])
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join([*lines[:2], json.dumps(case), *lines[3:]]))
    done = gazal("cases", "--check", path)
    assert done.returncode == 1 and f"line 3, {case['id']}: key: it says {case['answer']}" in done.stdout
    assert "25 cases checked, 1 with faults" in done.stdout
    found = json.loads(gazal("cases", "--check", path, "--json").stdout)
    assert found["n"] == 25 and [fault["line"] for fault in found["faults"]] == [3]


def test_score_prints_accuracy_with_interval_and_floor(made):
    done = gazal("score", "--cases", made / "cases.jsonl", "--replies", made / "replies.jsonl")
    assert (
        done.returncode == 0 and "floor: accuracy of a classifier that sees only the options" in done.stdout
    )
    row = next(line.split() for line in done.stdout.splitlines() if line.startswith("diagnosis"))
    assert row[1:5] == ["5", "5", "1.000", "0.566-1.000"] and 0.15 < float(row[5]) < 0.35
    record = json.loads(
        gazal("score", "--cases", made / "cases.jsonl", "--replies", made / "replies.jsonl", "--json").stdout
    )
    assert record["tally"]["all"]["right"] == 25 and len(record["replies"]) == 25
    assert record["replies"][0]["grounding"]["steps"][0]["support"] == "supported"


def test_score_counts_what_is_not_right_apart(made, tmp_path):
    cases = read_cases(made / "cases.jsonl")[:4]
    texts = [
        "no box",
        r"<think>x</think>\boxed{Cannot be determined}",
        r"<think>x",
        r"<think>x</think>\boxed{Z}",
    ]
    rows = [
        {"case_id": case.id, "text": text, "stop": "length" if text == "<think>x" else "end"}
        for case, text in zip(cases, texts, strict=True)
    ]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = gazal("score", "--cases", made / "cases.jsonl", "--replies", tmp_path / "r.jsonl", "--json")
    tally = json.loads(done.stdout)["tally"]["all"]
    assert (tally["n"], tally["right"], tally["accuracy"]) == (4, 0, 0.0)
    assert (tally["abstained"], tally["unparsed"], tally["truncated"]) == (0.25, 0.5, 0.25)
    assert json.loads(done.stdout)["cases_without_reply"] == 21


def test_show_walks_one_case(made):
    case = read_cases(made / "cases.jsonl")[0]
    done = gazal("show", case.id[-6:], "--cases", made / "cases.jsonl", "--replies", made / "replies.jsonl")
    assert done.returncode == 0 and case.question in done.stdout
    assert f"* {case.answer}. {case.options[case.answer]}" in done.stdout
    assert f"read back from the text, the key is {case.answer}" in done.stdout
    assert done.stdout.count("reply of world, sample 0:") == 2 and "+ Step 1:" in done.stdout


@pytest.mark.parametrize(
    "words, parts",
    [
        (["--kind", "riddle", "--out", "x"], ["--kind 'riddle' is not a kind", "diagnosis, treatment"]),
        (["--kind", "diagnoses", "--out", "x"], ["Did you mean 'diagnosis'?"]),
        (["--n", "-3", "--out", "x"], ["'--n'"]),
        (["--n", "0", "--out", "x"], ["'--n'"]),
        (["--n", "many", "--out", "x"], ["'--n'"]),
        (["--split", "holdout", "--out", "x"], ["'--split'"]),
        (["--n", "5"], ["--out FILE"]),
        (["--kind", "recall", "--twins", "--out", "x"], ["recall cases have no twins"]),
        (["--n", "2", "--out", "no/such/folder/x"], ["no/such/folder/x: cannot be written"]),
        (
            ["--n", "2", "--out", "x", "--solutions", "x"],
            ["--solutions names x, which is written for another option"],
        ),
        (["--n", "2", "--out", "x", "--solutions", "no/s.jsonl"], ["there is no folder no"]),
        (
            ["--n", "2", "--out", "x", "--solutions", "x.manifest.json"],
            ["which is written for another option"],
        ),
        (["--n", "2", "--out", "/dev/null"], ["/dev/null: is no regular file"]),
        (["--n", "2", "--out", "x", "--data", "."], ["--data does not apply to making cases"]),
        (["--check", "none.jsonl", "--twins"], ["--twins does not apply to --check"]),
        (["--suite", "pubmedqa", "--split", "train", "--out", "x"], ["--split does not apply to --suite"]),
        (["--check", "none.jsonl"], ["none.jsonl: no such file"]),
        (["--check", "empty.jsonl"], ["the file is empty"]),
        (["--check", "latin.jsonl"], ["latin.jsonl, line 1: byte", "not UTF-8"]),
        (["--check", "broken.jsonl"], ["broken.jsonl, line 2: not a JSON object"]),
        (["--check", "other.jsonl"], ["other.jsonl, line 1: not a case: "]),
        (["--check", "broken.jsonl", "--out", "x"], ["--out does not apply to --check"]),
        (["--suite", "medqa", "--out", "x"], ["medqa"]),
        (["--suite", "medqa_4opt", "--out", "x"], ["GAZAL_DATA"]),
        (["--suite", "medqa_4opt", "--data", "nowhere", "--out", "x"], ["nowhere"]),
        (
            ["--suite", "medqa_4opt", "--kind", "recall", "--out", "x"],
            ["--kind does not apply to --suite"],
        ),
    ],
)
def test_wrong_use_of_cases(tmp_path, made, words, parts):
    good = (made / "cases.jsonl").read_text().splitlines()[0]
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "latin.jsonl").write_bytes('{"id": "caf\u00e9"}\n'.encode("latin-1"))
    (tmp_path / "broken.jsonl").write_text(good + "\n" + good[:100] + "\n")
    (tmp_path / "other.jsonl").write_text('{"name": "something else"}\n')
    fails(gazal("cases", *words, cwd=tmp_path), *parts)
    assert not (tmp_path / "x").exists()


def test_wrong_use_of_score_and_show(tmp_path, made):
    cases, replies = made / "cases.jsonl", made / "replies.jsonl"
    stray = tmp_path / "stray.jsonl"
    stray.write_text('{"case_id": "a/b/c", "text": "x"}\n')
    fails(gazal("score", "--cases", cases, "--replies", stray), "a reply names case 'a/b/c'")
    fails(gazal("score", "--cases", cases, "--replies", cases), "line 1: not a reply: it has no 'case_id'")
    fails(gazal("score", "--cases", replies, "--replies", replies), "line 1: not a case")
    fails(gazal("score", "--cases", cases), "'--replies'")
    fails(gazal("show", "nothing", "--cases", cases), "no case 'nothing' among 25")
    fails(gazal("show", "", "--cases", cases), "25 case ids end in ''")


def test_a_suite_from_its_published_files(tmp_path, data):
    done = gazal("cases", "--suite", "pubmedqa", "--data", data, "--out", tmp_path / "p.jsonl")
    assert done.returncode == 0 and "500 cases of pubmedqa" in done.stdout
    assert len(read_cases(tmp_path / "p.jsonl")) == 500
    done = gazal(
        "cases", "--suite", "medqa_4opt", "--n", 10, "--out", tmp_path / "m.jsonl", GAZAL_DATA=str(data)
    )
    assert done.returncode == 0 and "10 of 1,273 cases" in done.stdout
    fails(gazal("cases", "--check", tmp_path / "m.jsonl"), "line 1")


def test_what_no_terminal_can_show_does_no_harm(tmp_path, made):
    lines = (made / "cases.jsonl").read_text().splitlines()
    case = json.loads(lines[0])
    rows = [
        {"case_id": case["id"], "text": "<think>Step 1: \ud800 odd\nStep 2: x</think>", "model": "\ud800"}
    ]
    (tmp_path / "r.jsonl").write_text(json.dumps(rows[0]))
    done = gazal("show", case["id"], "--cases", made / "cases.jsonl", "--replies", tmp_path / "r.jsonl")
    assert done.returncode == 0 and "\\ud800" in done.stdout
    (tmp_path / "c.jsonl").write_text(json.dumps({**case, "id": "world/train/\ud800", "answer": ["A"]}))
    done = gazal("cases", "--check", tmp_path / "c.jsonl")
    assert done.returncode == 1 and "record: " in done.stdout


def test_a_case_that_does_not_hold_is_neither_scored_nor_solved(tmp_path, made):
    lines = (made / "cases.jsonl").read_text().splitlines()
    case = json.loads(lines[1])
    case["truth"]["facts"] = {"zzz": "something"}
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(case))
    fails(
        gazal("score", "--cases", path, "--replies", made / "replies.jsonl"),
        "does not hold: truth: facts of zzz",
    )
    done = gazal("show", case["id"], "--cases", path)
    assert (
        done.returncode == 1 and "check: truth: facts of zzz" in done.stdout and "reply of" not in done.stdout
    )


def test_a_killed_run_leaves_nothing_half_written(tmp_path):
    command = [str(GAZAL), "cases", "--n", "100000", "--out", str(tmp_path / "c.jsonl")]
    for number in (signal.SIGTERM, signal.SIGINT):
        run = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # What a shell starts in the background ignores SIGINT, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        while not any(tmp_path.iterdir()) and run.poll() is None:
            time.sleep(0.05)
        run.send_signal(number)
        assert run.wait(30) != 0
        assert list(tmp_path.iterdir()) == []


def test_prompts_say_what_to_ask_and_which_format_to_keep(tmp_path):
    words = ("--n", 5, "--out", tmp_path / "c.jsonl", "--prompts", tmp_path / "p.jsonl")
    assert "5 prompts" in gazal("cases", *words).stdout
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    for row, case in zip(rows, read_cases(tmp_path / "c.jsonl"), strict=True):
        assert row["case_id"] == case.id and row["prompt"].startswith(case.question)
        assert all(
            word in row["prompt"] for word in ("<think>", "Step 1:", "\\boxed{", "Cannot be determined")
        )


def test_version():
    done = gazal("--version")
    assert done.returncode == 0 and done.stdout.startswith("gazal 0.")
