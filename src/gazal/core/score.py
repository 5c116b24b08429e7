"""A Score: one judge's opinion of one trace. A Verdict: all of them, and their total."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Support = Literal["supported", "contradicted", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepScore:
    """What a judge found in one reasoning step."""

    support: Support
    why: str
    """For a person: what was found, such as ``fever: the case denies it``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One judge's opinion.

    Raises:
        ValueError: If the value is not a number in [-1, 1], or the reason is not a slug.
    """

    value: float | None
    """In [-1, 1]; None where the judge has nothing to go by (unscored)."""
    why: str
    """A slug that can be counted, such as ``right`` or ``no_answer``."""
    steps: tuple[StepScore, ...] = ()
    """One entry per reasoning step, from judges that look at steps."""

    def __post_init__(self) -> None:
        if self.value is not None and not -1.0 <= self.value <= 1.0:
            raise ValueError(f"score value {self.value!r} is outside [-1, 1]")
        if not self.why.isidentifier():
            raise ValueError(f"score reason {self.why!r} is not a slug")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All scores of one trace, and what they come to as a reward.

    Raises:
        ValueError: If the total is not a number in [-1, 1].
    """

    case_id: str
    sample: int
    scores: Mapping[str, Score]
    """Judge name to its opinion."""
    total: float | None = None
    """In [-1, 1]; None where the scores were not composed, or the answer is unscored."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """What makes up the total, so that it is their sum: the answer, and each judge with a weight. An unscored
    judge adds 0, unless a gate is missed."""
    short_of: tuple[str, ...] = ()
    """Judges whose gate it fell short of, so that shaping is at its lowest."""

    def __post_init__(self) -> None:
        if self.total is not None and not -1.0 <= self.total <= 1.0:
            raise ValueError(f"verdict on {self.case_id}: total {self.total!r} is outside [-1, 1]")

    @property
    def unscored(self) -> tuple[str, ...]:
        """The judges that had nothing to go by."""
        return tuple(name for name, score in self.scores.items() if score.value is None)
