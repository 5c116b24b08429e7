"""A Case refuses what cannot be a question with one known answer."""

import pytest

from gazal.core.case import Case, hash_content
from gazal.core.truth import RecallTruth
from gazal.errors import DataError

GOOD = {
    "id": "a/b/c",
    "kind": "exam",
    "question": "Why?",
    "options": {"A": "x", "B": "y"},
    "answer": "A",
    "licence": "MIT",
}


@pytest.mark.parametrize(
    "answer, tolerance, message",
    [
        ("about 3", 0.1, "with a tolerance the answer must be a number"),
        ("3", -1.0, "tolerance is -1.0"),
        ("3", float("nan"), "tolerance is nan"),
    ],
)
def test_a_number_needs_a_number_and_a_tolerance_from_0_up(answer, tolerance, message):
    with pytest.raises(DataError, match=message):
        Case(**{**GOOD, "options": {}, "answer": answer, "tolerance": tolerance})


@pytest.mark.parametrize(
    "change, message",
    [
        ({"answer": "C"}, "answer 'C' is not one of its options"),
        ({"options": {"A": "x", "C": "y"}}, "must be A, B, C, ... in order"),
        ({"options": {"B": "x", "A": "y"}}, "must be A, B, C, ... in order"),
        ({"question": "  "}, "the question is empty"),
        ({"id": "abc"}, "is not <source>/<split>/<key>"),
        ({"id": "a//c"}, "is not <source>/<split>/<key>"),
        (
            {"truth": RecallTruth(relation="r", subject="s", object="o", candidates={})},
            "its truth is of kind 'recall'",
        ),
    ],
)
def test_a_case_that_cannot_be(change, message):
    with pytest.raises(DataError, match=message.replace("(", r"\(")):
        Case(**{**GOOD, **change})


def test_the_hash_sees_every_part():
    hashes = {
        hash_content("", "q", {"A": "x"}),
        hash_content("q", "", {"A": "x"}),
        hash_content("", "q", {"B": "x"}),
        hash_content("", "q", {"A": "y"}),
        hash_content("", "q", {}),
        hash_content("", "\ud800", {}),  # A lone surrogate has a hash like any text.
    }
    assert len(hashes) == 6
