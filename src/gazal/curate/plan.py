"""What the sources of a recipe will give, told without reading public sets or making cases."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gazal.cases.explained import EXPLAINED, find_explained
from gazal.cases.table import find_suite, locate_suite
from gazal.config.data import CuratedSource, FileSource, Source, SuiteSource, WorldSource
from gazal.curate.gather import gather_cases, gather_examples, is_at_hand, refuse_keys
from gazal.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one source is asked for."""

    what: str
    n: int | None
    """How many cases; None where only reading tells."""
    at: Path | None = None
    """The file or folder that was found."""


def look_at(source: Source, seed: int, *, learned: bool, limit: int | None = None) -> Asked:
    """See whether a source can give cases, and how many. Files of cases are read, as they are small.

    Args:
        source: Where from.
        seed: The recipe's.
        learned: Whether replies are to be learned from.
        limit: At most so many of it.

    Raises:
        ConfigError: There is no such set, or none to learn from, or GAZAL_DATA is not set.
        DataError: A file is missing or does not say what it should.
    """
    match source:
        case WorldSource():
            kinds = ", ".join(source.kinds)
            seed = seed if source.seed is None else source.seed
            what = f"world, {source.split}, {source.difficulty}, seed {seed}: {kinds}"
            return Asked(what=what, n=_cut(_count_world(source), limit))
        case SuiteSource():
            return _look_at_suite(source, learned, limit)
        case FileSource() | CuratedSource():
            path = source.cases if isinstance(source, FileSource) else source.path
            found = gather_examples([source], seed) if learned else gather_cases([source], seed)
            if not (n := sum(1 for _ in found)):
                raise DataError(f"{path}: holds nothing. Write cases into it, or take the source out.")
            return Asked(what=f"{source.source} {path}", n=_cut(n, limit), at=path)


def find_repeats(sources: Sequence[Source], seed: int) -> list[int]:
    """Places of sources that are sure to give cases which an earlier one of the list gave."""
    seen: set[object] = set()
    found = []
    for place, source in enumerate(sources):
        match source:
            case WorldSource():
                own = seed if source.seed is None else source.seed
                key: object = (source.kinds, source.split, source.difficulty, own)
            case SuiteSource():
                key = source.suite
            case FileSource():
                key = source.cases.absolute()
            case CuratedSource():
                key = source.path.absolute()
        if key in seen:
            found.append(place)
        seen.add(key)
    return found


def _look_at_suite(source: SuiteSource, learned: bool, limit: int | None) -> Asked:
    name = source.suite
    if name in EXPLAINED:
        found, n = find_explained(name), source.n
    else:
        if learned:
            raise refuse_keys(name)
        found = find_suite(name)
        n = _cut(found.n, source.n)
    if not os.environ.get("GAZAL_DATA"):
        raise ConfigError("GAZAL_DATA is not set. Set it to the folder that holds the public question sets.")
    if source.optional and not is_at_hand(name):
        return Asked(what=f"suite {name}, optional: no file at hand, so left out", n=0)
    at = locate_suite(found, None)
    return Asked(what=f"suite {name}", n=limit if n is None else _cut(n, limit), at=at)


def _count_world(source: WorldSource) -> int:
    if not source.twins:
        return source.n
    return source.n + sum(source.kinds[n % len(source.kinds)] != "recall" for n in range(source.n))


def _cut(n: int, limit: int | None) -> int:
    return n if limit is None else min(n, limit)
