"""Worked replies out of explanations that people wrote: what a set holds, what was dropped, and why.

The explanations are read from local files and never shipped. A row that cannot be used is dropped for a
reason that is counted; nothing is made up in its place. Questions that stand in an evaluation suite at hand
are left out: only the same words count here, up to case, spacing and punctuation.
"""

import difflib
import logging
import os
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gazal.cases import pubmedqa
from gazal.cases.examiners import clean_note
from gazal.cases.explained_rows import Lines, open_abstracts, read_abstract, read_exam_row
from gazal.cases.sentences import Dropped, clean_conclusion, make_steps
from gazal.cases.table import SUITES, load_suite, locate_suite
from gazal.core.case import Case
from gazal.core.chat import hash_prompt, write_prompt, write_reply
from gazal.core.trace import Trace
from gazal.errors import ConfigError, DataError

Pair = tuple[Case, Trace]
_log = logging.getLogger(__name__)


class Rows(Protocol):
    """Rows by number, each read when it is asked for."""

    def __len__(self) -> int: ...
    def __getitem__(self, number: int, /) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedSet:
    """A training set whose rows say why their key is right."""

    name: str
    open: Callable[[Path], Rows]
    """Takes its file, or its folder where it has several."""
    read: Callable[[Any], tuple[Case, str]]
    """Case and explanation of one row. Raises `Dropped` where there is no explanation."""
    clean: Callable[[Case, str], list[str]]
    """The sentences of the explanation. Raises `Dropped` with the reason where they cannot be used."""
    assess: Callable[[Case], str]
    """The one sentence that a reader of the reply sees."""
    folder: str
    files: tuple[str, ...]
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanations:
    """What was read from an explained set."""

    pairs: list[Pair]
    """In the order of the file."""
    n_rows: int
    """Rows looked at; with a limit, fewer than the file has."""
    dropped: Counter[str]
    """Rows not used, by reason."""
    compared: tuple[str, ...]
    """Evaluation suites whose questions were left out."""
    absent: tuple[str, ...]
    """Evaluation suites that were not at hand, so that nothing is known about them."""


def load_explained(
    name: str, root: Path | None = None, *, limit: int | None = None, seed: int = 0
) -> list[Pair]:
    """The pairs of `read_explained`; its counts go to the log."""
    found = read_explained(name, root, limit=limit, seed=seed)
    drops = ", ".join(f"{reason} {n:,}" for reason, n in found.dropped.most_common()) or "none"
    _log.info("%s: kept %d of %d rows; dropped: %s", name, len(found.pairs), found.n_rows, drops)
    if found.absent:
        _log.warning("%s: not compared with %s: no such files at hand", name, ", ".join(found.absent))
    return found.pairs


def read_explained(
    name: str, root: Path | None = None, *, limit: int | None = None, seed: int = 0
) -> Explanations:
    """Read cases with a worked reply each, made of their explanation.

    Args:
        name: A key of ``EXPLAINED``.
        root: As for `gazal.cases.table.load_suite`.
        limit: Give so many, drawn from the whole file by the seed; a larger limit adds to a smaller one.
        seed: Says which are drawn; without a limit it changes nothing.

    Raises:
        ConfigError: If there is no such set, no root, or the limit is below 1.
        DataError: If a file is missing or of another version, or not one row of it can be used.
    """
    explained = find_explained(name)
    if limit is not None and limit < 1:
        raise ConfigError(f"{name}: limit is {limit}. Give 1 or more, or none for all.")
    path = locate_suite(explained, root)
    held_out, compared, absent = _read_held_out(path)
    rows = explained.open(path)
    order = list(range(len(rows)))
    if limit is not None:
        random.Random(seed).shuffle(order)
    kept: dict[int, Pair] = {}
    dropped: Counter[str] = Counter()
    seen: set[str] = set()
    for number in order:
        try:
            pair = _make_pair(explained, rows[number], held_out)
            if pair[0].id in seen:
                raise Dropped("repeats_a_question")
        except Dropped as drop:
            dropped[str(drop)] += 1
            continue
        seen.add(pair[0].id)
        kept[number] = pair
        if len(kept) == limit:
            break
    if not kept:
        raise DataError(
            f"{name}: none of the {len(rows):,} rows of {path} can be used: {dict(dropped)}. "
            "Is it the file of another set?"
        )
    return Explanations(
        pairs=[kept[number] for number in sorted(kept)],
        n_rows=len(kept) + dropped.total(),
        dropped=dropped,
        compared=compared,
        absent=absent,
    )


