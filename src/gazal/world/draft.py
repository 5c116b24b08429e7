"""From a kind's draft to a Case: letters, content hash, split, twin."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from gazal.core.case import LETTERS, Case, Tags, hash_content
from gazal.core.truth import Truth, Twin

Difficulty = Literal["easy", "medium", "hard"]
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
SPLIT_WEIGHTS = (8, 1, 1)
"""Shares of `find_split`."""
LICENCE = "Apache-2.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A case before it has an id."""

    question: str
    options: Mapping[str, str]
    answer: str
    truth: Truth
    """Without its twin."""
    tags: Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A draft and, where one was asked for, its counterfactual twin."""

    draft: Draft
    twin: Draft | None = None
    change: str = ""
    """What turns the draft into the twin, such as ``fever: shown -> denied``."""
    back: str = ""
    """What turns the twin into the draft."""


def find_split(signature: str) -> Split:
    """The split that a signature belongs to: a tenth each is test and validation.

    A signature is what every kind fixes first and what stays the same in a twin, so no case, and no
    twin of a case, can stand in two splits.
    """
    bucket = zlib.crc32(signature.encode()) % 10
    return "test" if bucket == 0 else "validation" if bucket == 1 else "train"


def finish(pair: Pair, split: Split) -> tuple[Case, ...]:
    """Give drafts their ids and point twins at each other."""
    case = _finish(pair.draft, split)
    if pair.twin is None:
        return (case,)
    twin = _finish(pair.twin, split)
    return _point(case, twin.id, pair.change), _point(twin, case.id, pair.back)


def letter(options: list[str], key: str, rng: Random | None) -> tuple[dict[str, str], str]:
    """Letter ids as they come, or shuffled by ``rng``; returns letter to id and the letter of ``key``."""
    names = rng.sample(options, len(options)) if rng else options
    lettered = dict(zip(LETTERS, names, strict=False))
    return lettered, LETTERS[names.index(key)]


def _finish(draft: Draft, split: Split) -> Case:
    return Case(
        id=f"world/{split}/{hash_content('', draft.question, draft.options)}",
        kind=draft.truth.kind,
        question=draft.question,
        options=draft.options,
        answer=draft.answer,
        tags=draft.tags,
        licence=LICENCE,
        truth=draft.truth,
    )


def _point(case: Case, twin_id: str, change: str) -> Case:
    assert case.truth is not None
    return replace(case, truth=replace(case.truth, twin=Twin(id=twin_id, change=change)))  # pyright: ignore[reportArgumentType, reportCallIssue]
