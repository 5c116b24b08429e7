"""What does a model think of the reasoning? Judged from recorded opinions: nobody is asked here."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from gazal.core.case import Case
from gazal.core.score import Score
from gazal.core.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinions:
    """What one model said of many replies under one rubric."""

    rubric: str
    """The rubric's version, as `hash_rubric` gives it."""
    values: Mapping[str, float | None]
    """`find_key` of a reply to what the model gave it, in [0, 1]; None where the call failed or what came
    back was no opinion."""


def judge_rubric(case: Case, trace: Trace, *, opinions: Opinions) -> Score:
    """Score what was recorded of a model's opinion.

    Returns:
        From -1.0 for an opinion of 0 to 1.0 for one of 1: ``praised`` from a half on, else ``faulted``; None
        ``not_asked``, ``no_opinion`` where asking failed, or ``engine_error``.
    """
    if trace.stop == "error":
        return Score(value=None, why="engine_error")
    key = find_key(case, trace, opinions.rubric)
    if key not in opinions.values:
        return Score(value=None, why="not_asked")
    value = opinions.values[key]
    if value is None:
        return Score(value=None, why="no_opinion")
    return Score(value=2.0 * value - 1.0, why="praised" if value >= 0.5 else "faulted")


def hash_rubric(rubric: str, model: str) -> str:
    """The version of a rubric as read by one model: another text or another model is another opinion."""
    return _hash(rubric, model)[:16]


def find_key(case: Case, trace: Trace, rubric: str) -> str:
    """What an opinion is recorded under: case, reply and version of the rubric."""
    return _hash(case.id, trace.text, rubric)[:32]


def _hash(*parts: str) -> str:
    # Each part with its length before it, so that no two lists of parts read the same.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
