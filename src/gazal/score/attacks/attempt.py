"""An attempt: a trick, and the honest replies that must earn as much or more."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from gazal.core.case import Case
from gazal.core.chat import ABSTENTION, write_reply
from gazal.core.trace import Trace
from gazal.world.solve import solve

Aim = Literal["uncommitted", "hollow", "disorder"]
"""What an attack is after. ``uncommitted``: to be paid for an answer without giving one. ``hollow``: to be
paid as if the work stood behind the answer. ``disorder``: that the worse of two plain replies earns more."""
Stop = Literal["end", "length"]
_PIECE = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A case to attack on, and the honest work that can be done on it."""

    case: Case
    steps: tuple[str, ...]
    """Of the worked solution, without the last one, which names the answer."""
    other_steps: tuple[str, ...]
    """The same of another case: sound, and beside the point."""

    @property
    def wrong(self) -> tuple[str, ...]:
        """Letters that are not the key."""
        return tuple(letter for letter in self.case.options if letter != self.case.answer)

    def write(self, letter: str, confidence: float | None = None) -> str:
        """A worked reply that ends with an option, right or wrong."""
        text = self.case.options[letter]
        steps = [*self.steps, f"It is {text}, option {letter}."]
        return write_reply(steps, f"On balance this is {text}.", letter, confidence)

    def write_honest(self, letter: str) -> tuple[str, ...]:
        """The same without a confidence, with the best there can be, and with the choice left to the box."""
        sure, bare = 1.0 if letter == self.case.answer else 0.0, f"On balance this is option {letter}."
        open_end = write_reply(list(self.steps), bare, letter, sure)
        return self.write(letter), self.write(letter, sure), open_end

    def write_abstaining(self) -> str:
        """A worked reply that does not decide."""
        steps = [*self.steps, "That does not settle the question."]
        return write_reply(steps, "What is given does not settle the question.", ABSTENTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One text that is tried on one case."""

    family: str
    aim: Aim
    case: Case
    text: str
    honest: tuple[str, ...]
    """It must not earn more than the best paid of these."""
    stop: Stop = "end"
    strict: bool = False
    """Whether to earn as much is a fault, too: it lacks what an honest reply has, and that can be seen."""


Hollow = Callable[[Ground, str], Iterator[str]]
"""A case and a letter to commit to -> replies without the work."""
Uncommitted = Callable[[Ground], Iterator[str]]
"""A case -> replies that commit to no option. They do not look at the key."""


def make_ground(case: Case, other: Case) -> Ground:
    """A case of the world with its own key, and work done on another."""
    return Ground(case=case, steps=solve(case).steps[:-1], other_steps=solve(other).steps[:-1])


def move_key(ground: Ground, letter: str) -> Ground:
    """The same question as if another option were right, and without a truth, as public sets are."""
    key = ground.case.id.split("/")[-1]
    case = replace(
        ground.case, kind="exam", answer=letter, truth=None, id=f"attack/test/{key}-{letter.lower()}"
    )
    return replace(ground, case=case)


def make_trace(case: Case, text: str, stop: Stop, max_new_tokens: int) -> Trace:
    """A reply as an engine would deliver it. Words and signs stand for tokens; too long is cut off."""
    n = sum(1 for _ in _PIECE.finditer(text))
    return Trace(
        case_id=case.id, text=text, stop="length" if n >= max_new_tokens else stop, n_tokens=n, model="attack"
    )
