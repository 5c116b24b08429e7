"""The pretraining text: repeatable, complete, and free of cases."""

import re
from itertools import islice

import pytest

from gazal.core.trace import Trace
from gazal.score.format import judge_format
from gazal.world.corpus import write_passages
from gazal.world.generate import make_cases
from gazal.world.knowledge import load_knowledge

N = 20_000
ITEM = re.compile(r"^([A-J])\. (.+)$", re.MULTILINE)
SENTENCE = re.compile(r".+?[.?!](?= |$)(?<!\d\.)")


def flatten(passage) -> str:
    return passage if isinstance(passage, str) else "\n\n".join(passage)


@pytest.fixture(scope="module")
def passages():
    return list(write_passages(N, 0))


@pytest.fixture(scope="module")
def text(passages):
    return "\x00".join(map(flatten, passages))


@pytest.fixture(scope="module")
def cases():
    return list(make_cases(n=1500, seed=0, split="test"))


def read_lists(passage) -> list[list[tuple[str, str]]]:
    """Runs of neighbouring lines that begin with a letter."""
    runs, before = [], False
    for line in flatten(passage).split("\n"):
        found = ITEM.match(line)
        if found and before:
            runs[-1].append(found.groups())
        elif found:
            runs.append([found.groups()])
        before = bool(found)
    return runs


def test_the_same_seed_writes_the_same_and_another_does_not(passages):
    assert list(write_passages(200, 0)) == passages[:200]
    other = list(write_passages(200, 1))
    assert sum(a == b for a, b in zip(other, passages[:200], strict=True)) < 5


@pytest.mark.parametrize("first", [1, 137, 19_990])
def test_a_stream_can_be_taken_up_anywhere(passages, first):
    assert list(write_passages(10, 0, first)) == passages[first : first + 10]
    assert list(islice(write_passages(10**9, 0, first), 3)) == passages[first : first + 3]


def test_no_case_is_in_it(text, cases):
    for case in cases:
        assert case.question not in text, case.id
        opening = SENTENCE.match(case.question)
        assert opening and opening[0] not in text, case.id


def test_no_lettered_options_of_a_case_are_in_it(text, cases):
    for case in cases:
        listed = "\n".join(f"{letter}. {option}" for letter, option in case.options.items())
        assert listed not in text, case.id


def test_no_list_of_it_is_the_option_set_of_a_case(passages, cases):
    sets = {frozenset(case.options.values()) for case in cases}
    assert {len(options) for options in sets} <= {2, 3, 4}
    lists = [found for passage in passages for found in read_lists(passage) if len(found) > 1]
    assert len(lists) > 1000
    assert not sets & {frozenset(item for _, item in found) for found in lists}


def test_lettered_lists_have_five_or_six_items(passages):
    sizes = {}
    for passage in passages:
        for found in read_lists(passage):
            if found[0][0] == "A" and len(found) > 1:
                sizes[len(found)] = sizes.get(len(found), 0) + 1
                assert "".join(letter for letter, _ in found) == "ABCDEF"[: len(found)]
    assert set(sizes) == {5, 6} and min(sizes.values()) > 500


def test_nothing_of_it_is_a_reply(passages, cases):
    """Not even headings and boxes together make a reply in the format that the stages teach."""
    best = -1.0
    for passage in passages:
        for part in (passage,) if isinstance(passage, str) else (*passage, flatten(passage)):
            if "Step" in part or "\\boxed" in part or "think" in part:
                value = judge_format(cases[0], Trace(case_id=cases[0].id, text=part)).value
                assert value is not None
                best = max(best, value)
    assert -1.0 < best < 0.7
    # Nothing thinks in it, and without that no reply keeps the format.
    assert not [p for p in passages if "<think>" in flatten(p) or "</think>" in flatten(p)]


def test_everything_that_the_world_knows_is_told(text):
    knowledge, lower = load_knowledge(), text.lower()
    for records in (knowledge.conditions, knowledge.drugs, knowledge.scores, knowledge.tests):
        for record in records.values():
            assert record.name.lower() in lower, record.name
    for treatment in knowledge.treatments.values():
        assert treatment.name.lower() in lower, treatment.name
    missing = [p for f in knowledge.findings.values() for p in f.present if p.lower() not in lower]
    assert not missing


def test_totals_of_scores_are_possible(passages):
    """What a total means is told only of totals that the score can have."""
    knowledge = load_knowledge()
    most = {"FeverPAIN score": 5, "HAS-BLED score": 9, "CRB-65 score": 4, "CURB-65 score": 5}
    known = {score.name for score in knowledge.scores.values()} & most.keys()
    assert known
    for passage in passages:
        for name in known:
            for total in re.findall(rf"{name}, total (\d+)", flatten(passage)):
                assert int(total) <= most[name], passage
