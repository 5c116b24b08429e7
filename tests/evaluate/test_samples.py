"""Several replies to each case: closed forms, ties, and coverage of the intervals."""

import itertools

import numpy as np
import pytest

from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.evaluate.results import summarise
from gazal.evaluate.samples import draw_cases, find_passed, find_share, keep_first, vote, weigh_samples

OPTIONS = {"A": "one", "B": "two", "C": "three"}


def make(n, answer="A"):
    return Case(
        id=f"own/test/{n}", kind="exam", question="Which?", options=OPTIONS, answer=answer, licence="MIT"
    )


def say(case, letters):
    """A reply for each letter; a dot is one that commits to nothing."""
    texts = [f"<think>\nx\n</think>\n\\boxed{{{letter}}}" if letter != "." else "hm" for letter in letters]
    return [Trace(case_id=case.id, text=text, sample=n) for n, text in enumerate(texts)]


@pytest.mark.parametrize(
    "letters, share, right",
    [("AAB", 2 / 3, 1.0), ("ABB", 2 / 3, 0.0), ("ABC", 1 / 3, 1 / 3), ("A..", 1 / 3, 1.0), ("...", 0.0, 0.0),
     ("AB.", 1 / 3, 0.5)],
)  # fmt: skip
def test_the_majority_votes_and_equals_share(letters, share, right):
    case = make(0)
    assert vote(case, say(case, letters)) == pytest.approx((share, right))


@pytest.mark.parametrize("n, right", [(4, 0), (4, 1), (4, 3), (4, 4), (6, 2)])
def test_the_chance_that_one_of_k_is_right_is_counted_over_all_choices(n, right):
    for k in range(1, n + 1):
        choices = list(itertools.combinations([True] * right + [False] * (n - right), k))
        assert find_passed(np.array([right]), n, k)[0] == pytest.approx(sum(map(any, choices)) / len(choices))


def test_a_models_samples_come_to_what_they_should():
    cases = [make(n) for n in range(4)]
    traces = [trace for case, letters in zip(cases, ("AAAA", "AABB", "BBBA", "...."), strict=True)
              for trace in say(case, letters)]  # fmt: skip
    found = weigh_samples(cases, traces)
    assert found is not None and found.majority is not None and found.agreement is not None
    assert (found.n, found.k) == (4, 4) and found.mean.value == pytest.approx(7 / 16)
    assert found.majority.value == pytest.approx((1 + 0.5 + 0 + 0) / 4)
    assert found.passed[1].value == pytest.approx(found.mean.value)
    assert found.passed[4].value == pytest.approx(3 / 4) and list(found.passed) == [1, 2, 4]
    assert found.agreement.n == 3 and found.agreement.of == 4
    low, high = found.mean.ci95
    assert low < found.mean.value < high


def test_one_reply_to_each_or_not_as_many_to_all_is_none():
    cases = [make(n) for n in range(2)]
    assert weigh_samples(cases, [*say(cases[0], "A"), *say(cases[1], "A")]) is None
    assert weigh_samples(cases, [*say(cases[0], "AA"), *say(cases[1], "A")]) is None
    assert weigh_samples([], []) is None


def test_the_interval_covers_the_truth_of_replies_that_hang_together():
    rng, covered, runs, n, k = np.random.default_rng(1), 0, 400, 80, 4
    draws = draw_cases(n)
    for _ in range(runs):
        chance = rng.beta(1.0, 1.0, size=n)  # Its mean is one half; cases differ, replies to one are alike.
        low, high = find_share(rng.binomial(k, chance) / k, draws).ci95
        covered += low <= 0.5 <= high
    assert 0.91 <= covered / runs <= 0.98


def test_the_first_sample_counts_for_the_rest_of_the_results():
    cases = [make(n) for n in range(3)]
    traces = [trace for case in cases for trace in say(case, "AB")]
    whole = summarise(cases, {"m": traces}, {}, None)
    assert whole["evaluation"]["own"]["m"]["right"] == 3
    assert whole["samples"]["own"]["m"]["mean"]["value"] == 0.5
    assert [t.sample for t in keep_first(list(reversed(traces)))] == [0, 0, 0]
    one = summarise(cases, {"m": [trace for trace in traces if trace.sample == 0]}, {}, None)
    assert one["samples"]["own"] == {} and one["evaluation"] == whole["evaluation"]
