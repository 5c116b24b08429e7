"""The API engine against a real service on loopback that behaves well, badly and not at all."""

import asyncio
import json
import logging
import socket
import sys
import time

import pytest
from pydantic import ValidationError
from served_model import Answer, refuse, say, serve, stream

from gazal.config.endpoint import Endpoint
from gazal.config.sampling import Sampling
from gazal.engine.api import ApiEngine
from gazal.engine.base import Request
from gazal.engine.served import GIVE_UP
from gazal.errors import ConfigError, EndpointError

GREEDY = Sampling(temperature=0.0, max_new_tokens=20, batch_size=4)
DRAWN = Sampling(temperature=0.7, top_p=0.9, max_new_tokens=20, batch_size=4)
SECRET = "sk-secret-4711"


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def ask(*prompts, sample=0):
    return [Request(case_id=f"toy/test/{prompt}", sample=sample, prompt=prompt) for prompt in prompts]


def make(service, **changes):
    settings = {"url": service.url, "model": "teacher", "timeout_s": 20.0, "retries": 2}
    return ApiEngine(Endpoint(**settings | changes), name="api")


def echo(body, before):
    return say(f"You said {body['messages'][0]['content']}.")


def generate(answer, requests, sampling=GREEDY, **changes):
    with serve(answer) as service:
        return [
            rollout.trace for rollout in make(service, **changes).generate(requests, sampling, 0)
        ], service


def test_a_greedy_request_says_what_it_should_and_no_more():
    (trace,), service = generate(echo, ask("a"))
    assert service.asked == [
        {
            "model": "teacher",
            "messages": [{"role": "user", "content": "a"}],
            "temperature": 0.0,
            "top_p": 1.0,
            "max_tokens": 20,
        }
    ]
    assert (trace.text, trace.stop, trace.n_tokens, trace.model) == ("You said a.", "end", 5, "api")
    assert service.paths == {"/v1/models": 1, "/v1/chat/completions": 1}


def test_a_drawn_request_has_a_seed_of_its_own():
    requests = ask("a", "b", *"c") + ask("a", sample=1)
    with serve(echo) as service:
        for seed in (3, 3, 4):
            make(service).generate(requests, DRAWN.model_copy(update={"top_k": 20, "batch_size": 1}), seed)
    seeds = [body["seed"] for body in service.asked]
    assert seeds[:4] == seeds[4:8] and len(set(seeds)) == 8 and all(0 <= seed < 2**31 for seed in seeds)
    assert {(b["temperature"], b["top_p"], b["top_k"]) for b in service.asked} == {(0.7, 0.9, 20)}


def test_replies_come_as_they_end_and_are_put_in_order():
    waits = {"a": 0.6, "b": 0.0, "c": 0.3}

    def answer(body, before):
        prompt = body["messages"][0]["content"]
        return say(prompt, after_s=waits[prompt])

    with serve(answer) as service:
        engine = make(service)
        assert [r.trace.text for r in engine.stream(ask(*waits), GREEDY, 0)] == ["b", "c", "a"]
        assert [r.trace.text for r in engine.generate(ask(*waits), GREEDY, 0)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "fault",
    [
        stream("You said a.", cut=True),
        stream("You said a.", finish=None),
        refuse(500),
        Answer(b"data: {no json\n\n", kind="text/event-stream"),
    ],
)
def test_a_reply_in_pieces_is_put_together_and_one_that_was_cut_is_asked_for_again(fault):
    (trace,), service = generate(
        lambda body, before: stream("You said a.") if before else fault, ask("a"), stream=True
    )
    assert (trace.text, trace.stop, trace.n_tokens) == ("You said a.", "end", 5)
    assert [body["stream"] for body in service.asked] == [True, True]


def test_a_reply_in_pieces_that_never_ends_well_is_no_reply(caplog):
    (trace,), service = generate(lambda *_: stream("You said", cut=True), ask("a"), stream=True, retries=1)
    assert (trace.text, trace.stop) == ("", "error") and len(service.asked) == 2
    assert "the stream was cut" in caplog.text


