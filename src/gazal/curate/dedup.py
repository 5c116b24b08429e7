"""Has this question been here before, word for word or nearly?"""

import hashlib
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from rensa import (  # Compiled, without types.
    RMinHash,  # pyright: ignore[reportAttributeAccessIssue]
    RMinHashLSH,  # pyright: ignore[reportAttributeAccessIssue]
)

from gazal.core.case import Case

PERMUTATIONS, BANDS = 128, 32
GRAM = 3
LEAST = 0.7
"""Estimated Jaccard similarity of two sets of word 3-grams from which they are near duplicates."""


_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """What a question repeats."""

    case_id: str
    exact: bool
    similarity: float


class Seen:
    """Questions that were kept so far.

    Near duplicates also have the same answer and the same numbers, but for those that one leaves out: two
    cases that differ in a finding, and so in their key, or in a number are what a model has to tell apart.
    """

    def __init__(self) -> None:
        self._exact: dict[bytes, int] = {}
        self._near = RMinHashLSH(LEAST, PERMUTATIONS, BANDS)
        self._hashes: list[RMinHash] = []
        self._ids: list[str] = []
        self._answers: list[str] = []
        self._numbers: list[tuple[str, ...]] = []

    def __len__(self) -> int:
        """How many were added."""
        return len(self._ids)

    def find(self, case: Case) -> Repeat | None:
        """What a case repeats; None where it is new."""
        number = self._exact.get(_digest(case))
        if number is not None:
            return Repeat(case_id=self._ids[number], exact=True, similarity=1.0)
        hashed, answer, numbers = _hash(case), _tell_answer(case), _count_numbers(case)
        best, nearest = 0.0, -1
        for other in self._near.query(hashed):
            same = self._answers[other] == answer and _differ_only_by_less(self._numbers[other], numbers)
            if same and (alike := hashed.jaccard(self._hashes[other])) > best:
                best, nearest = alike, other
        if best < LEAST:
            return None
        return Repeat(case_id=self._ids[nearest], exact=False, similarity=best)

    def add(self, case: Case) -> None:
        """Remember a case that was kept."""
        number, hashed = len(self._ids), _hash(case)
        self._exact[_digest(case)] = number
        self._near.insert(number, hashed)
        self._hashes.append(hashed)
        self._ids.append(case.id)
        self._answers.append(_tell_answer(case))
        self._numbers.append(_count_numbers(case))


def _hash(case: Case) -> RMinHash:
    words = _plain(" ".join((case.context, case.question, *sorted(case.options.values())))).split()
    grams = [" ".join(words[n : n + GRAM]) for n in range(max(len(words) - GRAM + 1, 1))]
    hashed = RMinHash(num_perm=PERMUTATIONS, seed=1)
    hashed.update(grams)
    return hashed


def _count_numbers(case: Case) -> tuple[str, ...]:
    return tuple(sorted(_NUMBER.findall(f"{case.context} {case.question}")))


def _differ_only_by_less(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether one holds nothing that the other does not."""
    first, second = Counter(a), Counter(b)
    return first <= second or second <= first


def _digest(case: Case) -> bytes:
    """Of the words; options in any order."""
    parts = (case.context, case.question, *sorted(case.options.values()), _tell_answer(case))
    return hashlib.blake2b("\x1f".join(map(_plain, parts)).encode(), digest_size=12).digest()


def _tell_answer(case: Case) -> str:
    return _plain(case.options.get(case.answer, case.answer))


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
