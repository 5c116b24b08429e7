"""The length judge: never more for a longer reply, and nothing for one that was cut off."""

import pytest

from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.score.length import judge_length
from gazal.score.table import JUDGES, build_judges

CASE = Case(id="t/t/1", kind="exam", question="?", options={"A": "x", "B": "y"}, answer="B", licence="MIT")


def judge(n_tokens, stop="end", target=60, limit=100):
    trace = Trace(case_id=CASE.id, text="x", n_tokens=n_tokens, stop=stop)
    score = judge_length(CASE, trace, target=target, limit=limit)
    return score.value, score.why


@pytest.mark.parametrize(
    "n_tokens, expected",
    [
        (0, (1.0, "short")),
        (60, (1.0, "short")),
        (70, (0.5, "long")),
        (80, (0.0, "long")),
        (99, (-0.95, "long")),
        (100, (-1.0, "too_long")),
        (10**6, (-1.0, "too_long")),
        (None, (None, "unknown_length")),
    ],
)
def test_a_straight_line_from_target_to_limit(n_tokens, expected):
    value, why = judge(n_tokens)
    assert why == expected[1] and value == (expected[0] and pytest.approx(expected[0]))


@pytest.mark.parametrize("target, limit", [(1, 2), (7, 9), (192, 320), (1228, 2048)])
def test_never_more_for_a_longer_reply(target, limit):
    values = [judge(n, target=target, limit=limit)[0] for n in range(limit + 5)]
    assert values == sorted(values, reverse=True) and values[0] == 1.0 and values[-1] == -1.0
    assert all(
        later < earlier for earlier, later in zip(values[target:limit], values[target + 1 :], strict=False)
    )


@pytest.mark.parametrize("n_tokens", [None, 1, 60, 80, 100])
def test_a_reply_that_was_cut_off_scores_lowest_however_short(n_tokens):
    assert judge(n_tokens, "length") == (-1.0, "truncated")
    assert judge(n_tokens, "error") == (None, "engine_error")


@pytest.mark.parametrize("target, limit", [(0, 10), (10, 10), (10, 9), (-1, 3)])
def test_limits_that_cannot_work_are_refused(target, limit):
    with pytest.raises(ValueError, match=f"target {target} and limit {limit}"):
        judge(5, target=target, limit=limit)


def test_the_table_builds_it_with_its_limits():
    judges = build_judges(length_target=10, length_limit=20)
    trace = Trace(case_id=CASE.id, text="x", n_tokens=15)
    assert judges["length"](CASE, trace).value == 0.0
    assert set(judges) == {*JUDGES, "length"}
