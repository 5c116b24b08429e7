"""Which cases are shown, and what a reply and a truth read like."""

from dataclasses import replace
from random import Random

import pytest
from sample_run import answer, make_exam, make_world, miss, shake

from gazal.core.case import WORLD_KINDS
from gazal.core.trace import Trace
from gazal.report.examples import choose_examples, clip, show_example, show_reply
from gazal.report.truths import describe_truth, list_bars
from gazal.score.grounding import judge_grounding

WORLD = make_world(20, twins=False)


def wrong(case):
    return answer(case, miss(case, Random(0)))


def right(case):
    return answer(case, case.answer)


def choose(cases, writers, **more):
    replies = {
        model: {c.id: write(c) for c, write in zip(cases, written, strict=True)} for model, written in writers
    }
    return [(cases.index(case), pattern) for case, pattern in choose_examples(cases, replies, **more)]


def test_each_pattern_is_the_first_of_its_kind():
    cases = [case for case in WORLD if case.kind == "diagnosis"] + [
        case for case in make_world(40, twins=False)[20:] if case.kind == "diagnosis"
    ]
    cases = cases[:6]
    writers = [
        ("base", [right, wrong, wrong, wrong, right, wrong]),
        ("sft", [right, wrong, right, right, right, wrong]),
        ("grpo", [right, right, wrong, shake, right, wrong]),
    ]
    assert choose(cases, writers) == [(1, "gained"), (3, "shaky"), (2, "lost"), (5, "missed")]
    # Without steps that can be judged nothing is shaky; what is left is still there.
    assert choose(cases, writers, checked=False) == [(1, "gained"), (2, "lost"), (5, "missed")]


def test_what_all_have_right_is_shown_where_there_is_little_else():
    cases = [case for case in WORLD if case.kind == "recall"][:3]
    assert choose(cases, [("base", [right] * 3), ("sft", [right] * 3)]) == [(0, "kept")]
    assert choose(cases, [("base", [wrong, right, right]), ("sft", [right] * 3)]) == [
        (0, "gained"),
        (1, "kept"),
    ]


def test_a_case_without_all_replies_is_not_shown():
    cases = WORLD[:1]
    assert not list(choose_examples(cases, {"base": {cases[0].id: right(cases[0])}, "sft": {}}))


@pytest.mark.parametrize("case", WORLD[:5], ids=lambda case: case.kind)
def test_steps_carry_the_scores_of_the_judge(case):
    trace = shake(case)
    shown = show_reply(case, "sft", trace, True)
    assert [step.score for step in shown.steps] == list(judge_grounding(case, trace).steps)
    assert [step.text for step in shown.steps] == list(trace.steps)
    assert shown.right and shown.answer == f"{case.answer}. {case.options[case.answer]}"
    assert shown.assessment and not shown.raw
    assert all(step.score is None for step in show_reply(case, "sft", trace, False).steps)


def test_a_reply_without_steps_is_shown_as_it_came():
    case = WORLD[0]
    shown = show_reply(case, "base", Trace(case_id=case.id, text="well " * 400, stop="length"), True)
    assert shown.raw.startswith("well well") and "more characters" in shown.raw
    assert shown.cut_off and not shown.right and shown.answer is None
    assert shown.verdict == "cut off before an answer"


def test_a_very_long_reasoning_is_cut_and_told():
    steps = "\n".join(f"Step {n}: it is so {n}" for n in range(1, 101))
    shown = show_reply(WORLD[0], "sft", Trace(case_id=WORLD[0].id, text=f"<think>\n{steps}\n</think>"), True)
    assert len(shown.steps) + shown.more_steps == 100 and shown.more_steps > 50


def test_the_command_names_case_and_files(tmp_path):
    case = WORLD[0]
    run = tmp_path / "my run"
    shown = show_example(
        run, case, "kept", {"base": {case.id: right(case)}, "sft": {case.id: right(case)}}, True
    )
    files = f"--cases '{run}/cases/evaluate/cases.jsonl' --replies '{run}/evaluate/sft.jsonl'"
    assert shown.command == f"gazal show {case.id} {files}"


def test_clip():
    assert clip("  abc ", 3) == "abc"
    assert clip("abc def", 4) == "abc \u2026 (3 more characters)"


def test_every_kind_has_a_truth_that_reads():
    assert {case.kind for case in WORLD} == set(WORLD_KINDS)
    for case in WORLD:
        rows = dict(describe_truth(case))
        assert rows and all(label and said for label, said in rows.items()), case.kind
        assert not any("_" in said for said in rows.values()), rows
    assert describe_truth(make_exam(1)[0]) == []


def test_findings_shown_and_denied_are_told():
    case = next(case for case in WORLD if case.kind == "diagnosis")
    rows = dict(describe_truth(case))
    assert case.truth is not None and case.truth.kind == "diagnosis"
    assert all(phrase in rows["Shown"] for phrase in case.truth.shown.values())
    assert all(phrase in rows["Denied"] for phrase in case.truth.denied.values())
    bars = list_bars(case)
    assert [bar.share for bar in bars] == sorted((bar.share for bar in bars), reverse=True)
    [key] = [bar for bar in bars if bar.is_key]
    assert key.label.endswith(f"({case.answer})")
    assert key.share == case.truth.posterior[case.truth.candidates[case.answer]]


def test_the_first_choice_that_nothing_forbids_is_the_key():
    for case in (case for case in WORLD if case.kind == "treatment"):
        choices = [(label, said) for label, said in describe_truth(case) if label[0].isdigit()]
        first = next(label for label, said in choices if said == "nothing forbids it")
        assert first.partition(". ")[2] == case.options[case.answer]


def test_points_of_a_score_are_told():
    case = next(case for case in WORLD if case.kind == "prognosis")
    assert case.truth is not None and case.truth.kind == "prognosis"
    rows = describe_truth(case)
    assert len(rows) == len(case.truth.points) + 3
    assert rows[-1] == ("Sum", f"{case.truth.total:g}: {case.truth.risk_class}")


def test_a_twin_is_told():
    case = next(case for case in make_world(5) if case.truth is not None and case.truth.twin)
    assert case.truth is not None and case.truth.twin
    label, said = describe_truth(case)[-1]
    now, then = case.truth.twin.change.replace("_", " ").split(" -> ")
    assert label == "Twin" and said == f"{now} \u2192 {then} ({case.truth.twin.id})"


def test_names_that_the_knowledge_lacks_are_shown_as_they_are():
    case = next(case for case in WORLD if case.kind == "treatment")
    assert case.truth is not None and case.truth.kind == "treatment"
    strange = replace(case, truth=replace(case.truth, problem="unheard_of", forbidden={"elixir": ()}))
    rows = dict(describe_truth(strange))
    assert "unheard_of" in rows["Patient"] and rows["1. elixir"] == "nothing forbids it"
