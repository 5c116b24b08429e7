"""An Inspect task asks what gazal asks and comes to what gazal comes to, over real HTTP."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from served_model import say, serve

pytest.importorskip("inspect_ai")
from inspect_ai.log import read_eval_log
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    ModelOutput,
)

from gazal.cases.table import SUITES
from gazal.core.chat import read_reply
from gazal.core.store import write_cases
from gazal.evaluate.inspect import TASKS, read_trace
from gazal.world.generate import make_cases

FOLDER = Path(sys.executable).parent
SAID = (
    "<think>\nStep 1: One.\nStep 2: Two.\n</think>\n\n**Answer:** \\boxed{A}",
    "**Answer:** \\boxed{D}",
    "I think that the answer is B.",
    "Both A and B could be.",
    "<think>\nStep 1: On and on",
    "**Answer:** \\boxed{Cannot be determined}",
)


def answer(body, before):
    asked = body["messages"][0]["content"]
    return say(SAID[int(hashlib.sha256(asked.encode()).hexdigest(), 16) % len(SAID)])


def run(*words, cwd, url):
    environment = os.environ | {"LOCAL_API_KEY": "x", "LOCAL_BASE_URL": url}
    done = subprocess.run([*map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_is_a_task_for_every_suite_for_evaluation():
    assert set(TASKS) == {name for name, s in SUITES.items() if s.use == "evaluation"} | {"world", "cases"}


def test_both_protocols_come_to_what_gazal_evaluate_says(tmp_path):
    write_cases(tmp_path / "cases.jsonl", make_cases(n=30, split="test"))
    with serve(answer) as service:
        task = (FOLDER / "inspect", "eval", "gazal/cases", "-T", "path=cases.jsonl", "--log-dir", "logs")
        run(*task, "--model", "openai-api/local/teacher", "--display", "none", cwd=tmp_path, url=service.url)
        theirs = set(service.prompts)
        told = run(FOLDER / "gazal", "evaluate", "--endpoint", service.url, "--model", "teacher",
                   "--cases", "cases.jsonl", "--json", cwd=tmp_path, url=service.url)  # fmt: skip
        assert set(service.prompts) == theirs and len(theirs) == 30
    ours = json.loads(told.splitlines()[-1])
    (path,) = (tmp_path / "logs").iterdir()
    log = read_eval_log(str(path))
    assert log.status == "success" and log.results is not None and log.samples is not None
    found = {score.name: score.metrics["accuracy"].value for score in log.results.scores}
    assert found == pytest.approx({name: ours[name]["accuracy"] for name in ("strict", "lenient")})
    assert 0.0 < found["strict"] < found["lenient"] < 1.0
    reasons = {sample.scores["strict"].explanation for sample in log.samples if sample.scores}
    assert {"right", "wrong", "abstained", "no_box"} <= reasons


def test_reasoning_that_was_taken_out_is_put_back_and_a_cut_reply_is_cut():
    content = [ContentReasoning(reasoning="Step 1: One.\nStep 2: Two."), ContentText(text="\\boxed{A}")]
    choice = ChatCompletionChoice(message=ChatMessageAssistant(content=content), stop_reason="max_tokens")
    trace = read_trace("a/b/c", ModelOutput(model="m", choices=[choice]))
    assert read_reply(trace.text).steps == ("One.", "Two.") and trace.answer == "A" and trace.stop == "length"
