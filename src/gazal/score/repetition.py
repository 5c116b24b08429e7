"""Does the reply go round in circles?

What is said again word for word is found in two ways: sentences and lines that stood before, whatever number
they carry as a step or list item, also behind a few words more; and runs of `RUN` tokens that stood before,
which catches loops without sentences ("so it is so it is", "!!!!"). The thinking and what follows it are read
by themselves, since an assessment may well repeat a step.
"""

import re
from collections.abc import Iterator, Sequence

from gazal.core.case import Case
from gazal.core.chat import CLOSE
from gazal.core.score import Score
from gazal.core.trace import Trace

_PRIME, _BASE = 2**61 - 1, 1_000_003
RUN = 40
"""Tokens. Worked solutions quote the same findings with the same frequency in runs of up to 26."""
_GONE = pow(_BASE, RUN, _PRIME)
LEAST_WORDS = 2
"""A sentence with fewer words may come again: "Yes."."""
MOST_ADDED, LEAST_AGAIN = 5, 5
"""Tokens in front of a sentence that do not make it another one, if it has as many itself."""
_LONGEST = 100_000
"""Characters of a section that are read."""
_TOKEN = re.compile(r"[\u2e80-\ud7ff]|\w{1,20}|[^\w\s]")  # Scripts without blanks: one sign is a token.
_WORD = re.compile(r"[^\W\d_]{2,}")
_SENTENCE_END = re.compile(r"\n|(?<=[.!?])\s")
_NUMBERING = re.compile(r"[^\w\n]*(?:step \d{1,4}\b|\d{1,4}[.):])?[^\w\n]*")


def judge_repetition(case: Case, trace: Trace) -> Score:
    """Score how much of a reply was not said before in it.

    Returns:
        1.0 ``varied`` where nothing is said twice, falling with the share of repeated tokens to -1.0:
        ``repeats``, from a half of the reply on ``loops``; -1.0 ``empty`` for a reply that says nothing;
        None ``engine_error``.
    """
    if trace.stop == "error":
        return Score(value=None, why="engine_error")
    thinking, _, after = trace.text.partition(CLOSE)
    marks = b"".join(_mark_repeated(section[:_LONGEST].casefold()) for section in (thinking, after))
    if not marks:
        return Score(value=-1.0, why="empty")
    share = sum(marks) / len(marks)
    return Score(
        value=1.0 - 2.0 * share, why="varied" if not share else "repeats" if share < 0.5 else "loops"
    )


def _mark_repeated(text: str) -> bytes:
    """One byte per token: 1 where it is part of something that stood before."""
    tokens: list[str] = []
    marks = bytearray()
    sentences: set[tuple[str, ...]] = set()
    ends: set[tuple[str, ...]] = set()
    for sentence in _SENTENCE_END.split(text):
        said = _TOKEN.findall(sentence)
        numbering = _NUMBERING.match(sentence)
        start = numbering.end() if numbering else 0
        # It ends where a token does.
        core = tuple(said[len(_TOKEN.findall(sentence, 0, start)) :] if start else said)
        tokens += said
        end = core[-LEAST_AGAIN:]
        again = core in sentences or (end in ends and _says_again(core, sentences))
        again = again and len(_WORD.findall(sentence, start)) >= LEAST_WORDS
        marks += bytes([again]) * len(said)
        sentences.add(core)
        ends.add(end)
    for at in _find_runs(tokens):
        marks[at : at + RUN] = b"\x01" * RUN
    return bytes(marks)


def _says_again(core: tuple[str, ...], sentences: set[tuple[str, ...]]) -> bool:
    """Whether it is an earlier sentence behind a few words more: "Again: ...", "In other words, ..."."""
    most = min(MOST_ADDED, len(core) - LEAST_AGAIN)
    return any(core[n:] in sentences for n in range(1, most + 1))


def _find_runs(tokens: Sequence[str]) -> Iterator[int]:
    """Where runs of `RUN` tokens begin that stood before, by a hash that rolls along."""
    if not _may_repeat(tokens):
        return
    numbers: dict[str, int] = {}
    coded = [numbers.setdefault(token, len(numbers) + 1) for token in tokens]
    first: dict[int, int] = {}
    code = 0
    for end, number in enumerate(coded):
        at = end - RUN + 1
        code = (code * _BASE + number - (coded[at - 1] * _GONE if at > 0 else 0)) % _PRIME
        before = first.setdefault(code, at) if at >= 0 else at
        if before != at and coded[before : before + RUN] == coded[at : at + RUN]:
            yield at


def _may_repeat(tokens: Sequence[str]) -> bool:
    """Whether half a run comes again: of two equal runs, the first holds a half that begins at a multiple."""
    half, joined, at = RUN // 2, "\0".join(tokens), 0
    for start in range(0, len(tokens) - half + 1, half):
        block = "\0".join(tokens[start : start + half])
        if joined.find(block, at + 1) >= 0:
            return True
        at += len(block) + 1
    return False
