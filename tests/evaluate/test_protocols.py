"""Strict and lenient: the same replies, shares that add up, disagreements with what others recorded."""

import json

import pytest
from typer.testing import CliRunner

from gazal.cases.recorded import read_recorded
from gazal.cases.table import load_suite
from gazal.cli.main import app
from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.evaluate.protocols import read_protocol, weigh_protocols

CASE = Case(
    id="own/test/1",
    kind="exam",
    question="Which?",
    options={"A": "this", "B": "that", "C": "none"},
    answer="B",
    licence="MIT",
)
TEXTS = [
    r"<think>x</think> \boxed{B}",
    "The answer is (B).",
    "Answer: C",
    "Answer: A or B",
    "Who knows?",
    r"\boxed{Cannot be determined}",
]


def test_shares_add_up_and_lenient_reads_what_strict_leaves():
    cases = [Case(**{**CASE_FIELDS, "id": f"own/test/{n}"}) for n in range(len(TEXTS) + 1)]
    traces = [Trace(case_id=case.id, text=text) for case, text in zip(cases, TEXTS, strict=False)]
    traces.append(Trace(case_id=cases[-1].id, text="So", stop="length"))
    found = weigh_protocols(cases, traces)
    strict, lenient = found["strict"], found["lenient"]
    for outcome in (strict, lenient):
        shares = (outcome.accuracy, outcome.wrong, outcome.abstained, outcome.unparsed, outcome.truncated)
        assert sum(shares) + outcome.failed == pytest.approx(1.0) and outcome.n == 7
    assert (strict.right, strict.unparsed) == (1, pytest.approx(4 / 7))
    assert (lenient.right, lenient.wrong, lenient.unparsed) == (2, pytest.approx(1 / 7), pytest.approx(2 / 7))
    assert (lenient.abstained, lenient.truncated) == (pytest.approx(1 / 7), pytest.approx(1 / 7))


CASE_FIELDS = {name: getattr(CASE, name) for name in ("kind", "question", "options", "answer", "licence")}


def test_only_replies_that_commit_are_held_against_what_was_recorded():
    texts = {"The answer is (B).": "B", "The answer is B.": "C", "The answer is A or B.": "A"}
    cases = [Case(**{**CASE_FIELDS, "id": f"own/test/{n}"}) for n in range(3)]
    traces = [
        Trace(case_id=case.id, text=text, pred=pred)
        for case, (text, pred) in zip(cases, texts.items(), strict=True)
    ]
    lenient = weigh_protocols(cases, traces)["lenient"]
    assert lenient.agreement == {"n": 2, "same": 1}
    assert [(row["read"], row["recorded"]) for row in lenient.disagreements] == [("B", "C")]
    assert [read_protocol("strict", case, trace) for case, trace in zip(cases, traces, strict=True)] == [
        None
    ] * 3


def test_real_outputs_are_read_as_their_authors_read_them(data):
    cases = load_suite("mmlu_pro_medical", data)
    path = data / "model_outputs_mmlu_pro" / "jamba-1.5-large_5shot.jsonl"
    lenient = weigh_protocols(cases, read_recorded(path, cases))["lenient"]
    same, of = lenient.agreement["same"], lenient.agreement["n"]
    assert of >= 1520 and same >= 0.995 * of
    assert len(lenient.disagreements) == of - same


def test_the_command_prints_one_line_with_both_protocols(data):
    path = data / "model_outputs_mmlu_pro" / "jamba-1.5-large_5shot.jsonl"
    told = ["evaluate", "--suite", "mmlu-pro-medical", "--replies", str(path), "--data", str(data), "--json"]
    result = CliRunner().invoke(app, told)
    assert result.exit_code == 0 and len(result.stdout.splitlines()) == 1
    found = json.loads(result.stdout)
    for name in ("strict", "lenient"):
        wanted = {"n", "right", "accuracy", "ci95", "abstained", "unparsed", "truncated", "disagreements"}
        assert wanted <= found[name].keys() and found[name]["n"] == 1535
