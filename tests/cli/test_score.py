"""``gazal score``: every component, total and reason of each reply, by any recipe's reward, with opinions."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from served_model import refuse, say, serve

from gazal.config.reward import RewardConfig
from gazal.core.store import read_cases, read_traces, write_cases, write_traces
from gazal.core.trace import Trace
from gazal.score.compose import compose
from gazal.score.table import JUDGES
from gazal.world.generate import make_cases
from gazal.world.solve import solve

GAZAL = Path(sys.executable).with_name("gazal")
RECIPE = """
name: r
grpo:
  cases: [{source: world, n: 20}]
  steps: 2
  learning_rate: 0.001
  sampling: {max_new_tokens: 200}
  reward: {format: 0.1, grounding: 0.2, consistency: 0.25, rubric: 0.2, abstain_at: 0.3}
"""


def gazal(*words, **env):
    environment = {k: v for k, v in os.environ.items() if k not in ("GAZAL_DATA", "OPENAI_API_KEY")} | env
    return subprocess.run(
        [str(GAZAL), *map(str, words)], capture_output=True, text=True, env=environment, check=False
    )


def fails(done, *parts):
    assert done.returncode == 2 and not done.stdout and "Traceback" not in done.stderr, done
    assert all(part in done.stderr for part in parts), done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Ten cases with their worked solutions, then replies that are worse in one way each."""
    folder = tmp_path_factory.mktemp("score")
    cases = list(make_cases(n=10, seed=4))
    traces = [
        Trace(case_id=case.id, text=solve(case).text, n_tokens=90 + 20 * n) for n, case in enumerate(cases)
    ]
    first = traces[0]
    worse = [first.text.replace("Step 2", "Step 77"), "no box", first.text.replace("</think>", "")]
    worse += [
        rf"<think>Step 1: it is hard to say</think> \boxed{{{x}}}" for x in ("Cannot be determined", "Z")
    ]
    traces += [Trace(case_id=first.case_id, text=text, sample=n + 1) for n, text in enumerate(worse)]
    traces.append(Trace(case_id=first.case_id, text="", sample=9, stop="error"))
    write_cases(folder / "cases.jsonl", cases)
    write_traces(folder / "replies.jsonl", traces)
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


def score(made, *words, **env):
    done = gazal("score", "--cases", made / "cases.jsonl", "--replies", made / "replies.jsonl", *words, **env)
    return done, json.loads(done.stdout) if "--json" in words and not done.returncode else None


def test_json_holds_every_component_total_and_reason(made):
    done, record = score(made, "--json")
    assert done.returncode == 0 and not done.stderr
    cases = {case.id: case for case in read_cases(made / "cases.jsonl")}
    traces = read_traces(made / "replies.jsonl")
    assert len(record["replies"]) == len(traces) == 16
    classes = set()
    for row, trace in zip(record["replies"], traces, strict=True):
        verdict = compose(cases[trace.case_id], trace, RewardConfig(), max_new_tokens=320)
        for name in (*JUDGES, "length"):
            assert (
                row[name]["value"] == verdict.scores[name].value
                and row[name]["why"] == verdict.scores[name].why
            )
        assert (row["total"], row["parts"], row["short_of"]) == (verdict.total, verdict.parts, [])
        assert row["total"] is None or row["total"] == pytest.approx(sum(row["parts"].values()))
        classes.add(row["class"])
    assert classes == {"right", "abstained", "unanswered", None}
    assert {row["length"]["why"] for row in record["replies"]} == {
        "short",
        "long",
        "unknown_length",
        "engine_error",
    }
    totals = [row["total"] for row in record["replies"] if row["total"] is not None]
    assert record["tally"]["all"]["reward"] == pytest.approx(sum(totals) / len(totals))


def test_a_recipe_and_set_compose_otherwise(made):
    recipe = ("--recipe", made / "recipe.yaml", "--json")
    _, plain = score(made, "--json")
    _, mine = score(made, *recipe)
    _, gated = score(
        made, *recipe, "--set", "grpo.reward.gates={format: 1.0}", "--set", "grpo.reward.rubric=0.0"
    )
    assert mine["reward"]["consistency"] == 0.25 and mine["reward"]["abstain_at"] == 0.3
    one, other = mine["replies"][0], plain["replies"][0]
    assert set(one["parts"]) == {"answer", "format", "grounding", "consistency", *{"length", "repetition"}}
    assert one["total"] != other["total"] and one["consistency"] == other["consistency"]
    # 200 tokens may be written here, so what was short of 320 is long.
    assert [r["length"]["why"] for r in mine["replies"][:10]] != [
        r["length"]["why"] for r in plain["replies"][:10]
    ]
    assert gated["reward"]["gates"] == {"format": 1.0}
    short = [bool(row["short_of"]) for row in gated["replies"]]
    assert (
        short == [row["format"]["value"] not in (1.0, None) for row in gated["replies"]] and sum(short) == 5
    )


