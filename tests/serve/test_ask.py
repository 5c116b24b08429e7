"""One question to one model: streamed, judged where there is a truth, served or in memory."""

import json

import pytest
from served_model import refuse, serve, stream
from typer.testing import CliRunner

from gazal.cli.main import app
from gazal.config.model import ModelConfig
from gazal.config.sampling import Sampling
from gazal.core.chat import write_prompt, write_reply
from gazal.engine.base import Request
from gazal.engine.local import LocalEngine
from gazal.engine.spoken import LocalSpeaker
from gazal.serve.ask import make_case
from gazal.world.generate import make_cases
from gazal.world.solve import solve


def invoke(*words):
    return CliRunner().invoke(app, ["ask", *map(str, words)])


def test_what_is_said_greedily_is_what_the_engine_writes(finished):
    config = ModelConfig(path=str(finished / "grpo" / "merged"), dtype="float32")
    speaker = LocalSpeaker("grpo", config)
    sampling = Sampling(temperature=0.0, max_new_tokens=40)
    for case in make_cases(n=3, split="test"):
        pieces = list(speaker.say(case, sampling, 0))
        assert len(pieces) > 3 and speaker.trace is not None
        engine = LocalEngine(speaker.model, speaker.tokenizer, name="grpo")
        request = Request(case_id=case.id, sample=0, prompt=write_prompt(case))
        (rollout,) = engine.generate([request], sampling, 0)
        assert (
            "".join(pieces).strip() == rollout.trace.text.strip() and speaker.trace.stop == rollout.trace.stop
        )


def test_draws_depend_on_the_seed_alone(finished):
    speaker = LocalSpeaker("sft", ModelConfig(path=str(finished / "sft" / "merged"), dtype="float32"))
    (case,) = make_cases(n=1, split="test")
    drawn = Sampling(temperature=1.0, max_new_tokens=20)
    said = ["".join(speaker.say(case, drawn, seed)) for seed in (1, 1, 2)]
    assert said[0] == said[1] != said[2]


def test_a_run_answers_a_case_of_the_world(finished):
    done = invoke(finished, "--world", 1, "--max-new-tokens", 30)
    assert done.exit_code == 0, done.output
    assert "world/test/" in done.output and "answer: " in done.output and "key: " in done.output


def test_each_step_of_a_world_case_is_checked_and_a_served_reply_streams(tmp_path):
    case = list(make_cases(n=3, split="test"))[2]
    with serve(lambda *_: stream(solve(case).text)) as service:
        done = invoke("org/model", "--endpoint", service.url, "--world", 2)
        assert done.exit_code == 0, done.output
        assert service.asked[0]["stream"] is True and service.prompts == [write_prompt(case)]
    assert solve(case).text in done.output and "(right)" in done.output
    assert done.output.count(": supported (") == len(solve(case).steps)


def test_a_question_of_ones_own_has_no_verdict_without_a_key():
    reply = write_reply(["One.", "Two."], "So.", "B", 0.8)
    with serve(lambda *_: stream(reply)) as service:
        words = ("m", "Which?", "--endpoint", service.url, "--option", "this", "--option", "that")
        free, known = invoke(*words), invoke(*words, "--answer", "a")
    assert "answer: B. that, confidence 0.80" in free.output
    assert "answer: B. that (wrong), confidence 0.80\nkey: A. this" in known.output


@pytest.mark.parametrize(
    "words, said",
    [
        ((), "ask one thing"),
        (("Which?", "--world", 1), "ask one thing"),
        (("Which?", "--option", "x"), "1 options"),
        (("Which?", "--option", "x", "--option", "y", "--answer", "C"), "'C' is none of the letters A, B"),
        (("  ",), "the question is empty"),
        (("--case", "x"), "--case ID needs --cases FILE"),
    ],
)
def test_wrong_use(words, said):
    done = invoke("tiny-base", *words)
    assert said in str(done.exception)


def test_a_service_that_refuses_is_told_without_the_key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with serve(lambda *_: refuse(401, "no sk-secret here")) as service:
        done = invoke("m", "Which?", "--endpoint", service.url)
    assert "401" in str(done.exception) and "sk-secret" not in str(done.exception)


def test_thinking_that_a_service_takes_out_is_put_back():
    rows = [{"reasoning_content": "Step 1: One.\nStep 2: Two."}, {"content": "\\boxed{4}"}]
    events = [{"choices": [{"index": 0, "delta": row, "finish_reason": None}]} for row in rows]
    whole = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    body = "".join(f"data: {json.dumps(whole | event)}\n\n" for event in events) + "data: [DONE]\n\n"
    from served_model import Answer

    with serve(lambda *_: Answer(body.encode(), kind="text/event-stream")) as service:
        done = invoke("m", "2 + 2?", "--endpoint", service.url, "--answer", "4")
    assert (
        "<think>\nStep 1: One.\nStep 2: Two.\n</think>" in done.output and "answer: 4 (right)" in done.output
    )


def test_a_typed_case_is_the_same_each_time():
    assert make_case("Which?", ["x", "y"], None) == make_case("Which?", ["x", "y"], None)
