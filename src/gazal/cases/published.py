"""What a suite was published as, and the comparison of a file with it.

The numbers are frozen on purpose: a file that was cut off, re-lettered or edited gives a figure that compares
with nobody's, so it is refused.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gazal.core.case import Case, hash_content
from gazal.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One public question set, in one split."""

    name: str
    read: Callable[[Path], list[Case]]
    """Takes the suite's file, or its folder where it has several."""
    folder: str
    """Its place under the data folder."""
    files: tuple[str, ...]
    n: int
    """Cases as published."""
    keys: Mapping[str, int]
    """How often each letter is the key, as published."""
    digest: str
    """`digest_cases` of the published content."""
    licence: str
    """SPDX expression."""
    use: Literal["evaluation", "training"]
    about: str


def name_suite(cases: Sequence[Case]) -> str:
    """The suite that cases of one source are of: the start of their ids, or one of the three of MMLU-Pro."""
    source = cases[0].id.partition("/")[0]
    if source != "mmlu_pro":
        return source
    topics = {case.tags.topic for case in cases}
    return f"mmlu_pro_{topics.pop()}" if len(topics) == 1 else "mmlu_pro_medical"


def refuse_unpublished(suite: Suite, cases: list[Case]) -> None:
    """Compare number, keys and content of what was read with what was published.

    Raises:
        DataError: With the first of the three that differs.
    """
    advice = "Fetch the published file; figures over any other set compare with nobody's."
    if len(cases) != suite.n:
        what = "is cut off or another version" if len(cases) < suite.n else "holds more than this split"
        raise DataError(
            f"{suite.name}: read {len(cases):,} cases, published {suite.n:,}; the file {what}. {advice}"
        )
    keys = count_keys(cases)
    if keys != suite.keys:
        raise DataError(
            f"{suite.name}: the keys are {_count(keys)}, published {_count(suite.keys)}; the options were "
            f"re-lettered or keys changed. {advice}"
        )
    if digest_cases(cases) != suite.digest:
        raise DataError(
            f"{suite.name}: counts are as published, but its questions or keys differ from the published "
            f"ones. {advice}"
        )


def count_keys(cases: Iterable[Case]) -> dict[str, int]:
    """How often each letter is the key, by letter."""
    return dict(sorted(Counter(case.answer for case in cases).items()))


def digest_cases(cases: Iterable[Case]) -> str:
    """First 16 hex digits of the sha256 over ids, content and keys, whatever the order of the cases."""
    lines = sorted(
        f"{case.id}\x1f{hash_content(case.context, case.question, case.options)}\x1f{case.answer}"
        for case in cases
    )
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _count(keys: Mapping[str, int]) -> str:
    return " ".join(f"{letter} {n}" for letter, n in keys.items())
