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

PERMUTATIONS, BANDS = 150, 25
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question taken apart, once for looking and for remembering."""

    case_id: str
    digest: bytes
    hashed: RMinHash
    answer: str
    numbers: tuple[str, ...]


def take_apart(case: Case) -> Asked:
    """What `Seen` compares of a case."""
    return Asked(
        case_id=case.id,
        digest=_digest(case),
        hashed=_hash(case),
        answer=_tell_answer(case),
        numbers=tuple(sorted(_NUMBER.findall(f"{case.context} {case.question}"))),
    )


class Seen:
    """Questions that were kept so far.

    Near duplicates also have the same answer and the same numbers, but for those that one leaves out: two
    cases that differ in a finding, and so in their key, or in a number are what a model has to tell apart.
    """

    def __init__(self) -> None:
        self._exact: dict[bytes, int] = {}
        self._near = RMinHashLSH(LEAST, PERMUTATIONS, BANDS)
        self._kept: list[Asked] = []

    def __len__(self) -> int:
        """How many were added."""
        return len(self._kept)

    def find(self, asked: Asked) -> Repeat | None:
        """What a question repeats; None where it is new."""
        number = self._exact.get(asked.digest)
        if number is not None:
            return Repeat(case_id=self._kept[number].case_id, exact=True, similarity=1.0)
        best, nearest = 0.0, ""
        for other in map(self._kept.__getitem__, self._near.query(asked.hashed)):
            if other.answer != asked.answer:
                continue
            alike = asked.hashed.jaccard(other.hashed)  # Compiled: before what is not.
            if alike >= LEAST and alike > best and _differ_only_by_less(other.numbers, asked.numbers):
                best, nearest = alike, other.case_id
        return Repeat(case_id=nearest, exact=False, similarity=best) if nearest else None

    def add(self, asked: Asked) -> None:
        """Remember a question that was kept."""
        self._exact[asked.digest] = len(self._kept)
        self._near.insert(len(self._kept), asked.hashed)
        self._kept.append(asked)


def _hash(case: Case) -> RMinHash:
    words = _plain(" ".join((case.context, case.question, *sorted(case.options.values())))).split()
    grams = [" ".join(words[n : n + GRAM]) for n in range(max(len(words) - GRAM + 1, 1))]
    hashed = RMinHash(num_perm=PERMUTATIONS, seed=1)
    hashed.update(grams)
    return hashed


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
