"""A Case: one question whose right answer is known."""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import ConfigDict, Field

from gazal.core.truth import CLOSED, Truth
from gazal.errors import DataError

WorldKind = Literal["diagnosis", "treatment", "uncertainty", "prognosis", "recall"]
Kind = WorldKind | Literal["exam", "abstract"]
"""The five kinds of the clinical world; ``exam`` (choose an option) and ``abstract`` (yes, no or maybe
about a text) for public question sets."""
WORLD_KINDS: tuple[WorldKind, ...] = get_args(WorldKind)
LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """What cases are grouped by. None where the source does not say."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    specialty: str | None = None
    difficulty: Literal["easy", "medium", "hard"] | None = None
    age_band: str | None = None
    sex: Literal["female", "male"] | None = None
    topic: str | None = None
    """A finer division within a kind or source: the score, the relation, the exam's subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question with one known right answer.

    Raises:
        DataError: If the answer is not one of the options, or letters are missing or out of order.

    Example:
        Case(id="medqa_4opt/test/3f9c0a1b2d4e", kind="exam", question="Which drug ...?",
             options={"A": "Aspirin", "B": "Heparin"}, answer="B", licence="MIT")
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    id: str
    """``<source>/<split>/<key>``: stable across runs and machines, never a row number."""
    kind: Kind
    context: str = ""
    """A text that the question is about, such as an abstract; empty where there is none."""
    question: str
    """The stem as the source has it, without the options."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Letter to text, in the order shown. Empty for a free-text question."""
    answer: str
    """A key of ``options``; for a free-text question, the reference text."""
    aliases: tuple[str, ...] = ()
    """Other texts that count as the reference text."""
    unit: str | None = None
    """Unit of a numeric reference answer."""
    tolerance: float | None = None
    """How far a numeric reply may be from the reference, in ``unit``."""
    tags: Tags = field(default_factory=Tags)
    licence: str
    """Licence of the source, as an SPDX identifier where there is one."""
    truth: Annotated[Truth, Field(discriminator="kind")] | None = None
    """What the case was made from; None for public question sets."""

    def __post_init__(self) -> None:
        if len(self.id.split("/")) < 3 or not all(self.id.split("/")):
            raise DataError(f"case id {self.id!r} is not <source>/<split>/<key>.")
        if not self.question.strip():
            raise DataError(f"case {self.id}: the question is empty.")
        letters = list(self.options)
        if letters and letters != list(LETTERS[: len(letters)]):
            raise DataError(
                f"case {self.id}: option letters are {letters}; they must be A, B, C, ... in order."
            )
        if self.options and self.answer not in self.options:
            raise DataError(
                f"case {self.id}: answer {self.answer!r} is not one of its options {letters}. "
                "Map the source's label to a letter before building a Case."
            )
        if self.tolerance is not None:
            self._check_number()
        if self.truth is not None and self.truth.kind != self.kind:
            raise DataError(
                f"case {self.id}: kind is {self.kind!r} but its truth is of kind {self.truth.kind!r}."
            )

    def _check_number(self) -> None:
        if not (math.isfinite(self.tolerance or 0.0) and (self.tolerance or 0.0) >= 0.0):
            raise DataError(f"case {self.id}: tolerance is {self.tolerance}; it must be a number from 0 up.")
        if not re.fullmatch(r"[-+]?[0-9]{1,15}(\.[0-9]{1,15})?", self.answer):
            raise DataError(
                f"case {self.id}: with a tolerance the answer must be a number; it is {self.answer!r}."
            )

    @property
    def split(self) -> str:
        """The middle part of the id."""
        return self.id.split("/")[1]


def hash_content(context: str, question: str, options: Mapping[str, str]) -> str:
    """First 12 hex digits of the sha256 of context, question and options: a key where a source has none."""
    text = "\x1f".join((context, question, *(f"{letter}\x1e{option}" for letter, option in options.items())))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