def test_the_table_shows_the_mean_reward(made):
    _, record = score(made, "--json")
    text = score(made)[0].stdout
    row = next(line.split() for line in text.splitlines() if line.startswith("all"))
    assert float(row[-1]) == pytest.approx(record["tally"]["all"]["reward"], abs=5e-4)
    assert max(map(len, text.splitlines())) <= 130 and "consistency: follows 1" in text


def test_opinions_are_fetched_once_and_then_judged_from_the_record(made, tmp_path):
    rubric, record = tmp_path / "rubric.txt", tmp_path / "opinions.jsonl"
    rubric.write_text("Every step must say something of {the case}.")
    recipe = ("--recipe", made / "recipe.yaml", "--json", "--rubric", rubric, "--rubric-record", record)
    words = (*recipe, "--rubric-model", "grader")

    def answer(body, before):
        text = body["messages"][0]["content"]
        return refuse(500) if "no box" in text else say("9" if "Step 77" not in text else "many")

    with serve(answer) as service:
        done, found = score(made, *words, "--rubric-endpoint", service.url, OPENAI_API_KEY="sk-secret-1")
        assert done.returncode == 0 and "1 calls failed" in done.stderr and "15 opinions" in done.stderr
        assert "Every step must say something of {the case}." in service.prompts[0]
        n = len(service.asked)
        again, _ = score(made, *words, "--rubric-endpoint", service.url)
        assert "1 opinions are missing" in again.stderr and len(service.asked) > n
    assert "sk-secret-1" not in record.read_text() + done.stdout + done.stderr
    rows = found["replies"]
    assert [row["rubric"]["why"] for row in rows].count("praised") == 13
    assert {row["rubric"]["why"] for row in rows[10:]} == {"praised", "no_opinion", "engine_error"}
    assert rows[0]["rubric"]["value"] == pytest.approx(0.8) and rows[0]["parts"]["rubric"] > 0.0
    assert rows[10]["rubric"]["value"] is rows[11]["rubric"]["value"] is None
    # The service is gone: the record is enough.
    _, kept = score(made, *words)
    assert [r["total"] for r in kept["replies"]] == [r["total"] for r in rows]
    assert kept["replies"][11]["rubric"]["why"] == "not_asked"


def test_wrong_use(made, tmp_path):
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "bad.jsonl").write_text("{}\n")
    (tmp_path / "sft.yaml").write_text("name: x\nevaluate: {cases: [{source: world, n: 4}]}\n")
    base = ("--rubric-model", "m")
    url = ("--rubric-endpoint", "http://127.0.0.1:1/v1")
    fails(score(made, "--set", "grpo.reward.format=0.1")[0], "Add --recipe FILE")
    fails(score(made, "--recipe", tmp_path / "none.yaml")[0], "no such recipe")
    fails(score(made, "--recipe", tmp_path / "sft.yaml")[0], "no grpo stage")
    fails(score(made, "--recipe", made / "recipe.yaml", "--set", "grpo.reward.format=0.9")[0], "add up to")
    fails(score(made, "--recipe", made / "recipe.yaml", "--set", "grpo.reward.gates={x: 1.0}")[0], "gates")
    fails(score(made, *url)[0], "--rubric-model NAME")
    fails(score(made, *base)[0], "no opinions there yet")
    fails(score(made, *base, *url)[0], "cannot be reached")
    fails(score(made, *base, "--rubric-endpoint", "nonsense")[0], "is no URL")
    fails(score(made, *base, *url, "--rubric", tmp_path / "none.txt")[0], "no such rubric")
    fails(score(made, *base, *url, "--rubric", tmp_path / "empty.txt")[0], "the rubric is empty")
    fails(score(made, *base, "--rubric-record", tmp_path / "bad.jsonl")[0], "line 1: no opinion")
