"""Cases are divided by rules that anybody can apply; groups too small say nothing."""

import pytest

from gazal.core.case import Case, Tags
from gazal.core.trace import Trace
from gazal.evaluate.closer import LOOKS, look_closer
from gazal.evaluate.groups import (
    FEWEST,
    find_demand,
    find_flawed,
    find_groups,
    weigh_apart,
    weigh_groups,
)
from gazal.world.generate import make_cases

STEM = "A 47-year-old woman comes to the physician because of a cough. " + "It began some days ago. " * 8


def make(n, question="Which vitamin is it?", **tags):
    return Case(
        id=f"own/test/{n}",
        kind="exam",
        question=question,
        options={"A": "x", "B": "y"},
        answer="A",
        licence="MIT",
        tags=Tags(**tags),
    )


@pytest.mark.parametrize(
    "question, demand, age, sex",
    [
        (STEM, "reasoning", "40 to 64", "female"),
        ("Which vitamin is it?", "recall", None, None),
        ("A 70-year-old man.", "recall", "65 and over", "male"),
        ("A 6-year-old child and his mother; she smokes.", "recall", "under 18", None),
    ],
)
def test_rules(question, demand, age, sex):
    found = find_groups(make(1, question))
    assert (found["demand"], found.get("age"), found.get("sex")) == (demand, age, sex)


def test_the_worlds_kinds_say_what_they_demand_and_tags_come_first():
    for case in make_cases(n=10, seed=1):
        assert find_demand(case) == ("recall" if case.kind == "recall" else "reasoning")
    assert find_groups(make(1, STEM, age_band="old", sex="male", topic="site 3"))["sex"] == "male"


def test_small_groups_and_lone_ones_say_nothing():
    cases = [make(n, topic="a" if n < FEWEST else "b") for n in range(2 * FEWEST + 1)]
    traces = [Trace(case_id=c.id, text="Answer: A" if n % 2 else "Answer: B") for n, c in enumerate(cases)]
    found = weigh_groups(cases, traces)
    assert found.keys() == {"topic"}
    assert (found["topic"]["a"].n, found["topic"]["a"].right, found["topic"]["b"].n) == (10, 5, 11)
    assert weigh_groups(cases[: FEWEST + 3], traces[: FEWEST + 3]) == {}


def test_seen_items_are_told_apart():
    cases = [make(n) for n in range(6)]
    traces = [Trace(case_id=c.id, text="Answer: A" if n < 2 else "Answer: B") for n, c in enumerate(cases)]
    found = weigh_apart(cases, traces, {cases[0].id, cases[1].id})
    assert [(name, o.right, o.n) for name, o in found.items()] == [
        ("all", 2, 6),
        ("seen", 2, 2),
        ("unseen", 0, 4),
    ]
    assert weigh_apart(cases, traces, set()).keys() == {"all", "unseen"}


def test_every_look_is_there():
    cases = [make(n) for n in range(3)]
    found = look_closer(cases, {"m": [Trace(case_id=c.id, text="Answer: A") for c in cases]})
    assert tuple(found) == LOOKS and found["protocols"]["m"]["lenient"]["right"] == 3
    assert found["groups"] == {} and found["calibration"] == {}


def test_items_that_repeat_or_have_two_options_alike_stand_apart():
    def make(n, question, options):
        return Case(
            id=f"own/test/{n}", kind="exam", question=question, options=options, answer="A", licence="x"
        )

    cases = [
        make(1, "Which?", {"A": "one", "B": "two"}),
        make(2, "which? ", {"A": "Two", "B": "one"}),
        make(3, "Which?", {"A": "one", "B": "three"}),
        make(4, "What?", {"A": "one", "B": "One "}),
    ]
    assert find_flawed(cases) == {"own/test/2": "repeats another", "own/test/4": "two options alike"}
