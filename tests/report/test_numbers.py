"""What is read from a run, what is written for programs, and what is refused."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from gazal.core.stage import MANIFEST
from gazal.errors import DataError, GazalError
from gazal.report.html import write_report
from gazal.report.numbers import read_run
from gazal.report.summary import write_summary

RESULTS = "evaluate/results.json"


def test_the_summary_holds_what_the_files_say(run):
    found = write_summary(run)
    assert found == json.loads((run / "summary.json").read_text())
    results = json.loads((run / RESULTS).read_text())
    names = ["recipe", "gazal", "stages", "suites", "evaluation", "paired", "battery", "reasoning", "samples"]
    assert list(found) == [*names, "calibration"]
    assert (
        found["recipe"] == "demo"
        and found["gazal"] == json.loads((run / "sft" / MANIFEST).read_text())["gazal"]
    )
    for name in ("suites", "evaluation", "paired"):
        assert found[name] == results[name]
    assert list(found["stages"]) == ["cases", "sft", "grpo", "evaluate"]
    for name, stage in found["stages"].items():
        manifest = json.loads((run / name / MANIFEST).read_text())
        assert stage == {key: manifest[key] for key in ("seconds", "peak_rss_mb")}


def test_what_later_versions_add_is_passed_over(run):
    results = json.loads((run / RESULTS).read_text())
    results["evaluation"]["world"]["sft"]["new"] = 1
    (run / RESULTS).write_text(json.dumps({**results, "new": {}}))
    assert "new" not in write_summary(run)


def break_json(path):
    path.write_bytes(path.read_bytes()[:-30])


def drop_key(path):
    value = json.loads(path.read_text())
    value.pop("evaluation", None)
    value.pop("seconds", None)
    path.write_text(json.dumps(value))


def overrate(path):
    value = json.loads(path.read_text())
    value["evaluation"]["world"]["sft"]["right"] = 10_000
    path.write_text(json.dumps(value))


def forget_suite(path):
    value = json.loads(path.read_text())
    del value["suites"]["world"]
    path.write_text(json.dumps(value))


@pytest.mark.parametrize(
    ("name", "spoil", "says"),
    [
        (RESULTS, break_json, "torn"),
        (RESULTS, drop_key, r"evaluation: Field required"),
        (RESULTS, overrate, r"evaluation\.world\.sft: 10000 right of 25"),
        (RESULTS, forget_suite, "suites"),
        (RESULTS, lambda path: path.write_text("[]"), "torn"),
        (RESULTS, lambda path: path.unlink(), "no such file"),
        (f"sft/{MANIFEST}", break_json, "torn"),
        (f"sft/{MANIFEST}", drop_key, "seconds"),
        (f"grpo/{MANIFEST}", lambda path: path.unlink(), "no such file"),
    ],
)
def test_torn_files_are_refused_with_the_way_out(run, name, spoil, says):
    spoil(run / name)
    for write in (write_summary, write_report):
        with pytest.raises(DataError, match=says) as caught:
            write(run)
        text = str(caught.value)
        assert text.startswith(str(run / name)) and "Delete" in text and "\n" not in text
    assert not (run / "report.html").exists() and not (run / "summary.json").exists()


def test_a_run_that_was_not_evaluated_is_told_so(run):
    shutil.rmtree(run / "evaluate")
    with pytest.raises(DataError, match="has no evaluate/") as caught:
        write_summary(run)
    assert "gazal run" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("grpo/steps.jsonl", '{"step": 1}\n{"st', "line 2"),
        ("grpo/steps.jsonl", '{"loss": 1}\n', "line 1: has no step number"),
        ("evaluate/sft.jsonl", "{}\n", "line 1"),
        ("cases/evaluate/cases.jsonl", "", "empty"),
        ("recipe.yaml", "name: [", "recipe.yaml"),
    ],
)
def test_other_bad_files_are_named_too(run, name, text, says):
    (run / name).write_text(text)
    with pytest.raises(GazalError, match=re.escape(says)) as caught:
        write_report(run)
    assert str(run / name) in str(caught.value)


def test_a_missing_folder_is_told_so(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read_run(tmp_path / "nothing")


def test_steps_keep_numbers_only(run):
    (run / "sft" / "steps.jsonl").write_text('{"step": 1, "loss": null, "note": "x", "on": true}\n')
    assert read_run(run).steps["sft"] == ({"step": 1, "loss": None},)
    assert "Not measured in this run." in write_report(run).read_text(encoding="utf-8")


def test_a_report_loads_no_heavy_library():
    code = (
        "import sys\nimport gazal.report.html, gazal.report.summary\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout
    assert not any(f"'{name}'" in loaded for name in ("torch", "transformers", "peft"))
    assert "'jinja2'" in loaded
