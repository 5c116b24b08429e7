"""Measured beside published: intervals by a second route, and nothing concluded that cannot be."""

import json

import pytest
from typer.testing import CliRunner

from gazal.cli.main import app
from gazal.evaluate.published import compare_published, find_newcombe, list_figures


def results(n, right, suite="medqa_4opt"):
    outcome = {"n": n, "right": right, "accuracy": right / n, "ci95": [0.0, 1.0]}
    return {
        "evaluation": {suite: {"mine": {**outcome, "by_kind": {}}}},
        "protocols": {suite: {"mine": {"strict": outcome, "lenient": outcome}}},
    }


def test_newcombe_by_the_paper():
    """The example of Newcombe's paper: 56 of 70 against 48 of 80, method 10."""
    assert find_newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_every_figure_has_a_source_and_a_possible_value():
    figures = list_figures()
    assert len(figures) == 39 and all(0.5 < f.accuracy < 1.0 and f.source for f in figures)
    (paper,) = [f for f in figures if f.model == "Gazal-R1-32B" and f.suite == "mmlu_pro_medical"]
    assert "not strictly comparable" in paper.note
    assert next(f for f in figures if f.suite == "medqa").ci95[1] - 0.871 == pytest.approx(0.018, abs=0.003)


@pytest.mark.parametrize("right, says", [(1109, "within noise"), (1200, "higher"), (900, "lower")])
def test_the_difference_says_what_it_can(right, says):
    found = {row.published.model: row for row in compare_published(results(1273, right))}
    assert found["Gazal-R1-32B"].says == says and found["Gazal-R1-32B"].accuracy == right / 1273


def test_a_part_of_a_suite_is_told_as_such():
    assert {row.says for row in compare_published(results(200, 180))} == {"part"}
    assert not list(compare_published(results(200, 180, "world")))


def test_the_command(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(results(1273, 1109)))
    told = CliRunner().invoke(app, ["compare", str(tmp_path), "--against", "published"])
    assert (
        told.exit_code == 0
        and "within noise" in told.stdout
        and "nothing is paired" in " ".join(told.stdout.split())
    )
    found = json.loads(
        CliRunner().invoke(app, ["compare", str(tmp_path), "--against", "published", "--json"]).stdout
    )
    assert len(found["measured"]) == 1 and len(found["published"]) == 10
    assert CliRunner().invoke(app, ["compare", str(tmp_path / "none")]).exit_code != 0
