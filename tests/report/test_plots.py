"""Charts: the same bytes, no fixed colours, no address, and nothing lost for gaps or a single step."""

import re

import pytest
from page_reader import read_page

from gazal.report.curves import CHARTS, draw_panel
from gazal.report.plots import (
    MARKS,
    Dot,
    Group,
    Line,
    draw_dashes,
    draw_mark,
    plot_accuracy,
    plot_lines,
    thin_points,
)

GROUPS = [
    Group(
        label=label,
        guess=guess,
        dots=tuple(
            Dot(model=m, label=m, accuracy=0.2 + 0.1 * n, ci95=(0.1 + 0.1 * n, 0.3 + 0.1 * n))
            for n, m in enumerate([*MARKS, "other"])
        ),
    )
    for label, guess in (("All", 0.25), ("Diagnosis", None), ("a < b & $x$", 0.3))
]
LINES = [Line(label="loss", points=((1, 2.0), (2, None), (3, 1.5)))]


def test_the_same_numbers_give_the_same_bytes():
    assert plot_accuracy(GROUPS, "a") == plot_accuracy(GROUPS, "a")
    assert plot_lines(LINES, "loss", "a") == plot_lines(LINES, "loss", "a")


@pytest.mark.parametrize("svg", [plot_accuracy(GROUPS, "a"), plot_lines(LINES, "loss", "b")])
def test_it_can_stand_in_a_page(svg):
    root = read_page(svg)
    assert [element.tag for element in root.parts] == ["svg"]
    assert root.find("svg")[0].attributes.keys() == {"viewbox"}
    assert "http" not in svg and "<style" not in svg and "DejaVu" not in svg
    colors = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", svg))
    assert colors <= {"none", "currentColor"} | {c for c in colors if re.fullmatch(r"var\(--[a-z]+\)", c)}
    assert "currentColor" in colors


def test_parts_of_two_charts_have_different_names():
    ids = [set(re.findall(r'id="([^"]+)"', plot_lines(LINES, "loss", name))) for name in ("a", "b")]
    assert all(ids) and ids[0].isdisjoint(ids[1])


def test_labels_are_text_whatever_they_hold():
    texts = [element.text for element in read_page(plot_accuracy(GROUPS, "a")).find("text")]
    assert {"All", "Diagnosis", "a < b & $x$", "0 %", "100 %"} <= set(texts)


def test_every_dot_lies_where_its_number_is():
    svg = plot_accuracy(GROUPS, "a")
    places = [
        float(x) for x in re.findall(r'<use href="#\w+" x="([\d.]+)"[^>]*style="fill: var\(--sft\)', svg)
    ]
    ticks = {e.text: float(e.attributes["x"]) for e in read_page(svg).find("text") if e.text.endswith("%")}
    wanted = ticks["0 %"] + 0.4 * (ticks["100 %"] - ticks["0 %"])
    assert places == pytest.approx([wanted] * 3, abs=0.01)


def test_one_step_is_drawn_and_nothing_is_not():
    svg = plot_lines([Line(label="loss", points=((7, 2.0),))], "loss", "a")
    texts = [element.text for element in read_page(svg).find("text")]
    assert "7" in texts and svg.count("<use") >= 2
    assert plot_lines([Line(label="loss", points=((1, None),))], "loss", "a") == ""
    assert plot_lines([], "loss", "a") == ""


def test_many_steps_are_averaged():
    points = [(float(k), None if k in (3, 7, 8) else float(k)) for k in range(1, 10)]
    assert thin_points(points, 9) == points
    assert thin_points(points, 4) == [(2.0, 1.5), (5.0, 5.0), (8.0, 9.0)]
    assert thin_points(points[6:8], 1) == [(7.5, None)]


def test_a_panel_tells_start_and_end_and_holds_the_numbers():
    chart = CHARTS[1]
    panel = draw_panel(chart, tuple({"step": k, "loss": 5.0 / k} for k in range(1, 41)), "a")
    assert panel.told == "5 at step 1, 0.125 at step 40." and panel.svg
    assert len(panel.table.rows) == 10 and panel.table.head == ("Step", "loss")
    single = draw_panel(chart, ({"step": 1, "loss": 5.0},), "a")
    assert single.told == "5 at step 1." and len(single.table.rows) == 1
    empty = draw_panel(chart, ({"step": 1, "loss": None},), "a")
    assert empty.told == "Not measured in this run." and empty.svg == "" and not empty.table.rows


def test_metrics_that_are_missing_are_left_out():
    chart = next(chart for chart in CHARTS if "reward/answer" in chart.metrics)
    steps = ({"step": 1, "reward/answer": -0.5, "reward/format": None}, {"step": 2, "reward/answer": 0.5})
    panel = draw_panel(chart, steps, "a")
    assert panel.table.head == ("Step", "answer") and panel.keys == ()


def test_legends_follow_the_charts():
    assert len({draw_mark(model) for model in MARKS}) == len(MARKS)
    assert len({draw_dashes(number) for number in range(10)}) == 10
