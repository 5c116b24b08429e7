"""Does the reply go round in circles?

What is said again word for word is found in two ways: sentences and lines that stood before, whatever number
they carry as a step or list item; and runs of `RUN` tokens that stood before, which catches loops without
sentences ("so it is so it is", "!!!!"). The thinking and what follows it are read by themselves, since an
assessment may well repeat a step.
"""

import re

from gazal.core.case import Case
from gazal.core.chat import CLOSE
from gazal.core.score import Score
from gazal.core.trace import Trace

RUN = 40
"""Tokens. Worked solutions quote the same findings with the same frequency in runs of up to 26."""
LEAST_WORDS = 2
"""A sentence with fewer words may come again: "Yes."."""
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
    for sentence in _SENTENCE_END.split(text):
        said = _TOKEN.findall(sentence)
        numbering = _NUMBERING.match(sentence)
        start = numbering.end() if numbering else 0
        core = tuple(_TOKEN.findall(sentence, start))
        tokens += said
        marks += bytes([core in sentences and len(_WORD.findall(sentence, start)) >= LEAST_WORDS]) * len(said)
        sentences.add(core)
    runs: set[tuple[str, ...]] = set()
    for at in range(len(tokens) - RUN + 1):
        run = tuple(tokens[at : at + RUN])
        if run in runs:
            marks[at : at + RUN] = b"\x01" * RUN
        runs.add(run)
    return bytes(marks)