@pytest.mark.parametrize("size", [1, 3, 8])
def test_so_many_are_in_flight_and_no_more(size):
    sampling = GREEDY.model_copy(update={"batch_size": size})
    traces, service = generate(lambda *_: say("x", after_s=0.15), ask(*map(str, range(12))), sampling)
    assert len(traces) == 12 and service.most == size


FAULTS = {
    "429": refuse(429),
    "500": refuse(500),
    "503": Answer(b"<html>bad gateway</html>", 503, "text/html"),
    "cut before": Answer(b"", cut=True),
    "cut within": Answer(say("You said").body, cut=True),
    "broken JSON": Answer(say("You said").body[:-9]),
    "no JSON": Answer(b"<html>hello</html>", kind="text/html"),
    "a number": Answer(b"3"),
    "no choices": Answer(b'{"choices": [], "error": {"message": "upstream"}}'),
    "no message": Answer(b'{"choices": [{"finish_reason": "stop"}]}'),
    "content is no text": say([{"type": "text"}]),  # pyright: ignore[reportArgumentType]
    "no UTF-8": Answer(say("x").body.replace(b'"x"', b'"\xff\xfe\xff"')),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_passes_is_not_seen(fault):
    traces, service = generate(lambda body, n: echo(body, n) if n else fault, ask("a", "b"))
    assert [(trace.text, trace.stop) for trace in traces] == [("You said a.", "end"), ("You said b.", "end")]
    assert sorted(service.prompts) == ["a", "a", "b", "b"]


@pytest.mark.parametrize("name, fault", FAULTS.items(), ids=FAULTS)
def test_a_fault_that_stays_fails_one_request_and_says_why(name, fault, caplog):
    def answer(body, before):
        return fault if body["messages"][0]["content"] == "b" else echo(body, before)

    traces, service = generate(answer, ask("a", "b", "c"), retries=1)
    assert [trace.stop for trace in traces] == ["end", "error", "end"]
    assert (traces[1].text, traces[1].n_tokens) == ("", None)
    assert service.prompts.count("b") == 2
    (record,) = [record for record in caplog.records if record.name.startswith("gazal")]
    said = record.getMessage()
    assert record.levelno == logging.WARNING and "toy/test/b, sample 0" in said
    assert ("status" in said and name in said) or "connection failed" in said or "unreadable" in said


@pytest.mark.parametrize("fault", [say("late", after_s=3.0), Answer(b"", trickle=True)])
def test_a_reply_that_takes_too_long_fails(fault, caplog):
    def answer(body, before):
        return fault if body["messages"][0]["content"] == "b" else echo(body, before)

    start = time.monotonic()
    traces, _ = generate(answer, ask("a", "b"), timeout_s=0.5, retries=1)
    assert [trace.stop for trace in traces] == ["end", "error"] and "no reply within 0.5 s" in caplog.text
    assert time.monotonic() - start < 2.5


def test_a_reply_that_a_filter_ended_is_no_reply(caplog):
    traces, service = generate(lambda *_: say("The dose", finish="content_filter"), ask("a"))
    assert traces[0].stop == "error" and "content_filter" in caplog.text and len(service.asked) == 1


@pytest.mark.parametrize(
    "answer, said",
    [
        (refuse(401, f"Wrong key {SECRET}, really"), r"does not take the key in \$OPENAI_API_KEY .*401"),
        (refuse(402, "no credit"), r"wants to be paid first \(402: no credit\)"),
        (refuse(404, "The model does not exist"), r"no model 'teacher' .*404: The model does not exist"),
        (Answer(b'{"detail": "Not Found"}', 404), r"\(404: Not Found\).*most end in /v1"),
    ],
)
def test_what_no_request_survives_ends_all_at_once(answer, said, monkeypatch, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with serve(lambda *_: answer) as service, pytest.raises(ConfigError, match=said) as error:
        make(service).generate(ask(*map(str, range(500))), GREEDY, 0)
    assert len(service.asked) <= 4 and service.keys == {f"Bearer {SECRET}"}
    assert SECRET not in str(error.value) + caplog.text and "\n" not in str(error.value)


def test_a_key_that_is_wanted_and_not_there_is_named(monkeypatch):
    with serve(lambda *_: refuse(401)) as service:
        with pytest.raises(ConfigError, match=r"asks for a key .*Put it into \$OPENAI_API_KEY"):
            make(service).generate(ask("a"), GREEDY, 0)
        with pytest.raises(ConfigError, match=r"\$OTHER_KEY is not set"):
            make(service, key_variable="OTHER_KEY")
        monkeypatch.setenv("OTHER_KEY", SECRET)
        service.answer = echo
        assert make(service, key_variable="OTHER_KEY").generate(ask("a"), GREEDY, 0)[0].trace.stop == "end"
        assert f"Bearer {SECRET}" in service.keys


def test_a_key_that_a_service_repeats_is_not_logged(monkeypatch, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    generate(lambda *_: refuse(422, f"bad request of {SECRET}"), ask("a"))
    assert "422: bad request of $OPENAI_API_KEY" in caplog.text and SECRET not in caplog.text


def test_nobody_there_is_told_soon():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    engine, start = ApiEngine(Endpoint(url=url, model="m"), name="api"), time.monotonic()
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1:\d+: cannot be reached .*Start the server"):
        engine.generate(ask("a", "b"), GREEDY, 0)
    assert time.monotonic() - start < 5.0


def test_the_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ConfigError, match="pip install 'openai>=3,<4'"):
        ApiEngine(Endpoint(url="http://localhost/v1", model="m"), name="api")


def test_a_service_that_breaks_down_ends_the_run():
    def answer(body, before):
        return echo(body, before) if int(body["messages"][0]["content"]) < 5 else refuse(500, "on fire")

    got = []
    one = GREEDY.model_copy(update={"batch_size": 1})  # So that nothing depends on who is served first.
    with serve(answer) as service, pytest.raises(EndpointError, match=r"10 requests in a row .*500: on fire"):
        for rollout in make(service, retries=0).stream(ask(*map(str, range(100))), one, 0):
            got.append(rollout.trace.stop)
    assert got == ["end"] * 5 + ["error"] * GIVE_UP and len(service.asked) == 5 + GIVE_UP


@pytest.mark.parametrize("status, row", [(500, GIVE_UP - 1), (400, GIVE_UP + 15)])
def test_failures_among_replies_do_not_end_it(status, row):
    """Nine failures and a reply, again and again; objections to single requests in any number."""

    def answer(body, before):
        good = int(body["messages"][0]["content"]) % (row + 1) == 0
        return echo(body, before) if good else refuse(status)

    one = GREEDY.model_copy(update={"batch_size": 1})
    traces, _ = generate(answer, ask(*map(str, range(40))), one, retries=0)
    assert len(traces) == 40 and {trace.stop for trace in traces} == {"end", "error"}


def test_a_service_that_objects_to_every_request_ends_the_run():
    said = "no such thing as top_p"
    with serve(lambda *_: refuse(400, said)) as service, pytest.raises(EndpointError, match=said):
        make(service).generate(ask(*map(str, range(100))), GREEDY, 0)
    assert len(service.asked) < 20


def test_the_limit_gets_its_new_name_where_the_old_one_is_refused():
    words = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
    )

    def answer(body, before):
        return refuse(400, words, param="max_tokens") if "max_tokens" in body else echo(body, before)

    traces, service = generate(answer, ask(*map(str, range(20))))
    assert {trace.stop for trace in traces} == {"end"} and len(service.asked) <= 24
    assert service.asked[-1]["max_completion_tokens"] == 20


def test_only_a_setting_that_changes_nothing_is_left_out():
    def answer(body, before):
        wrong = next((name for name in ("temperature", "top_p") if name in body), None)
        return refuse(400, f"{wrong} is not supported", param=wrong) if wrong else echo(body, before)

    plain = GREEDY.model_copy(update={"temperature": 1.0})
    traces, service = generate(answer, ask("a"), plain)
    assert traces[0].stop == "end" and {"temperature", "top_p"}.isdisjoint(service.asked[-1])
    traces, service = generate(answer, ask("a"), DRAWN)
    assert traces[0].stop == "error" and len(service.asked) == 1


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize(
    "thought, content, finish, text",
    [
        ("Step 1: x\n", "\n\n\\boxed{B}", "stop", "<think>\nStep 1: x\n</think>\n\n\\boxed{B}"),
        ("Step 1: x", None, "length", "<think>\nStep 1: x"),
        ("Step 1: x", "\\boxed", "length", "<think>\nStep 1: x\n</think>\n\n\\boxed"),
        ("Step 1: x", "", "stop", "<think>\nStep 1: x\n</think>\n\n"),
        ("", "\\boxed{B}", "stop", "\\boxed{B}"),
        (None, None, "stop", ""),
        ("x", "<think>\nx\n</think>\n\\boxed{B}", "stop", "<think>\nx\n</think>\n\\boxed{B}"),
    ],
)
def test_what_was_thought_stands_before_the_answer(field, thought, content, finish, text):
    answer = say(content, finish=finish, **{field: thought})
    (trace,), _ = generate(lambda *_: answer, ask("a"))
    assert trace.text == text and trace.stop == {"stop": "end", "length": "length"}[finish]
    if "{B}" in text:
        assert trace.answer == "B"
    if finish == "length":
        assert trace.answer is None


def test_a_service_that_counts_nothing_leaves_the_length_open():
    body = json.loads(say("x").body)
    del body["usage"]
    (trace,), _ = generate(lambda *_: Answer(json.dumps(body).encode()), ask("a"))
    assert trace.stop == "end" and trace.n_tokens is None


def test_who_stops_listening_ends_what_is_in_flight():
    with serve(
        lambda body, _: say("x", after_s=0.0 if body["messages"][0]["content"] == "0" else 5.0)
    ) as service:
        stream, start = make(service).stream(ask(*map(str, range(50))), GREEDY, 0), time.monotonic()
        assert next(stream).trace.text == "x"
        stream.close()
        assert time.monotonic() - start < 3.0
        time.sleep(0.3)
        assert len(service.asked) <= 4  # The place of a reply is free again once its taker comes back.


def test_it_works_where_an_event_loop_runs_already():
    async def notebook(service):
        return make(service).generate(ask("a", "b"), GREEDY, 0)

    with serve(echo) as service:
        rollouts = asyncio.run(notebook(service))
    assert [rollout.trace.text for rollout in rollouts] == ["You said a.", "You said b."]


def test_text_that_no_wire_carries_fails_alone():
    traces, _ = generate(echo, ask("a", "\ud83d", "b"))
    assert [trace.stop for trace in traces] == ["end", "error", "end"]


@pytest.mark.parametrize(
    "url, said",
    [
        ("localhost:8000/v1", "is no URL"),
        ("ftp://host/v1", "is no URL"),
        ("http:///v1", "is no URL"),
        ("http://host:99999/v1", "is no URL"),
        ("http://ho st/v1", "is no URL"),
        (f"https://me:{SECRET}@host/v1", "environment variable"),
        (f"https://host/v1?key={SECRET}", "environment variable"),
    ],
)
def test_a_wrong_url_is_refused(url, said):
    with pytest.raises(ValidationError, match=said) as error:
        Endpoint(url=url, model="m")
    assert SECRET not in error.value.errors()[0]["msg"]


def test_of_the_url_the_host_is_kept():
    endpoint = Endpoint(url="https://host:8443/some/path/v1/", model="m")
    assert (endpoint.host, endpoint.url) == ("host:8443", "https://host:8443/some/path/v1")
