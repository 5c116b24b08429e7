"""The training curves of a run: what each optimizer step showed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gazal.config.reward import SHAPERS
from gazal.report.numbers import Run, Steps
from gazal.report.phrases import write_percent
from gazal.report.plots import MOST_POINTS, Line, draw_dashes, plot_lines, thin_points
from gazal.report.tables import Table, tabulate_points, write_number

MOST_ROWS = 12
"""Of the table beside a chart; more steps are averaged in equal windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What one chart shows of a stage."""

    stage: str
    title: str
    unit: str
    metrics: Mapping[str, str]
    """Metric to how it is called."""
    shares: bool = False
    optional: bool = False
    """Left out where nothing was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A chart, ready to be shown."""

    title: str
    told: str
    """Start and end in words."""
    svg: str
    """Empty where nothing was measured."""
    keys: tuple[tuple[str, str], ...]
    """Sample of the line, what it stands for; empty for one line."""
    table: Table


LOSS = "loss (nats per token)"
CHARTS = (
    Chart(stage="base", title="Making the base: loss", unit=LOSS, metrics={"loss": "loss"}),
    Chart(stage="sft", title="SFT: loss", unit=LOSS, metrics={"loss": "loss"}),
    Chart(stage="grpo", title="GRPO: total reward", unit="reward", metrics={"reward/total": "total"}),
    Chart(
        stage="grpo",
        title="GRPO: the truth channel, which no reward pays for",
        unit="share",
        metrics={
            "truth/right": "held-out cases right",
            "truth/pairs_right": "pairs, both right",
            "truth/steps_supported": "steps supported",
        },
        shares=True,
        optional=True,
    ),
    Chart(
        stage="grpo",
        title="GRPO: what the reward is made of",
        unit="part of the reward",
        metrics={f"reward/{name}": name for name in ("answer", *SHAPERS, "own")},
    ),
    Chart(
        stage="grpo",
        title="GRPO: replies right",
        unit="share of replies",
        metrics={"rollout/right": "right"},
        shares=True,
    ),
    Chart(
        stage="grpo",
        title="GRPO: do advantages follow right answers?",
        unit="correlation within groups",
        metrics={"advantage/follows_right": "correlation"},
        optional=True,
    ),
    Chart(
        stage="grpo",
        title="GRPO: cut off, and groups without a difference",
        unit="share",
        metrics={"rollout/truncated": "replies cut off", "advantage/groups_equal": "groups all equal"},
        shares=True,
    ),
    Chart(stage="grpo", title="GRPO: length", unit="tokens per reply", metrics={"rollout/tokens": "tokens"}),
)


def draw_curves(run: Run) -> Iterator[Panel]:
    """Draw every chart of the stages that the run has."""
    for number, chart in enumerate(CHARTS):
        steps = run.steps.get(chart.stage)
        if steps is not None and (not chart.optional or _find_measured(chart, steps)):
            yield draw_panel(chart, steps, f"curve{number}")


def draw_panel(chart: Chart, steps: Steps, name: str) -> Panel:
    """Draw one chart; metrics that no step holds are left out, and steps that measured none of them."""
    steps = _find_measured(chart, steps) or steps
    found = {
        label: tuple((float(step["step"] or 0), step.get(metric)) for step in steps)
        for metric, label in chart.metrics.items()
        if any(step.get(metric) is not None for step in steps)
    }
    model = chart.stage if len(chart.metrics) == 1 else ""
    lines = [Line(label=label, points=points, model=model) for label, points in found.items()]
    keys = tuple((draw_dashes(n), line.label) for n, line in enumerate(lines)) if len(lines) > 1 else ()
    sampled = {label: thin_points(points, MOST_ROWS) for label, points in found.items()}
    return Panel(
        title=chart.title,
        told=_tell(lines, len(steps), write_percent if chart.shares else write_number),
        svg=plot_lines(lines, chart.unit, name, shares=chart.shares),
        keys=keys,
        table=tabulate_points(sampled or {"": []}, chart.title, shares=chart.shares),
    )


def _find_measured(chart: Chart, steps: Steps) -> Steps:
    return tuple(step for step in steps if any(step.get(metric) is not None for metric in chart.metrics))


def _tell(lines: list[Line], n_steps: int, write: Callable[[float | None], str]) -> str:
    if not lines:
        return "Not measured in this run."
    known = {line.label: [point for point in line.points if point[1] is not None] for line in lines}
    if len(known) == 1:
        [points] = known.values()
        ends = points if len(points) == 1 else (points[0], points[-1])
        text = ", ".join(f"{write(value)} at step {step:.0f}" for step, value in ends)
    else:
        ends = [(label, points[0][1], points[-1][1]) for label, points in known.items()]
        text = "From first to last: " + "; ".join(
            f"{label} {write(first)} to {write(last)}" for label, first, last in ends
        )
    width = -(-n_steps // MOST_POINTS)
    mean = f" Each point is the mean of {width} steps." if width > 1 else ""
    return f"{text}.{mean}"
