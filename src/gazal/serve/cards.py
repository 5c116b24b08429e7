"""A case and a reply as HTML for the page: all text escaped, every step marked and explained."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gazal.config.reward import RewardConfig
from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.report.examples import show_reply
from gazal.report.html import MARKS, clean
from gazal.score.compose import compose

NOTICE = (
    "Research software, not a medical device: nothing that is written here may be used for or against anyone."
)
SUPPORT = {
    "supported": "Supported: all that it claims and that can be checked holds in the case",
    "contradicted": "Contradicted: the case says otherwise",
    "unknown": "Unknown: the case does not hold it, or nothing in it can be checked",
}


def _clean(value: Any) -> Any:
    """Text of unknown origin with its control characters made visible; what was drawn here stays."""
    return value if isinstance(value, Markup) else clean(value)


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    finalize=_clean,
    undefined=StrictUndefined,
    trim_blocks=True,
)
_ENVIRONMENT.globals.update(marks=MARKS, support=SUPPORT)
_CARDS: Any = _ENVIRONMENT.get_template("cards.html.jinja").module


def draw_case(case: Case, *, known: bool) -> Markup:
    """The question with its options; the key is marked where it is ``known``."""
    return _CARDS.case(case, known)


def draw_reply(title: str, case: Case, trace: Trace, *, known: bool, parts: Mapping[str, float]) -> Markup:
    """A reply step by step, its answer, and what it would be paid.

    Args:
        title: Over it.
        case: What was asked.
        trace: The reply.
        known: Whether the key is: else there is no verdict.
        parts: What each judge adds to the reward; empty where that is not shown.
    """
    shown = show_reply(case, trace.model, trace, checked=case.truth is not None)
    return _CARDS.reply(title, shown, known, parts)


def find_parts(case: Case, trace: Trace, reward: RewardConfig, most: int) -> Mapping[str, float]:
    """What each judge adds to the reward of a reply; empty where it is unscored."""
    return compose(case, trace, reward, max_new_tokens=most).parts


def draw_waiting(title: str, text: str) -> Markup:
    """A reply that is being written."""
    return _CARDS.waiting(title, text)


def draw_note(text: str) -> Markup:
    """A sentence on its own."""
    return _CARDS.note(text)


def draw_head(name: str, notice: str) -> Markup:
    """Title of the page, and the notice that is always seen."""
    return _CARDS.head(name, notice)


def lay_out(top: Markup, cards: Sequence[Markup]) -> Markup:
    """A question over replies side by side."""
    return _CARDS.layout(top, cards)
