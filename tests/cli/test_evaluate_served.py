"""``gazal evaluate --endpoint`` as a person uses it, against a service on loopback."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from served_model import refuse, say, serve

from gazal.config.data import WorldSource
from gazal.core.chat import hash_prompt, write_prompt
from gazal.curate.gather import gather_cases

GAZAL = Path(sys.executable).with_name("gazal")
SECRET = "sk-secret-4711"


def start(*words, cwd, **variables):
    environment = {k: v for k, v in os.environ.items() if k not in ("GAZAL_DATA", "OPENAI_API_KEY")}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | variables
    command = [GAZAL, "evaluate", *map(str, words)]
    return subprocess.Popen(
        command, cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def evaluate(*words, cwd, **variables):
    process = start(*words, cwd=cwd, **variables)
    out, err = process.communicate(timeout=200)
    return process.returncode, out, err


def read_hashes(path):
    """Of the prompts whose replies a file holds; its last line may be torn."""
    lines = path.read_text().splitlines(keepends=True)
    return {json.loads(line)["prompt_hash"] for line in lines if line.endswith("\n")}


def answer(body, before):
    return say("\n\\boxed{A}", reasoning_content="Step 1: Fever.\nStep 2: So it is A.")


def read_all(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_served_model_is_asked_and_its_results_are_kept(tmp_path):
    _, _, case, *_ = gather_cases([WorldSource(n=10, split="test", seed=0)], seed=0)
    refused = write_prompt(case)
    with serve(
        lambda body, n: refuse(418, SECRET) if body["messages"][0]["content"] == refused else answer(body, n)
    ) as service:
        words = ("--endpoint", service.url, "--model", "org/teacher", "--suite", "world", "--limit", 10)
        code, out, err = evaluate(*words, cwd=tmp_path, OPENAI_API_KEY=SECRET)
        assert code == 0, err
        assert "world: 14 cases" in out
        assert "status 418: $OPENAI_API_KEY" in err
        (folder,) = (tmp_path / "runs" / "evaluate").iterdir()
        assert folder.name.startswith("teacher-") and len(service.asked) == 14
        assert service.keys == {f"Bearer {SECRET}"}
        again, printed, _ = evaluate(*words, "--json", cwd=tmp_path, OPENAI_API_KEY=SECRET)
        assert again == 0 and len(service.asked) == 14
        # Other sampling is another evaluation.
        assert evaluate(*words, "--max-new-tokens", 9, cwd=tmp_path)[0] == 0 and len(service.asked) == 28
        assert len([*(tmp_path / "runs" / "evaluate").iterdir()]) == 2
    manifest = json.loads((folder / "manifest.json").read_text())
    host = service.url.removeprefix("http://").removesuffix("/v1")
    assert manifest["settings"]["models"] == {"teacher": {"endpoint": host, "model": "org/teacher"}}
    kept = json.loads((folder / "results.json").read_text())
    assert {key: json.loads(printed)[key] for key in kept} == kept
    assert json.loads(printed)["evaluation"]["world"]["teacher"]["failed"] == 0.1
    assert SECRET.encode() not in read_all(tmp_path) and SECRET not in out + err
    assert b"report of an evaluation" in (folder / "report.html").read_bytes()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_evaluation_goes_on_where_it_was(tmp_path, how):
    with serve(lambda body, n: say("\\boxed{A}", after_s=0.3)) as service:
        words = ("--endpoint", service.url, "--model", "m", "--suite", "world", "--limit", 40)
        words = (*words, "--batch-size", 4, "--out", "out")
        process = start(*words, cwd=tmp_path)
        part = tmp_path / "out.part" / "m.jsonl.part"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not (part.exists() and part.read_bytes().count(b"\n") > 9):
            time.sleep(0.05)
        process.send_signal(how)
        process.communicate(timeout=20)
        assert process.returncode not in (0, 2)
        kept = {hash_prompt(prompt) for prompt in service.prompts} & read_hashes(part)
        assert 10 <= len(kept) < 56
        code, _, err = evaluate(*words, cwd=tmp_path)
        assert code == 0, err
    asked = Counter(map(hash_prompt, service.prompts))
    assert {asked[prompt] for prompt in kept} == {1}
    assert (
        len(asked) == 56 and sum(asked.values()) <= 56 + 4
    )  # What was in flight is asked again, and no more.
    assert read_hashes(tmp_path / "out" / "m.jsonl") == set(asked)


def test_a_wrong_key_ends_it_in_one_line(tmp_path):
    with serve(lambda *_: refuse(401, f"{SECRET} is wrong")) as service:
        words = ("--endpoint", service.url, "--model", "m", "--suite", "world", "--limit", 40)
        code, _, err = evaluate(*words, cwd=tmp_path, OPENAI_API_KEY=SECRET)
    assert code == 2 and "does not take the key in $OPENAI_API_KEY" in err.splitlines()[-1]
    assert SECRET not in err and SECRET.encode() not in read_all(tmp_path) and "Traceback" not in err


@pytest.mark.parametrize(
    "words, said",
    [
        (("--endpoint", "http://localhost/v1"), "--endpoint URL and --model NAME go together"),
        (("--model", "m"), "--endpoint URL and --model NAME go together"),
        (("--endpoint", "localhost:8000", "--model", "m"), "endpoint, url: 'localhost:8000' is no URL"),
        (("--endpoint", f"http://a:{SECRET}@h/v1", "--model", "m"), "holds a user"),
        (("--endpoint", "http://h/v1", "--model", "m", "--key-variable", "NO_SUCH"), r"\$NO_SUCH is not set"),
        (("--endpoint", "http://h/v1", "--model", "m", "--likelihood"), "Leave --likelihood out"),
    ],
)
def test_wrong_use_is_told_in_one_line(words, said, tmp_path):
    code, _, err = evaluate(*words, "--suite", "world", cwd=tmp_path)
    assert code == 2 and re.search(said, err) and err.count("\n") == 1, err
    assert not [*tmp_path.iterdir()] and SECRET not in err
