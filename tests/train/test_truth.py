"""The truth channel: pairs, both right; asked greedily; never part of the reward."""

from dataclasses import replace

import pytest

from gazal.config.alarms import TruthChannel
from gazal.config.data import WorldSource
from gazal.config.sampling import Sampling
from gazal.core.pairs import find_pairs
from gazal.engine.base import Rollout
from gazal.errors import DataError
from gazal.train.truth import be_greedy, check_pairs, list_requests, measure_truth
from gazal.world.generate import make_cases
from gazal.world.solve import solve

CASES = list(make_cases(["diagnosis", "prognosis"], n=4, seed=3, split="validation", twins=True))


def reply(case, text=None):
    trace = solve(case)
    trace = trace if text is None else replace(trace, text=text)
    return Rollout(trace=trace, prompt_tokens=(), tokens=(), logprobs=())


def test_worked_solutions_have_all_of_it():
    seen = measure_truth(CASES, [reply(case) for case in CASES])
    assert seen == {"truth/right": 1.0, "truth/pairs_right": 1.0, "truth/steps_supported": 1.0}


def test_one_of_two_is_no_pair():
    firsts = {first for first, _ in find_pairs(CASES)}
    seen = measure_truth(CASES, [reply(c) if c.id in firsts else reply(c, "") for c in CASES])
    assert seen["truth/right"] == 0.5 and seen["truth/pairs_right"] == 0.0


def test_silence_has_none_of_it():
    seen = measure_truth(CASES, [reply(case, "") for case in CASES])
    assert seen == {"truth/right": 0.0, "truth/pairs_right": 0.0, "truth/steps_supported": None}


def test_it_is_asked_without_chance_and_once():
    assert be_greedy(Sampling(temperature=0.7, top_p=0.8, top_k=20, max_new_tokens=99)) == Sampling(
        temperature=0.0, max_new_tokens=99
    )
    assert [request.sample for request in list_requests(CASES)] == [0] * len(CASES)


def test_cases_without_pairs_are_refused():
    with pytest.raises(DataError, match="twins: true"):
        check_pairs(list(make_cases(n=5, seed=1)))


@pytest.mark.parametrize(
    ("source", "said"), [({"twins": False}, "twins"), ({"split": "train"}, "validation")]
)
def test_a_channel_that_is_none_is_refused(source, said):
    with pytest.raises(ValueError, match=said):
        TruthChannel(cases=[WorldSource(**({"n": 4, "split": "validation", "twins": True} | source))])


def test_other_held_out_cases_may_stand_beside_the_pairs():
    pairs, plain = ({"n": 4, "split": "validation", "twins": twins} for twins in (True, False))
    channel = TruthChannel(cases=[WorldSource(**pairs), WorldSource(**plain)])
    assert [source.twins for source in channel.cases] == [True, False]
    more = [*CASES, *make_cases(["recall"], n=3, seed=3, split="validation")]
    rollouts = [reply(case) for case in more]
    assert measure_truth(more, rollouts)["truth/right"] == 1.0
    assert measure_truth(more, rollouts)["truth/pairs_right"] == 1.0
