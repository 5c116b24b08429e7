"""Does the boxed answer follow from the reasoning, or does the last step name another?"""

import re
from collections.abc import Mapping
from functools import lru_cache

from gazal.core.case import Case
from gazal.core.chat import ABSTENTION
from gazal.core.score import Score
from gazal.core.trace import Trace
from gazal.score.choice import match_number, read_choice

# Letters are capitals: in "the answer is a beta blocker" none is named. Nor is one in "hepatitis B.".
_LETTERED = re.compile(r"\b(?i:options?|answers?|choices?)\s*(?i:is\s+|are\s+|:\s*)?[(*]*([A-J])\b(?!['-])")
_SAID = re.compile(r"^\W*([A-J])\s+is\b")
_LAST = re.compile(
    r"(?:^\W*|\b(?i:is|be|so|thus|hence|therefore|choose|select|pick)\b[\s:,(*]*|[:(][\s(*]*)"
    r"([A-J])[\s.:)*]*$"
)
_REJECTED = re.compile(
    r"\b(?:not|never|neither|nor|against|exclude[sd]?|excluding|unlikely|ruled? out|rules? it out|wrong|"
    r"incorrect|false|rather than|instead of|contraindicated|than)\b|n't\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[;\n]|[.!?](?=\s|$)|,? (?:but|whereas|while|although) ")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d{1,9}(?:\.\d{1,9})?")
_WORD = re.compile(r"[^\W_]+(?:[.'/-][^\W_]+)*")
_MARK = re.compile("\0([A-Z])\0")
_LONGEST = 2000
"""Characters of a step that are read, from its end."""


def judge_consistency(case: Case, trace: Trace) -> Score:
    """Score whether the last step names what is in the box.

    An option is named by its letter ("option B", "so B") or its text, in a clause that does not reject it
    ("B is ruled out"). Where the last step names none, the last one that commits to a letter is asked: an
    empty step at the end hides nothing, and a text may well stand in an earlier one without being chosen.

    Returns:
        1.0 ``follows``; 0.0 ``names_none``, ``names_several`` or ``no_steps``; -1.0 ``another``; None
        ``no_answer``, ``abstained`` or ``engine_error``.
    """
    if trace.stop == "error":
        return Score(value=None, why="engine_error")
    reply = trace.reply
    box, steps = reply.answer, reply.steps
    chosen = None if box is None else read_choice(box, case.options)
    if chosen == ABSTENTION:
        return Score(value=None, why="abstained")
    if box is None or (case.options and chosen is None):
        return Score(value=None, why="no_answer")
    if not steps:
        return Score(value=0.0, why="no_steps")
    if not case.options:
        return _compare_text(case, box, steps[-1][-_LONGEST:])
    texts = tuple(case.options.items())
    for number, step in enumerate(reversed(steps)):
        named = _find_named(texts, step[-_LONGEST:], by_text=number == 0)
        if len(named) > 1:
            return Score(value=0.0, why="names_several")
        if named:
            follows = named == {chosen}
            return Score(value=1.0 if follows else -1.0, why="follows" if follows else "another")
    return Score(value=0.0, why="names_none")


def _find_named(options: tuple[tuple[str, str], ...], step: str, *, by_text: bool) -> set[str]:
    """Letters of the options that a step names and does not reject."""
    by_letter, by_mark = set[str](), set[str]()
    # Texts become marks first: "Neither treat nor test" rejects nothing, and may hold a full stop.
    pattern, letters = _find_texts(options)
    marked = pattern.sub(lambda m: f"\0{letters.get(_fold(m[0]), '?')}\0", step.replace("\0", " "))
    for clause in _CLAUSE.split(marked):
        if clause.strip() and not _REJECTED.search(clause):
            plain = _MARK.sub("_", clause)
            by_letter |= {m for pattern in (_LETTERED, _SAID, _LAST) for m in pattern.findall(plain)}
            by_mark |= set(_MARK.findall(clause)) if by_text else set()
    # A letter decides: options such as "Surgery" may be spoken of without being chosen.
    return by_letter & {letter for letter, _ in options} or by_mark


@lru_cache(maxsize=1024)
def _find_texts(options: tuple[tuple[str, str], ...]) -> tuple[re.Pattern[str], Mapping[str, str]]:
    """A pattern of the options' texts, the longest first, and which letter each stands for."""
    letters = {_fold(text): letter for letter, text in reversed(options) if _WORD.search(text)}
    texts = sorted((text for text in letters if len(text) <= _LONGEST), key=len, reverse=True)
    either = "|".join(r"\s+".join(map(re.escape, text.split())) for text in texts) or r"(?!)"
    return re.compile(rf"(?<![\w.\-])(?:{either})(?![\w-]|[.,]\d)", re.IGNORECASE), letters


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())


def _compare_text(case: Case, box: str, step: str) -> Score:
    """Without options: the number in the box is the last one of the last step, or its words stand there."""
    if case.tolerance is not None:
        numbers = [n.lstrip("+") for n in _NUMBER.findall(step)]
        if not numbers:
            return Score(value=0.0, why="names_none")
        same = match_number(box, numbers[-1], case.unit, case.tolerance)
        return Score(value=1.0, why="follows") if same else Score(value=-1.0, why="another")
    words = _split(box[:_LONGEST])
    if words and f" {' '.join(words)} " in f" {' '.join(_split(step))} ":
        return Score(value=1.0, why="follows")
    return Score(value=0.0, why="names_none")


def _split(text: str) -> tuple[str, ...]:
    return tuple(word.casefold() for word in _WORD.findall(text))