def find_explained(name: str) -> ExplainedSet:
    """The explained set of this name.

    Raises:
        ConfigError: If there is none; names the nearest and all.
    """
    if name in EXPLAINED:
        return EXPLAINED[name]
    near = difflib.get_close_matches(name, EXPLAINED, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise ConfigError(f"explained set {name!r} is not known.{hint} Known: {', '.join(EXPLAINED)}.")


def _make_pair(explained: ExplainedSet, row: Any, held_out: set[str]) -> Pair:
    case, text = explained.read(row)
    if _squeeze(case.question) in held_out:
        raise Dropped("in_evaluation")
    steps = make_steps(explained.clean(case, text))
    steps.append(f"{_capital(_write_option(case))} is option {case.answer}.")
    trace = Trace(
        case_id=case.id,
        text=write_reply(steps, explained.assess(case), case.answer),
        model=explained.name,
        prompt_hash=hash_prompt(write_prompt(case)),
    )
    return case, trace


def _read_held_out(path: Path) -> tuple[set[str], tuple[str, ...], tuple[str, ...]]:
    """Squeezed questions of the evaluation suites at hand, and which were and were not at hand."""
    stems: set[str] = set()
    compared, absent = [], []
    bases = [*path.parents[:2]]
    if given := os.environ.get("GAZAL_DATA"):
        bases.append(Path(given).expanduser())
    for suite in SUITES.values():
        if suite.use != "evaluation":
            continue
        folders = [base / suite.folder for base in bases]
        here = next((f for f in folders if all((f / file).is_file() for file in suite.files)), None)
        if here is None:
            absent.append(suite.name)
            continue
        compared.append(suite.name)
        stems |= {_squeeze(case.question) for case in load_suite(suite.name, here)}
    return stems, tuple(compared), tuple(absent)


def _squeeze(question: str) -> str:
    return re.sub(r"[\W_]+", "", question.casefold())


def _write_option(case: Case) -> str:
    return " ".join(case.options[case.answer].split()).rstrip(" .")


def _capital(text: str) -> str:
    """With a capital first letter where the first word is plain: not for pH, mRNA or p53."""
    word = text.split(maxsplit=1)[0]
    plain = len(word) > 1 and word.isascii() and word.isalpha() and word.islower()
    return text[0].upper() + text[1:] if plain else text


def _assess_exam(case: Case) -> str:
    return f"The best answer is {case.answer}: {_write_option(case)}."


def _assess_abstract(case: Case) -> str:
    return f"Going by the abstract the answer is {_write_option(case)}."


_EXPLAINED = (
    ExplainedSet(
        name="medmcqa_explained",
        open=Lines,
        read=read_exam_row,
        clean=clean_note,
        assess=_assess_exam,
        folder="medmcqa_train",
        files=("train.json",),
        about="MedMCQA train in the authors' form, replies from the examiners' notes",
    ),
    ExplainedSet(
        name="pubmedqa_explained",
        open=open_abstracts,
        read=read_abstract,
        clean=clean_conclusion,
        assess=_assess_abstract,
        folder="pubmedqa",
        files=(pubmedqa.ROWS, pubmedqa.TRUTH),
        about="PubMedQA, the 500 rows that are not in the test set, replies from the studies' conclusions",
    ),
)
EXPLAINED: dict[str, ExplainedSet] = {explained.name: explained for explained in _EXPLAINED}
