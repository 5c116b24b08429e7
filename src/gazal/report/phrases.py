"""Numbers in words, the same everywhere in a report."""

from collections.abc import Sequence

from gazal.cases.table import SUITES
from gazal.report.numbers import Asked

GAP = "\u00a0"
"""A blank at which no line breaks: between a number and its unit."""
MINUS = "\u2212"
TITLES = {"base": "Base", "base_likelihood": "Base, by likelihood", "sft": "SFT", "grpo": "GRPO"}
"""Model to what heads its column."""
NAMES = {"base": "the base model", "base_likelihood": "the base model by likelihood"}
KINDS = {
    "diagnosis": "Diagnosis",
    "treatment": "Treatment",
    "uncertainty": "Test results",
    "prognosis": "Prognosis",
    "recall": "Recall",
    "exam": "Exam questions",
    "abstract": "Abstracts",
}


def title_model(model: str) -> str:
    """A model as a heading."""
    return TITLES.get(model, model)


def name_model(model: str) -> str:
    """A model within a sentence."""
    return NAMES.get(model, title_model(model))


def title_kind(kind: str) -> str:
    """A kind of case as a heading."""
    return KINDS.get(kind, kind.capitalize())


def title_suite(suite: str) -> str:
    """A suite as a heading."""
    return "Clinical world" if suite == "world" else suite


def describe_suite(suite: str) -> str:
    """What a suite is, in a sentence."""
    if suite == "world":
        return (
            "Cases that the built-in clinical world made. Each carries the truth that it was made from, so "
            "reasoning steps can be checked as well as answers."
        )
    if suite in SUITES:
        return f"{SUITES[suite].about}. A public question set: its reasoning steps cannot be checked here."
    return "Cases from a file."


def write_percent(share: float | None) -> str:
    """A share between 0 and 1 with one decimal, such as ``52.3 %``; a dash where it is None."""
    return "\u2013" if share is None else f"{100 * share:.1f}{GAP}%"


def write_points(delta: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    text = f"{100 * delta:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", MINUS)


def write_interval(ci95: tuple[float, float]) -> str:
    """An interval of shares, such as ``46.7 to 57.9``."""
    return f"{100 * ci95[0]:.1f} to {100 * ci95[1]:.1f}"


def write_delta_interval(ci95: tuple[float, float]) -> str:
    """An interval of differences, each end with its sign."""
    return f"{write_points(ci95[0])} to {write_points(ci95[1])}"


def write_p(p: float) -> str:
    """A p-value: ``p < 0.001``, three decimals below 0.1, two above."""
    if p < 0.001:
        return f"p{GAP}<{GAP}0.001"
    if 0.995 <= p < 1:
        return f"p{GAP}>{GAP}0.99"
    text = "1" if p >= 1 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
    return f"p{GAP}={GAP}{text}"


def write_scope(asked: Asked, n: int) -> str:
    """What a score is over: ``300 cases``, or ``200 of 1,273 questions`` where only a part was asked."""
    if asked.of is None:
        return f"{n:,} {plural(n, 'case')}"
    return f"all {n:,} questions" if n == asked.of else f"{n:,} of {asked.of:,} questions"


def find_part(asked: Asked, n: int) -> str:
    """What has to stand beside every score over a part of a suite; empty where it is over the whole."""
    if asked.of is not None:
        return "" if n == asked.of else write_scope(asked, n)
    if asked.limit is None or asked.n < asked.limit:
        return ""
    return f"{n:,} {plural(n, 'case')}, limit {asked.limit:,}"


def write_duration(seconds: float) -> str:
    """``47 s``, ``12 min`` or ``3.4 h``."""
    if seconds < 90:
        return f"{seconds:.0f}{GAP}s"
    return f"{seconds / 60:.0f}{GAP}min" if seconds < 5400 else f"{seconds / 3600:.1f}{GAP}h"


def write_memory(megabytes: float) -> str:
    """``840 MB`` or ``1.6 GB``."""
    return f"{megabytes:.0f}{GAP}MB" if megabytes < 1000 else f"{megabytes / 1024:.1f}{GAP}GB"


def plural(n: int, noun: str) -> str:
    """The noun as it follows a number."""
    return noun if n == 1 else f"{noun}s"


def join(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def capitalize(text: str) -> str:
    """The first letter as a capital, the rest as it is."""
    return text[:1].upper() + text[1:]
