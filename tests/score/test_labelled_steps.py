"""The judges of steps against two readers' labels: no worse than when they were measured."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from labelled_steps import judge_steps, measure, read_labels

FLOORS = {"process": (0.89, 0.95), "grounding": (0.83, 0.69)}
"""Precision and recall of wrong steps."""


@pytest.fixture(scope="module")
def judged():
    return judge_steps()


def test_both_readers_labelled_every_step(judged):
    for number in (1, 2):
        labels = read_labels(number)
        assert labels.keys() == judged.keys() and len(labels) >= 200
        assert {row["grounding"] for row in labels.values()} <= {
            *("supported", "contradicted", "invented", "nothing"),
        }
        assert {row["process"] for row in labels.values()} <= {"right", "wrong", "none"}


@pytest.mark.parametrize("name", FLOORS)
def test_judges_find_what_readers_call_wrong(name, judged):
    found = measure(name, [read_labels(1), read_labels(2)], judged)
    assert found["kappa"] > 0.8
    precision, recall = FLOORS[name]
    assert found["wrong"]["precision"] >= precision and found["wrong"]["recall"] >= recall
