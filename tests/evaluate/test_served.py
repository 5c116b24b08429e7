"""A served model in an evaluation: what is asked again after a stop, and what files say of where it is."""

import json

import pytest
from served_model import refuse, say, serve

from gazal.config.endpoint import Endpoint
from gazal.config.model import ModelConfig
from gazal.config.sampling import Sampling
from gazal.core.case import Case
from gazal.core.store import read_traces
from gazal.engine.api import ApiEngine
from gazal.errors import ConfigError, EndpointError
from gazal.evaluate.models import add_served, ask_by_likelihood, describe_tested, find_tested, list_inputs
from gazal.evaluate.run import How, collect_replies
from gazal.evaluate.stage import run_evaluation, write_results

SAMPLING = Sampling(temperature=0.0, max_new_tokens=64, batch_size=4)
CASES = [
    Case(
        id=f"small/test/{n}",
        kind="exam",
        question=f"Number {n}?",
        options={"A": "this", "B": "that"},
        answer="AB"[n % 2],
        licence="Apache-2.0",
    )
    for n in range(30)
]


def read_number(body):
    return int(body["messages"][0]["content"].split("?")[0].removeprefix("Number "))


def answer_b(body, before):
    return say("\n\\boxed{B}", reasoning=f"Step 1: {read_number(body)} it is.")


def make(service, name="teacher"):
    return ApiEngine(Endpoint(url=service.url, model="org/teacher", retries=0), name=name)


@pytest.mark.parametrize("n", [1, 7, 29])
def test_what_was_replied_is_not_asked_again(tmp_path, n):
    path, part = tmp_path / "replies.jsonl", tmp_path / "replies.jsonl.part"
    with serve(answer_b) as service:
        replies = collect_replies(make(service), CASES, How(sampling=SAMPLING, seed=0), path)
        first = [next(replies).case_id for _ in range(n)]
        replies.close()
        assert [trace.case_id for trace in read_traces(part)] == first
    with serve(answer_b) as service:  # Another one: what was in flight may still arrive at the first.
        assert len([*collect_replies(make(service), CASES, How(sampling=SAMPLING, seed=0), path)]) == 30
    asked = sorted(read_number(body) for body in service.asked)
    assert asked == [number for number, case in enumerate(CASES) if case.id not in first]
    assert [trace.case_id for trace in read_traces(path)] == [case.id for case in CASES]


def test_what_failed_is_asked_again(tmp_path):
    path, part = tmp_path / "replies.jsonl", tmp_path / "replies.jsonl.part"
    with serve(lambda body, n: answer_b(body, n) if read_number(body) < 6 else refuse(500)) as service:
        with pytest.raises(EndpointError, match="the same command goes on"):
            [*collect_replies(make(service), CASES, How(sampling=SAMPLING, seed=0), path)]
        kept = [trace.stop for trace in read_traces(part)]
        assert kept.count("end") == 6 and "error" in kept
    with serve(answer_b) as service:
        again = [*collect_replies(make(service), CASES, How(sampling=SAMPLING, seed=0), path)]
    assert {trace.stop for trace in again} == {"end"} and len(again) == 30
    assert sorted(read_number(body) for body in service.asked) == [*range(6, 30)]
    assert len(read_traces(path)) == 30


def test_a_served_model_is_evaluated_as_others_are(tmp_path):
    with serve(lambda body, n: answer_b(body, n) if read_number(body) % 5 else refuse(400)) as service:
        models = add_served({}, [Endpoint(url=service.url, model="org/teacher", retries=0)])
        said = [*run_evaluation(models, CASES, How(sampling=SAMPLING, seed=0), tmp_path)]
        assert said[-1] == ("teacher", 30, 30)
        assert [*run_evaluation(models, CASES, How(sampling=SAMPLING, seed=0), tmp_path)] == [] and len(
            service.asked
        ) == 30
    whole = write_results(models, CASES, tmp_path, None)
    found = whole["evaluation"]["small"]["teacher"]
    assert (found["n"], found["right"], found["failed"]) == (30, 12, pytest.approx(6 / 30))
    assert read_traces(tmp_path / "teacher.jsonl")[1].thinking == "\nStep 1: 1 it is.\n"
    assert json.loads((tmp_path / "results.json").read_text()) == json.loads(json.dumps(whole))


def test_models_are_told_apart_and_described_without_more_than_the_host(monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "sk-4711")
    names = ["org/teacher", "teacher", "a/b:free", "/models/qwen/"]
    held = find_tested(["tiny-base"], ModelConfig())
    url = "https://host:8/secret/path/v1"
    models = add_served(held, [Endpoint(url=url, model=name, key_variable="OTHER_KEY") for name in names])
    assert [*models] == ["tiny-base", "teacher", "teacher-2", "b-free", "qwen"]
    assert describe_tested(models["teacher"]) == {"endpoint": "host:8", "model": "org/teacher"}
    assert describe_tested(models["tiny-base"])["path"] == "tiny-base"
    assert [*list_inputs(models)] == ["tiny-base"]
    with pytest.raises(ConfigError, match=r"teacher: a served model .* Leave --likelihood out"):
        ask_by_likelihood(models)
