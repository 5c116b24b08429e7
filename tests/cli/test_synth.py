"""``gazal synth`` against a service on loopback that serves badly, killed and gone on with."""

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from served_model import Answer, refuse, say, serve

from gazal.core.chat import write_reply

GAZAL = Path(sys.executable).with_name("gazal")
N, SAMPLES = 14, 2
pytest.importorskip("rensa")


def start(*words, cwd):
    environment = {k: v for k, v in os.environ.items() if k not in ("GAZAL_DATA", "OPENAI_API_KEY")}
    command = [GAZAL, "synth", *map(str, words)]
    return subprocess.Popen(
        command, cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def synth(*words, cwd):
    process = start(*words, cwd=cwd)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def draw(body):
    """A number that the request alone decides."""
    asked = f"{body['messages'][0]['content']}|{body.get('seed')}"
    return int(hashlib.sha256(asked.encode()).hexdigest()[:8], 16)


def reply(body):
    """A well-formed reply that picks one of the options by the request alone."""
    letters = re.findall(r"(?m)^([A-J])\. ", body["messages"][0]["content"])
    chosen = letters[draw(body) // 7 % len(letters)]
    return write_reply(["The question is read.", "One option fits it."], "So it is.", chosen)


class Teacher:
    """Serves each request badly the first time, in a way that the request decides, and well from then on."""

    def __init__(self, faulty):
        self.faulty, self.seen, self.lock = faulty, {}, threading.Lock()

    def __call__(self, body, before):
        number = draw(body)
        with self.lock:
            self.seen[number] = self.seen.get(number, 0) + 1
            first = self.seen[number] == 1
        good = say(reply(body), after_s=0.15)
        if not (first and self.faulty):
            return good
        bad = (
            refuse(429, "slow down"),
            refuse(500, "broken"),
            Answer(b'{"choices": [', cut=True),
            Answer(b"not json"),
            say(""),
            say(reply(body), after_s=9.0),  # Longer than it is waited for.
            Answer(b"", trickle=True),  # Without an end.
            good,
        )
        return bad[number % len(bad)]


def read(folder, name):
    return (folder / name).read_bytes()


def words(service, out, *others):
    asked = [word for one in (service, *others) for word in ("--endpoint", one.url)]
    asked += ["--model", "org/teacher", "--world", N, "--samples", SAMPLES]
    return (*asked, "--in-flight", 3, "--max-new-tokens", 64, "--no-leaks", "--out", out)


def test_killed_five_times_and_served_badly_gives_the_set_of_a_quiet_run(tmp_path):
    rng = random.Random(7)
    with serve(Teacher(faulty=False)) as service:
        code, _, err = synth(*words(service, "quiet"), cwd=tmp_path)
        assert code == 0, err
        assert len(service.asked) == N * SAMPLES
        assert synth(*words(service, "quiet"), cwd=tmp_path)[0] == 0 and len(service.asked) == N * SAMPLES
    with serve(Teacher(faulty=True)) as service:
        for _ in range(5):
            process = start(*words(service, "killed"), "--timeout", 2, cwd=tmp_path)
            time.sleep(rng.uniform(1.2, 3.0))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        code, _, err = synth(*words(service, "killed"), "--timeout", 2, cwd=tmp_path)
        assert code == 0, err
    quiet, killed = tmp_path / "quiet", tmp_path / "killed"
    for name in ("examples.jsonl", "dropped.jsonl"):
        assert read(quiet, name) == read(killed, name)
    for folder in (quiet, killed):
        keys = [json.loads(line)["key"] for line in read(folder, "ledger.jsonl").splitlines()]
        assert len(keys) == len(set(keys)) == N * SAMPLES
    card = (killed / "card.md").read_text()
    assert "org/teacher" in card and "no_sample_passes" in card


def test_the_teacher_never_sees_the_key_and_right_replies_alone_are_kept(tmp_path):
    with serve(Teacher(faulty=False)) as service:
        code, out, err = synth(*words(service, "set"), "--json", cwd=tmp_path)
        assert code == 0, err
        counts = json.loads(out)
        assert counts["kept"] + sum(counts["dropped"].values()) == N
        kept = [json.loads(line) for line in read(tmp_path / "set", "examples.jsonl").splitlines()]
        assert kept and all(row["lineage"]["judged"]["answer"] == "right" for row in kept)
        assert all(row["lineage"]["teacher"] == "org/teacher" for row in kept)
        assert "Reason as a careful physician" in service.prompts[0]
        solutions = [row["case"]["options"][row["case"]["answer"]] for row in kept]
        assert not any(f"answer is {text}" in prompt for text in solutions for prompt in service.prompts)


def test_several_services_share_the_work_and_one_that_breaks_is_left_out(tmp_path):
    with serve(Teacher(faulty=False)) as one, serve(Teacher(faulty=False)) as two:
        assert synth(*words(one, "two", two), cwd=tmp_path)[0] == 0
        assert len(one.asked) == len(two.asked) == N * SAMPLES // 2
    with serve(Teacher(faulty=False)) as one, serve(lambda body, before: refuse(404, "gone")) as broken:
        code, _, err = synth(*words(one, "broken", broken), cwd=tmp_path)
        assert code == 0, err
        assert "left out from now on" in err and len(one.asked) == N * SAMPLES
        code, _, err = synth(*words(broken, "none", broken), cwd=tmp_path)
        assert code == 2 and "knows no model" in err
    assert read(tmp_path / "two", "examples.jsonl") == read(tmp_path / "broken", "examples.jsonl")


def test_samples_have_to_agree_where_that_is_asked(tmp_path):
    with serve(Teacher(faulty=False)) as service:
        code, out, err = synth(*words(service, "any"), "--json", cwd=tmp_path)
        assert code == 0, err
        lone = json.loads(out)
        code, out, err = synth(*words(service, "both"), "--agree", 1, "--json", cwd=tmp_path)
        counts = json.loads(out) if code == 0 else {"kept": 0}
        assert counts["kept"] < lone["kept"]
        dropped = [json.loads(line) for line in find(tmp_path, "both", "dropped.jsonl").splitlines()]
        assert {"samples_disagree"} <= {row["reason"] for row in dropped}


def test_a_second_model_has_to_find_the_reasoning_sound(tmp_path):
    def answer(body, before):
        if body["model"] == "org/teacher":
            return say(reply(body))
        return say(str(draw(body) % 2 * 10))

    with serve(answer) as service:
        assert synth(*words(service, "plain"), cwd=tmp_path)[0] == 0
        code, _, err = synth(*words(service, "checked"), "--checker", "org/second", cwd=tmp_path)
        assert code == 0, err
        again = len(service.asked)
        assert synth(*words(service, "checked"), "--checker", "org/second", cwd=tmp_path)[0] == 0
        assert len(service.asked) == again
    values = [json.loads(line)["value"] for line in read(tmp_path / "checked", "opinions.jsonl").splitlines()]
    kept = read(tmp_path / "checked", "examples.jsonl").splitlines()
    assert set(values) == {0.0, 1.0} and len(kept) == values.count(1.0)
    assert len(kept) < len(read(tmp_path / "plain", "examples.jsonl").splitlines())
    assert b"second_model_faults" in read(tmp_path / "checked", "dropped.jsonl")


def test_a_limit_on_money_ends_the_asking(tmp_path):
    with serve(Teacher(faulty=False)) as service:
        priced = ("--price-in", 1, "--price-out", 1e6)  # One a token of replies, of which each has five.
        code, _, err = synth(*words(service, "set"), *priced, "--most-money", 20, cwd=tmp_path)
        assert code in (0, 2) and N * SAMPLES > len(service.asked) >= 4
        assert ", for 1,792.01 at most" in err
        code, _, err = synth(*words(service, "set"), "--most-money", 20, cwd=tmp_path)
        assert code == 2 and "--price-in" in err


def find(folder, name, file):
    """A file of a set, finished or not."""
    return next(folder.glob(f"{name}*/{file}")).read_bytes()


def test_a_limit_on_tokens_ends_the_asking(tmp_path):
    with serve(Teacher(faulty=False)) as service:
        code, _, err = synth(*words(service, "set"), "--most-tokens", 20, cwd=tmp_path)
        assert code in (0, 2) and len(service.asked) < N * SAMPLES
        assert "28 requests of at most 64 tokens are left, 1,792 at most" in err


@pytest.mark.parametrize(
    "more, said",
    [
        (["--suite", "medqa_4opt"], "medqa_4opt is for evaluation only"),
        (["--suite", "nothing"], "suite 'nothing' is not known"),
        ([], "nothing to ask"),
    ],
)
def test_wrong_use(tmp_path, more, said):
    code, _, err = synth("--endpoint", "http://127.0.0.1:9/v1", "--model", "m", *more, cwd=tmp_path)
    assert code == 2 and said in err
