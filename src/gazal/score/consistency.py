"""Does the boxed answer follow from the reasoning, or does the last step name another?"""

import re
from collections.abc import Mapping

from gazal.core.case import Case
from gazal.core.chat import ABSTENTION
from gazal.core.score import Score
from gazal.core.trace import Trace
from gazal.score.choice import match_number, read_choice
from gazal.score.steps import MOST_STEPS

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
    for number, step in enumerate(reversed(steps[-MOST_STEPS:])):
        named = _find_named(case.options, step[-_LONGEST:], by_text=number == 0)
        if len(named) > 1:
            return Score(value=0.0, why="names_several")
        if named:
            follows = named == {chosen}
            return Score(value=1.0 if follows else -1.0, why="follows" if follows else "another")
    return Score(value=0.0, why="names_none")


def _find_named(options: Mapping[str, str], step: str, *, by_text: bool) -> set[str]:
    """Letters of the options that a step names and does not reject."""
    by_letter, by_mark = set[str](), set[str]()
    for clause in _CLAUSE.split(_mark_texts(options, step)):
        if clause.strip() and not _REJECTED.search(clause):
            plain = _MARK.sub("_", clause)
            by_letter |= {m for pattern in (_LETTERED, _SAID, _LAST) for m in pattern.findall(plain)}
            by_mark |= set(_MARK.findall(clause)) if by_text else set()
    # A letter decides: options such as "Surgery" may be spoken of without being chosen.
    return by_letter & options.keys() or by_mark


def _mark_texts(options: Mapping[str, str], step: str) -> str:
    """Put marks in the place of the options' texts, the longest first: "heparin" is no part of another's.

    Before a step is split into clauses, because a text may hold a full stop, and "Neither treat nor test"
    rejects nothing.
    """
    text = "\n".join(" ".join(line.split()) for line in step.replace("\0", " ").split("\n"))
    texts = [(_lower(" ".join(option.split())), letter) for letter, option in options.items()]
    low = _lower(text)
    for needle, letter in sorted(texts, key=lambda pair: -len(pair[0])):
        at = low.find(needle) if _WORD.search(needle) else -1
        parts, done = [], 0
        while at >= 0:
            end = at + len(needle)
            if _stands_alone(low, at, end):
                parts += [text[done:at], f"\0{letter}\0"]
                done = end
            at = low.find(needle, max(end, at + 1))
        if parts:
            text = "".join((*parts, text[done:]))
            low = _lower(text)
    return text


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a place in a text is no part of a longer word or number."""
    before, after = text[start - 1 : start], text[end : end + 2]
    if before.isalnum() or before in ("_", ".", "-"):
        return False
    return not (
        after[:1].isalnum() or after[:1] in ("_", "-") or (after[:1] in (".", ",") and after[1:].isdigit())
    )


def _lower(text: str) -> str:
    """In lower case and of the same length, which a few letters would change."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


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
