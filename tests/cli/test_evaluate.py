"""``gazal evaluate`` as a person uses it: models by name, runs, recorded replies, ways to get it wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_models import make_model, make_tokenizer

from gazal.core.store import read_cases, read_traces
from gazal.model.save import save_model

GAZAL = Path(sys.executable).with_name("gazal")
SHORT = ("--max-new-tokens", "4")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two models; every test only reads them."""
    folder = tmp_path_factory.mktemp("models")
    save_model(make_model(max_position_embeddings=4096), make_tokenizer(), folder / "one")
    save_model(make_model(max_position_embeddings=4096, tied=False), make_tokenizer(), folder / "other")
    return folder


def gazal(*words, cwd):
    environment = {key: value for key, value in os.environ.items() if key != "GAZAL_DATA"}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [GAZAL, *map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )


def test_two_models_are_asked_the_same_cases_and_compared(models, tmp_path):
    asked = ("evaluate", models / "one", models / "other", "--suite", "world", "--limit", 5, *SHORT)
    done = gazal(*asked, "--likelihood", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "world: 7 cases" in done.stdout and "paired differences" in done.stdout
    folder = next((tmp_path / "runs" / "evaluate").iterdir())
    assert folder.name.startswith("one-other-") and not folder.name.endswith(".part")
    cases = read_cases(folder / "cases.jsonl")
    assert len(cases) == 7  # Five, and a pair.
    for name in ("one", "other"):
        assert [reply.case_id for reply in read_traces(folder / f"{name}.jsonl")] == [c.id for c in cases]
    found = json.loads((folder / "results.json").read_text())["evaluation"]["world"]
    assert [*found] == ["one", "one_likelihood", "other", "other_likelihood"]
    assert all(result["n"] == 5 and result["pairs"] == 1 for result in found.values())
    assert found["one"]["truncated"] == 1.0
    # The same command finds what is there, and asks nobody again.
    before = (folder / "one.jsonl").stat().st_mtime_ns
    again = gazal(*asked, "--likelihood", "--json", cwd=tmp_path)
    assert json.loads(again.stdout)["evaluation"]["world"] == found
    assert (folder / "one.jsonl").stat().st_mtime_ns == before
    assert len(list((tmp_path / "runs" / "evaluate").iterdir())) == 1
    page = (folder / "report.html").read_bytes()
    assert b"<h1>one, other on world</h1>" in page and b"report of an evaluation" in page
    assert f"report: {folder.relative_to(tmp_path)}/report.html" in done.stdout
    written = gazal("report", folder, cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    # Where the folder is named stands in the page.
    assert (folder / "report.html").read_bytes().replace(f"{tmp_path}/".encode(), b"") == page
    assert not (folder / "summary.json").exists()


def test_recorded_replies_are_graded_without_a_model(tmp_path):
    made = ("cases", "--n", 5, "--out", "cases.jsonl", "--solutions", "replies.jsonl")
    assert gazal(*made, cwd=tmp_path).returncode == 0
    lines = (tmp_path / "replies.jsonl").read_text().splitlines(keepends=True)
    broken = json.loads(lines[0]) | {"text": "It may be this."}
    (tmp_path / "broken.jsonl").write_text("".join([json.dumps(broken) + "\n", *lines[1:]]))
    graded = ("evaluate", "--cases", "cases.jsonl", "--replies", "replies.jsonl", "--replies", "broken.jsonl")
    done = gazal(*graded, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"broken: {broken['case_id']}: unparsed, ends 'It may be this.'" in done.stdout
    assert "replies: 0 replies have no answer that can be read" in done.stdout
    whole = json.loads(gazal(*graded, "--json", cwd=tmp_path).stdout)
    assert [len(whole["unparsed"][name]) for name in ("replies", "broken")] == [0, 1]
    assert [(p["a"], p["b"], p["only_a"]) for p in whole["paired"]] == [("replies", "broken", 1)]


@pytest.mark.parametrize(
    "words, said",
    [
        ((), "name at least one MODEL"),
        (("tiny", "--replies", "r.jsonl", "--suite", "world"), "not both"),
        (("--replies", "r.jsonl"), "say what is asked"),
        (("--replies", "r.jsonl", "--suite", "world", "--limit", "3"), "--limit does not apply"),
        (("no/such/model/here", "--suite", "world"), "does not exist"),
        (("tiny", "--suite", "medqa"), "Did you mean medqa_4opt or medqa_5opt?"),
        (("tiny", "--suite", "wrold"), "Did you mean world?"),
        (("tiny", "--suite", "medqa_4opt", "--cases", "c.jsonl"), "not both"),
        (("--replies", "r.jsonl", "--cases", "nowhere.jsonl"), "nowhere.jsonl: no such file"),
    ],
)
def test_wrong_use_is_told_in_one_line(words, said, tmp_path):
    done = gazal("evaluate", *words, cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not [*tmp_path.iterdir()]
