"""Variants keep the key's meaning; what they did to a model is counted in pairs."""

from dataclasses import replace
from random import Random

import pytest

from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.evaluate.battery import NONE, VARIANTS, find_hinted, make_variants, weigh_battery
from gazal.world.generate import make_cases

CASES = list(make_cases(n=25, seed=4))


def put(name, case, seed=0):
    return next(found[name](case, Random(seed)) for found in VARIANTS.values() if name in found)


@pytest.mark.parametrize("case", CASES)
def test_the_key_keeps_its_meaning(case):
    key = case.options[case.answer]
    for seed in range(5):
        shuffled = put("shuffled", case, seed)
        assert shuffled.options[shuffled.answer] == key and list(shuffled.options) == list(case.options)
        assert sorted(shuffled.options.values()) == sorted(case.options.values())
        assert list(shuffled.options.values()) != list(case.options.values())
    none = put("none_of_the_above", case)
    assert none is None or (none.options[none.answer] == NONE and key not in none.options.values())
    told = put("distraction", case)
    assert told.answer == case.answer and len(told.question) > len(case.question)
    assert told.question.rstrip("?.")[-10:] == case.question.rstrip("?.")[-10:]
    assert put("hint", case).question.startswith(case.question)
    assert find_hinted(case, Random(1)) != case.answer


def test_variants_are_the_same_each_time_and_differ_by_seed():
    names = ["robustness", "faithfulness"]
    assert make_variants(CASES, names, 0) == make_variants(CASES, names, 0) != make_variants(CASES, names, 1)
    made = make_variants(CASES, names, 0)
    assert len({case.id for case in made}) == len(made) and all(case.truth is None for case in made)


def test_outcomes_are_counted_in_pairs():
    case = Case(
        id="own/test/1",
        kind="exam",
        question="One. Which?",
        options={"A": "x", "B": "y"},
        answer="A",
        licence="MIT",
    )
    variants = make_variants([case], ["robustness", "faithfulness"], 0)
    by_name = {v.id.rpartition("#")[2]: v for v in variants}
    before = [Trace(case_id=case.id, text="Answer: A")]
    after = [Trace(case_id=v.id, text="Answer: A") for v in variants]
    found = weigh_battery([case], before, variants, after, 0)
    assert found.keys() == by_name.keys()
    assert (found["shuffled"].before, found["shuffled"].after, found["shuffled"].changed) == (1.0, 0.0, 1.0)
    assert (found["none_of_the_above"].after, found["none_of_the_above"].changed) == (1.0, None)
    assert (found["distraction"].delta, found["distraction"].changed) == (0.0, 0.0)
    assert (found["hint"].followed, found["hint"].n) == (0.0, 1)
    hinted = [Trace(case_id=v.id, text="Answer: B") for v in variants]
    assert weigh_battery([case], before, variants, hinted, 0)["hint"].followed == 1.0
    assert weigh_battery([case], [], variants, hinted, 0) == {}


def test_without_options_the_text_of_the_key_is_right_and_stems_that_need_them_are_left_alone():
    case = next(case for case in CASES if case.kind == "diagnosis")
    bare, key = put("open_answer", case), case.options[case.answer]
    assert bare.options == {} and bare.answer == key and bare.question == case.question
    assert [case.kind for case in CASES if put("open_answer", case) is None].count("prognosis") == 5
    leaning = replace(case, kind="exam", truth=None, question="Which of the following is it?")
    assert put("open_answer", leaning) is None
    variant = replace(bare, id=f"{case.id}#open_answer", truth=None)
    before = [Trace(case_id=case.id, text=f"\\boxed{{{case.answer}}}")]
    for text, after in ((key, 1.0), (key.upper(), 1.0), ("something else", 0.0), (case.answer, 0.0)):
        replies = [Trace(case_id=variant.id, text=f"\\boxed{{{text}}}")]
        found = weigh_battery([case], before, [variant], replies, 0)["open_answer"]
        assert (found.before, found.after, found.changed) == (1.0, after, None)
