"""Where cases and examples come from, and what is refused on the way."""

from dataclasses import replace

import pytest

from gazal.config.data import FileSource, SuiteSource, WorldSource
from gazal.core.case import Case
from gazal.core.store import write_cases, write_traces
from gazal.core.trace import Trace
from gazal.curate.gather import gather_cases, gather_examples
from gazal.errors import ConfigError, DataError
from gazal.world.generate import make_cases
from gazal.world.solve import solve

CASES = list(make_cases(n=7, seed=3))
TRACES = [solve(case) for case in CASES]


@pytest.fixture
def file(tmp_path):
    write_cases(tmp_path / "cases.jsonl", CASES)
    write_traces(tmp_path / "replies.jsonl", TRACES)
    return FileSource(cases=tmp_path / "cases.jsonl", replies=tmp_path / "replies.jsonl")


def test_the_world_with_the_run_s_seed_or_its_own():
    own = [WorldSource(n=5, seed=3, kinds=("recall",))]
    assert list(gather_cases(own, 8)) == list(make_cases(("recall",), n=5, seed=3))
    assert list(gather_cases([WorldSource(n=5)], 3)) == CASES[:5] != list(gather_cases([WorldSource(n=5)], 4))


def test_sources_come_one_after_the_other(file):
    found = list(gather_cases([WorldSource(n=2, seed=9), file], 0))
    assert found == [*make_cases(n=2, seed=9), *CASES]


def test_the_limit_holds_for_each_source(file):
    found = list(gather_cases([WorldSource(n=6, seed=9), file], 0, 3))
    assert found[:3] == list(make_cases(n=3, seed=9))
    # Of a file they are drawn from all of it, in its order.
    assert len(found) == 6 and [CASES.index(case) for case in found[3:]] == sorted(
        map(CASES.index, found[3:])
    )
    drawn = {tuple(case.id for case in gather_cases([file], seed, 3)) for seed in range(8)}
    assert len(drawn) > 3 and len(list(gather_cases([file], 0, 99))) == 7
    assert list(gather_cases([file], 5, 3)) == list(gather_cases([file], 5, 3))


def test_a_suite_is_drawn_from_by_its_own_number_and_the_limit(data, monkeypatch):
    monkeypatch.setenv("GAZAL_DATA", str(data))
    few = list(gather_cases([SuiteSource(suite="medqa_4opt", n=5)], 0))
    assert len(few) == 5 and few == list(gather_cases([SuiteSource(suite="medqa_4opt", n=5)], 0))
    assert few != list(gather_cases([SuiteSource(suite="medqa_4opt", n=5)], 1))
    assert len(list(gather_cases([SuiteSource(suite="medqa_4opt", n=5)], 0, 2))) == 2


def test_a_case_that_comes_twice_is_refused(file):
    for gather in (gather_cases, gather_examples):
        with pytest.raises(DataError, match=rf"source 1: case {CASES[0].id} (came from|comes a second)"):
            list(gather([WorldSource(n=2, seed=3), file], 0))


def test_examples_of_the_world_come_with_their_solutions():
    assert list(gather_examples([WorldSource(n=7, seed=3)], 0)) == list(zip(CASES, TRACES, strict=True))


def test_examples_of_a_file_come_with_their_replies(file):
    assert list(gather_examples([file], 0)) == list(zip(CASES, TRACES, strict=True))


def test_explained_suites_give_examples_and_others_say_so(data, monkeypatch):
    monkeypatch.setenv("GAZAL_DATA", str(data))
    pairs = list(gather_examples([SuiteSource(suite="pubmedqa_explained", n=4)], 0))
    assert len(pairs) == 4 and all(case.id == trace.case_id for case, trace in pairs)
    with pytest.raises(ConfigError, match=r"suite medqa_4opt has keys but nothing to learn from.*medmcqa"):
        list(gather_examples([SuiteSource(suite="medqa_4opt")], 0))


def other_letter(case: Case) -> str:
    return next(letter for letter in case.options if letter != case.answer)


def wrong(case: Case, trace: Trace) -> str:
    return trace.text.replace(rf"\boxed{{{case.answer}}}", rf"\boxed{{{other_letter(case)}}}")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (wrong, "wrong"),
        (lambda case, trace: trace.text.replace("</think>", ""), "no_box"),
        (lambda case, trace: trace.text.replace("Step 2:", "Step 9:"), "steps_out_of_order"),
        (lambda case, trace: trace.text + "\nOne more thing.", "text_after_answer"),
    ],
)
@pytest.mark.parametrize("number", range(7))
def test_a_reply_that_is_wrong_or_out_of_format_is_refused(file, spoil, why, number):
    traces = [*TRACES]
    traces[number] = replace(TRACES[number], text=spoil(CASES[number], TRACES[number]))
    write_traces(file.replies, traces)
    with pytest.raises(DataError, match=rf"reply to {CASES[number].id} cannot be learned from \({why}\)"):
        list(gather_examples([file], 0))


def test_a_case_without_a_reply_and_a_reply_without_a_case_are_refused(file):
    write_traces(file.replies, TRACES[:-2])
    with pytest.raises(DataError, match=rf"no reply to {CASES[-2].id} \(2 in all\)"):
        list(gather_examples([file], 0))
    write_traces(file.replies, TRACES)
    write_cases(file.cases, CASES[1:])
    with pytest.raises(DataError, match=rf"a reply to {CASES[0].id}, which is no case"):
        list(gather_examples([file], 0))


def test_two_replies_to_a_case_are_refused(file):
    write_traces(file.replies, [*TRACES, replace(TRACES[0], sample=1)])
    with pytest.raises(DataError, match=r"comes a second time\. Keep one reply to each case"):
        list(gather_examples([file], 0))


def test_a_file_without_replies_is_nothing_to_learn_from(file):
    with pytest.raises(
        ConfigError, match=r"cases.jsonl comes without replies. Name their file with `replies`"
    ):
        list(gather_examples([FileSource(cases=file.cases)], 0))
