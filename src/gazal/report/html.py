"""``report.html``: a whole run on one page that loads nothing and runs nothing.

Replies are text of unknown origin: the page escapes all text, shows control characters as symbols, and
forbids the browser to load or run anything.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gazal import __version__
from gazal.core.case import Case
from gazal.core.pairs import find_pairs
from gazal.core.store import write_lines
from gazal.evaluate.counted import find_counted
from gazal.evaluate.results import split_suites
from gazal.report import phrases, words
from gazal.report.alarms import view_watched
from gazal.report.curves import draw_curves
from gazal.report.examples import PATTERNS, Example, Replies, choose_examples, show_example
from gazal.report.guess import Guess, find_guess
from gazal.report.numbers import Run, read_asked, read_replies, read_run
from gazal.report.otherwise import view_otherwise
from gazal.report.plots import Dot, Group, draw_mark, plot_accuracy
from gazal.report.tables import Table, tabulate_kinds, tabulate_models, tabulate_paired, tabulate_stages
from gazal.world.knowledge import load_knowledge

REPORT = "report.html"
TEMPLATE, STYLE = "report.html.jinja", "report.css"
HERE = Path(__file__).parent
MARKS = {"supported": "\u2713", "contradicted": "\u2717", "unknown": "?"}
_STEERING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteView:
    """What a report says of one suite."""

    title: str
    about: str
    told: tuple[str, ...]
    told_steps: tuple[str, ...]
    part: str
    """``200 of 1,273 questions`` where only a part was asked."""
    legend: tuple[tuple[str, str], ...]
    """Mark of a model, its name."""
    chart: str
    guess: str
    models: Table
    kinds: Table | None
    paired: Table | None
    examples: tuple["KindView", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindView:
    """The worked examples of one kind of case."""

    kind: str
    examples: tuple[Example, ...]


def write_report(run: Path) -> Path:
    """Write ``<run>/report.html``; the same run gives the same bytes.

    Args:
        run: The folder of a run, also one that was stopped midway, or of an evaluation.

    Returns:
        Where the page is.

    Raises:
        GazalError: The folder is not such a run, or a file of it is missing or torn.
    """
    found = read_run(run)
    cases = read_asked(run) if found.results.suites else []
    replies = {model: read_replies(run, model) for model in found.models}
    text = render_page(found, cases, replies)
    write_lines(run / REPORT, [text], lambda page: page.encode("utf-8"))
    return run / REPORT


def render_page(run: Run, cases: Sequence[Case], replies: Replies) -> str:
    """The page as text.

    Args:
        run: All but cases and replies.
        cases: What was asked.
        replies: Model to case id to reply.
    """
    checked = knows_the_cases(run)
    of_suite = split_suites(cases)
    suites = [
        view_suite(run, suite, of_suite.get(suite, []), replies, checked) for suite in run.results.suites
    ]
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else clean(value),
    )
    environment.filters |= {
        "percent": phrases.write_percent,
        "title_model": phrases.title_model,
        "title_kind": phrases.title_kind,
        "capitalize_first": phrases.capitalize,
        "drawn": Markup,
    }
    return environment.get_template(TEMPLATE).render(
        run=run,
        version=[*run.stages.values()][-1].gazal if run.stages else __version__,
        style=Markup((HERE / STYLE).read_text(encoding="utf-8")),
        setting=tuple(words.tell_setting(run)),
        suites=suites,
        panels=tuple(draw_curves(run)),
        watched=view_watched(run),
        stages=tabulate_stages(run),
        otherwise=view_otherwise(run),
        checked=checked,
        marks=MARKS,
        patterns=PATTERNS,
    )


def view_suite(run: Run, suite: str, cases: Sequence[Case], replies: Replies, checked: bool) -> SuiteView:
    """Put together what there is to say of one suite."""
    asked, models = run.results.suites[suite], run.results.evaluation[suite]
    counted = find_counted(cases, find_pairs(cases))
    guess = find_guess(counted)
    by_kind = {
        kind: find_guess([c for c in counted if c.kind == kind]) for kind in {c.kind: 0 for c in counted}
    }
    paired = [pair for pair in run.results.paired if pair.suite == suite]
    title = phrases.title_suite(suite)
    shares = {kind: found.share if found else None for kind, found in by_kind.items()}
    several = len({kind for result in models.values() for kind in result.by_kind}) > 1
    own = {model: of_model for model, of_model in replies.items() if model in models}
    chosen = list(choose_examples(cases, own, checked)) if own else []
    return SuiteView(
        title=title,
        about=phrases.describe_suite(suite),
        told=tuple(words.tell_suite(asked, models, {(p.a, p.b): p for p in paired}, guess)),
        told_steps=tuple(words.tell_steps(asked, models)),
        part=phrases.find_part(asked, asked.n),
        legend=tuple((draw_mark(model), phrases.title_model(model)) for model in models),
        chart=plot_accuracy(group_dots(models, guess, shares if several else {}), f"accuracy-{suite}"),
        guess=f"{guess.how} ({phrases.write_percent(guess.share)})" if guess else "",
        models=tabulate_models(asked, models, f"{title}: the models on the same cases"),
        kinds=tabulate_kinds(asked, models, shares, f"{title}: accuracy by kind of case")
        if several
        else None,
        paired=tabulate_paired(asked, paired, title) if paired else None,
        examples=tuple(
            KindView(
                kind=kind,
                examples=tuple(
                    show_example(run.folder, *one, own, checked) for one in chosen if one[0].kind == kind
                ),
            )
            for kind in dict.fromkeys(case.kind for case, _ in chosen)
        ),
    )


def group_dots(
    models: Mapping[str, Any], guess: Guess | None, kinds: Mapping[str, float | None]
) -> list[Group]:
    """All cases first, then each kind."""

    def mark(model: str, outcome: Any) -> Dot:
        name = phrases.title_model(model)
        return Dot(model=model, label=name, accuracy=outcome.accuracy, ci95=outcome.ci95)

    whole = tuple(mark(model, result) for model, result in models.items())
    groups = [Group(label="All", dots=whole, guess=guess.share if guess else None)]
    for kind, share in kinds.items():
        dots = tuple(mark(m, r.by_kind[kind]) for m, r in models.items() if kind in r.by_kind)
        groups.append(Group(label=phrases.title_kind(kind), dots=dots, guess=share))
    return groups


def knows_the_cases(run: Run) -> bool:
    """Whether the installed knowledge is that which the cases were made from: else steps cannot be judged."""
    made = run.stages["cases"].settings.get("knowledge") if "cases" in run.stages else None
    return made is None or made == load_knowledge().version


def clean(value: Any) -> Any:
    """Text with control characters, halves of pairs and marks that turn its direction made visible."""
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n")
    text = _CONTROL.sub(lambda found: chr(0x2400 + ord(found[0])) if ord(found[0]) < 32 else "\ufffd", text)
    return _STEERING.sub(lambda found: f"\u27e8U+{ord(found[0]):04X}\u27e9", text)
