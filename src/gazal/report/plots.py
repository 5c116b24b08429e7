"""Charts as SVG text that goes into a page: numbers in, the same bytes out for the same numbers.

Colours are variables of the page's style sheet, so that a chart fits light and dark. Models also differ in
the shape of their marks and lines in their dashes, so that nothing rests on colour alone. Text stays text.
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

INK, FAINT, GUESS = "#010101", "#020202", "#030303"
INKS = {
    INK: "currentColor",
    FAINT: "var(--line)",
    GUESS: "var(--guess)",
    "#040404": "var(--base)",
    "#050505": "var(--likelihood)",
    "#060606": "var(--sft)",
    "#070707": "var(--grpo)",
    "#080808": "var(--fifth)",
}
"""Stand-in colour to what the page draws it in."""
MARKS = {
    "base": ("#040404", "o"),
    "base_likelihood": ("#050505", "D"),
    "sft": ("#060606", "s"),
    "grpo": ("#070707", "^"),
}
OTHER = ("#080808", "v")
LINES = (
    ("#060606", (0, ())),
    ("#070707", (0, (5, 2))),
    ("#040404", (0, (1, 1.5))),
    ("#080808", (0, (6, 1.5, 1, 1.5))),
    ("#050505", (0, (9, 2))),
    ("#070707", (0, (1, 1))),
    ("#060606", (0, (3, 1, 1, 1))),
    ("#080808", (0, (12, 2))),
    ("#040404", (0, (5, 1, 1, 1, 1, 1))),
    ("#050505", (0, (2, 2))),
)
"""Colour and dashes, in widths of the line."""
FONT = "DejaVu Sans"
SETTINGS: Mapping[str, Any] = {
    "svg.fonttype": "none",
    "font.size": 9.5,
    "font.family": FONT,
    "text.parse_math": False,
    "path.simplify": False,
    "axes.unicode_minus": True,
}
INCHES = 4.2
MOST_POINTS = 300
"""Of one line; more steps are averaged in equal windows."""
FEW_POINTS = 30
"""So few are also marked one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One model's accuracy."""

    model: str
    label: str
    accuracy: float
    ci95: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The models side by side on one kind of case."""

    label: str
    dots: tuple[Dot, ...]
    guess: float | None
    """What guessing gives; None where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One number over the steps."""

    label: str
    points: tuple[tuple[float, float | None], ...]
    """(step, value); None leaves a gap."""
    model: str = ""
    """Drawn in the colour of this model; empty takes the next of `LINES`."""


def plot_accuracy(groups: Sequence[Group], name: str) -> str:
    """Dots with their intervals, the kinds below one another, and a bar where guessing lies.

    Args:
        groups: From top to bottom.
        name: Different for each chart of a page: what its parts are called hangs on it.
    """
    slots = sum(len(group.dots) + 1 for group in groups)
    with rc_context(_settings(name)):
        figure = Figure(figsize=(INCHES, 0.75 + 0.19 * slots), layout="constrained")
        axes = figure.add_subplot()
        top, labels = 0.0, []
        for group in groups:
            span = len(group.dots)
            if group.guess is not None:
                ends = (top - 0.4, top + span - 0.6)
                axes.plot(
                    [group.guess] * 2, ends, color=GUESS, linewidth=2.5, solid_capstyle="butt", zorder=1
                )
            for n, dot in enumerate(group.dots):
                _draw_dot(axes, dot, top + n)
            labels.append((top + (span - 1) / 2, group.label))
            top += span + 1
        axes.set_yticks([place for place, _ in labels], [label for _, label in labels])
        axes.set_ylim(top - 1.2, -0.8)
        axes.set_xlim(-0.015, 1.015)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:.0f} %"))
        axes.set_xlabel("share of cases right, with 95 % interval")
        _finish(axes, grid="x")
        axes.tick_params(axis="y", length=0)
        return _write(figure)


def plot_lines(lines: Sequence[Line], unit: str, name: str, *, shares: bool = False) -> str:
    """Lines over the optimizer steps; empty where there is nothing to draw.

    Args:
        lines: Drawn over one another, at most five.
        unit: What the upright axis shows, in words.
        name: Different for each chart of a page.
        shares: The values are shares; the axis goes from 0 to 100 %.
    """
    drawn = [line for line in lines if any(value is not None for _, value in line.points)]
    if not drawn:
        return ""
    with rc_context(_settings(name)):
        figure = Figure(figsize=(INCHES, 2.4), layout="constrained")
        axes = figure.add_subplot()
        for line, (color, dashes) in zip(drawn, LINES, strict=False):
            points = thin_points(line.points)
            color = MARKS.get(line.model, (color, ""))[0]
            xs, ys = [x for x, _ in points], [float("nan") if y is None else y for _, y in points]
            marker = "o" if len(points) <= FEW_POINTS else ""
            axes.plot(xs, ys, color=color, linestyle=dashes, linewidth=1.6, marker=marker, markersize=3)
        steps = [step for line in drawn for step, _ in line.points]
        if min(steps) == max(steps):
            axes.set_xticks([steps[0]])
        else:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
        if shares:
            axes.set_ylim(-0.03, 1.03)
            axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
            axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.0f} %"))
        axes.set_xlabel("optimizer step")
        axes.set_ylabel(unit)
        _finish(axes, grid="y")
        return _write(figure)


def draw_mark(model: str) -> str:
    """The mark of a model, for a legend."""
    color, marker = MARKS.get(model, OTHER)
    shape = {
        "o": '<circle cx="6" cy="6" r="4"/>',
        "D": '<path d="M6 1l5 5-5 5-5-5z"/>',
        "s": '<path d="M2 2h8v8H2z"/>',
        "^": '<path d="M6 1.5l5 9H1z"/>',
        "v": '<path d="M6 10.5l5-9H1z"/>',
    }[marker]
    return f'<svg class="key" viewBox="0 0 12 12" fill="{INKS[color]}">{shape}</svg>'


def draw_dashes(number: int) -> str:
    """How the line of this number, from 0, is drawn, for a legend."""
    color, (_, dashes) = LINES[number]
    pattern = " ".join(f"{1.6 * length:g}" for length in dashes) or "none"
    style = f'stroke="{INKS[color]}" stroke-width="2" stroke-dasharray="{pattern}"'
    return f'<svg class="key wide" viewBox="0 0 30 12"><path d="M0 6h30" {style}/></svg>'


def thin_points(
    points: Sequence[tuple[float, float | None]], most: int = MOST_POINTS
) -> list[tuple[float, float | None]]:
    """At most so many points: the means of equal windows, each at the middle of its steps."""
    width = -(-len(points) // most)
    if width <= 1:
        return list(points)
    thinned: list[tuple[float, float | None]] = []
    for start in range(0, len(points), width):
        window = points[start : start + width]
        values = [value for _, value in window if value is not None]
        mean = sum(values) / len(values) if values else None
        thinned.append((sum(step for step, _ in window) / len(window), mean))
    return thinned


def _settings(name: str) -> Any:
    """For one chart; what its parts are called hangs on the salt."""
    return {**SETTINGS, "svg.hashsalt": name}


def _draw_dot(axes: Axes, dot: Dot, place: float) -> None:
    color, marker = MARKS.get(dot.model, OTHER)
    axes.plot(dot.ci95, [place, place], color=color, linewidth=1.6, solid_capstyle="butt", zorder=2)
    axes.plot([dot.accuracy], [place], color=color, marker=marker, markersize=5.5, zorder=3)


def _finish(axes: Axes, grid: str) -> None:
    axes.patch.set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(axis=grid, color=FAINT, linewidth=0.8)  # pyright: ignore[reportArgumentType]
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(FAINT)
    axes.tick_params(colors=INK, color=FAINT, length=3)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(INK)


def _write(figure: Figure) -> str:
    """The figure as an element that can stand in HTML: no prolog, no address, no fixed size or colour."""
    figure.patch.set_visible(False)
    file = io.StringIO()
    FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
    text = file.getvalue()
    text = re.sub(r"^.*?<svg[^>]*(viewBox=\"[^\"]*\")[^>]*>", r"<svg \1>", text, count=1, flags=re.DOTALL)
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r' id="[\w.]+_\d+"', "", text).replace("xlink:href", "href")  # What nothing refers to.
    text = text.replace(f"; font-family: '{FONT}'", "")  # That of the page; this one was for measuring.
    for stand_in, color in INKS.items():
        text = text.replace(stand_in, color)
    return text.strip()
