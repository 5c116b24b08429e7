"""What models came to: counted once, compared on the same cases, pairs only with both right."""

import json
from dataclasses import asdict, replace

import pytest

from gazal.core.case import Case, Tags
from gazal.core.chat import write_reply
from gazal.core.pairs import find_pairs
from gazal.core.trace import Trace
from gazal.errors import DataError
from gazal.evaluate.results import split_suites, summarise, weigh_choices, weigh_replies
from gazal.world.generate import make_cases
from gazal.world.solve import solve

CASES = list(make_cases(n=20, seed=5, split="test", twins=True))
PAIRS = find_pairs(CASES)
SECONDS = {second for _, second in PAIRS}
COUNTED = [case for case in CASES if case.id not in SECONDS]
"""Recall, which has no twins, and the first of each pair."""


def spoil(case: Case) -> Trace:
    wrong = next(letter for letter in case.options if letter != case.answer)
    return Trace(case_id=case.id, text=write_reply(["It may be so."], "So it is.", wrong))


def exam(number: int, source: str = "mine") -> Case:
    return Case(
        id=f"{source}/test/{number}",
        kind="exam",
        question=f"Which, {number}?",
        options={"A": "this", "B": "that"} | ({"C": "none"} if number % 2 else {}),
        answer="A",
        licence="MIT",
    )


def test_sixteen_pairs_of_twenty_cases_are_found_the_earlier_first():
    places = {case.id: place for place, case in enumerate(CASES)}
    assert len(PAIRS) == 16 and len(CASES) == 36  # Recall has no twins.
    assert all(places[a] < places[b] for a, b in PAIRS)


def test_the_second_of_a_pair_counts_for_the_pair_alone():
    # Every first right, every second wrong: accuracy 1, no pair right.
    traces = [spoil(case) if case.id in SECONDS else solve(case) for case in CASES]
    result, right = weigh_replies(CASES, traces)
    assert (result.n, result.right, result.accuracy) == (20, 20, 1.0)
    assert (result.pairs, result.pairs_right) == (16, 0.0)
    assert set(right) == {case.id for case in COUNTED} and all(right.values())
    assert {kind: outcome.n for kind, outcome in result.by_kind.items()} == dict.fromkeys(
        ("diagnosis", "treatment", "uncertainty", "prognosis", "recall"), 4
    )


def test_beside_other_cases_of_their_kind_pairs_count_for_pairs_alone():
    others = list(make_cases(n=10, seed=6, split="test"))
    traces = [*(solve(case) for case in others), *(spoil(case) for case in CASES)]
    result, right = weigh_replies([*others, *CASES], traces)
    assert set(right) == {case.id for case in [*others, *CASES] if case in others or case.kind == "recall"}
    assert {kind: outcome.n for kind, outcome in result.by_kind.items()}["diagnosis"] == 2
    assert (result.n, result.right, result.pairs, result.pairs_right) == (14, 10, 16, 0.0)


def test_a_pair_is_right_where_both_are():
    broken = {PAIRS[0][0], PAIRS[1][1], *PAIRS[2]}
    result, _ = weigh_replies(CASES, [spoil(c) if c.id in broken else solve(c) for c in CASES])
    assert result.pairs_right == pytest.approx(13 / 16) and result.right == 18


def test_floor_and_chance_stand_beside_accuracy():
    result, _ = weigh_replies(CASES, [solve(case) for case in CASES])
    assert all(outcome.floor and 0.2 < outcome.floor < 0.35 for outcome in result.by_kind.values())
    assert result.chance == pytest.approx(sum(1 / len(c.options) for c in COUNTED) / 20)
    assert result.floor is None


def test_cases_without_a_reply_are_not_counted_and_a_second_sample_is_refused():
    result, right = weigh_replies(CASES, [solve(case) for case in CASES[:3]])
    assert result.n == len(right) <= 3
    twice = [solve(CASES[0]), replace(solve(CASES[0]), sample=1)]
    with pytest.raises(DataError, match="2 replies to 1 cases: an evaluation takes one reply to each case"):
        weigh_replies(CASES, twice)


def test_of_two_manners_of_choosing_the_better_counts():
    some = {case.id: place % 4 == 0 for place, case in enumerate(CASES)}
    more = {case.id: place % 4 != 0 for place, case in enumerate(CASES)}
    found = weigh_choices(CASES, {"alone": more, "listed": some})
    assert found is not None
    result, right = found
    assert result.manner == "alone" and right == {case.id: more[case.id] for case in COUNTED}
    assert result.right == sum(right.values()) and result.format_ok is None
    assert result.pairs_right == sum(more[a] and more[b] for a, b in PAIRS) / 16
    assert weigh_choices(CASES, {"alone": {}, "listed": {}}) is None


def test_suites_stand_apart_and_only_like_cases_are_compared():
    cases = [*CASES, *(exam(n) for n in range(4))]
    mine = [Trace(case_id=case.id, text=write_reply(["So."], "So.", "A")) for case in cases[-4:]]
    right = [solve(case) for case in CASES]
    wrong = [spoil(case) for case in CASES]
    whole = summarise(cases, {"a": [*wrong, *mine], "b": [*right, *mine], "c": mine[:2]}, {}, 7)
    assert whole["suites"] == {
        "world": {"n": 36, "of": None, "limit": 7},
        "mine": {"n": 4, "of": None, "limit": 7},
    }
    assert [*whole["evaluation"]["world"]] == ["a", "b"] and [*whole["evaluation"]["mine"]] == ["a", "b", "c"]
    assert whole["evaluation"]["mine"]["a"]["chance"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert [(p["a"], p["b"], p["suite"], p["n"], p["delta"]) for p in whole["paired"]] == [
        ("a", "b", "world", 20, 1.0),
        ("a", "b", "mine", 4, 0.0),
    ]
    json.dumps(whole, allow_nan=False)


def test_published_sizes_are_told():
    whole = summarise([exam(1, "medqa_4opt")], {"a": [spoil(exam(1, "medqa_4opt"))]}, {}, 1)
    assert whole["suites"]["medqa_4opt"] == {"n": 1, "of": 1273, "limit": 1}
    assert asdict(weigh_replies([exam(1)], [spoil(exam(1))])[0])["by_kind"]["exam"]["floor"] is None


def test_suites_of_one_source_are_told_apart_by_their_subjects():
    def ask(topic, n):
        fields = {"kind": "exam", "question": "Q?", "options": {"A": "x", "B": "y"}, "answer": "A"}
        return Case(id=f"mmlu_pro/test/{n}", licence="MIT", tags=Tags(topic=topic), **fields)

    health, biology = [ask("health", n) for n in range(2)], [ask("biology", n) for n in range(2, 4)]
    assert [*split_suites(health)] == ["mmlu_pro_health"] and [*split_suites(biology)] == ["mmlu_pro_biology"]
    assert [*split_suites([*health, *biology])] == ["mmlu_pro_medical"]
