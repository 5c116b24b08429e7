"""Which option does a reply commit to, whatever its format? For replies that were not asked for a box.

Five ways of saying it are looked for, the plainest first: a box; a sentence or label that calls an option the
answer ("The answer is (B)", "Answer: B. heparin", "C is correct"); a first or last line that is nothing but
an option; the text of an option that is called the most likely, best or correct one; the only option that
the reply names with its letter. The first way that is used decides. Where it names two options the reply has
not committed, and neither has one that only rejects or weighs options. Nothing is guessed: letters inside the
thinking, of other alphabets, or after another question do not count.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping

from gazal.core.case import Case
from gazal.core.chat import ABSTENTION, CLOSE, OPEN, find_boxes
from gazal.core.score import Score
from gazal.core.trace import Trace
from gazal.score import cues
from gazal.score.answer import judge_answer
from gazal.score.choice import read_choice

SEVERAL = "several"
_LONGEST = 20_000
"""Characters at the end of a reply that are read: it commits there."""
_NEAR = 48
"""Characters of an option's text that are enough to know it by."""


def judge_leniently(case: Case, trace: Trace) -> Score:
    """Score the option that a reply commits to in any of the usual ways.

    Returns:
        1.0 ``right``; 0.0 ``abstained``; -1.0 ``wrong``, ``unparsed`` where it commits to none, ``several``,
        or ``truncated`` where it was cut off before it did; None ``engine_error``. Cases without options are
        judged as `judge_answer` does.
    """
    strict = judge_answer(case, trace)
    if not case.options or strict.why in ("right", "wrong", "abstained", "engine_error"):
        return strict
    found = read_commitment(trace.text, case.options)
    if found == ABSTENTION:
        return Score(value=0.0, why="abstained")
    if found in case.options:
        return Score(value=1.0, why="right") if found == case.answer else Score(value=-1.0, why="wrong")
    if trace.stop == "length" and found is None:
        return Score(value=-1.0, why="truncated")
    return Score(value=-1.0, why=found or "unparsed")


def read_commitment(text: str, options: Mapping[str, str]) -> str | None:
    """Find the option that a reply commits to.

    Returns:
        Its letter; `ABSTENTION`; `SEVERAL` where it commits to more than one; None where to none.
    """
    before, closed, after = text.partition(CLOSE)
    if not closed and OPEN in text:
        return None
    said = after if closed else before
    boxes = [read_choice(box, options) for box in find_boxes(said[-_LONGEST:])]
    if named := {choice for choice in boxes if choice}:
        return named.pop() if len(named) == 1 else SEVERAL
    plain = _tidy(said)
    texts = {letter: _fold(option) for letter, option in options.items()}
    for way in (_list_statements, _list_lines, _list_told, _list_mentions):
        found = list(way(plain, texts))
        if found:
            return found[0] if len(set(found)) == 1 else SEVERAL
    return None


def _tidy(said: str) -> str:
    """The end of what was said without markup, up to where the reply goes on to another question."""
    text = unicodedata.normalize("NFKC", said[-_LONGEST:]).replace("\r\n", "\n")
    for _ in range(2):
        text = cues.WRAPPED.sub(r"\1", text)
    text = cues.MARKUP.sub("", text).strip()
    following = cues.NEXT_QUESTION.search(text, 1)
    return text[: following.start()] if following else text


def _fold(option: str) -> str:
    return " ".join(_tidy(option).casefold().split()).rstrip(". ")


def _list_statements(text: str, texts: Mapping[str, str]) -> Iterator[str]:
    """What is called the answer; of several, the last alone where it is called final."""
    found: list[tuple[int, str]] = []
    for cue in cues.CUE.finditer(text):
        if not cues.HYPOTHETICAL.search(text[max(0, cue.start() - 60) : cue.start()]):
            found += [
                (cue.start(), choice) for choice in _read_named(text[cue.end() : cue.end() + 700], texts)
            ]
    for called in cues.CALLED.finditer(text):
        letter = (called[1] or called[2] or called[3]).upper()
        between = called[4]
        rejected = cues.REJECTED_BEFORE.search(text[max(0, called.start() - 40) : called.start()])
        told = not between.strip(" .):") or _starts_with(between.lstrip(" .):"), texts.get(letter, ""))
        if letter in texts and told and not rejected:
            found.append((called.start(), letter))
    found.sort()
    if found and cues.CONCLUDING.search(text[max(0, found[-1][0] - 60) : found[-1][0] + 6]):
        found = [entry for entry in found if entry[0] == found[-1][0]]
    denied = {letter.upper() for letter in cues.DENIED.findall(text)}
    for _, choice in found:
        yield choice
        if choice in denied:
            yield SEVERAL


def _read_named(rest: str, texts: Mapping[str, str]) -> list[str]:
    """The option that stands first in ``rest``; two where another is set beside it; none if none does."""
    for _ in range(4):
        if skipped := cues.ADVERB.match(rest):
            rest = rest[skipped.end() :]
    if rest.casefold().startswith(ABSTENTION.casefold()):
        return [ABSTENTION]
    if len(set(cues.LISTED.findall(rest[: cues.LIST]))) > 1:
        return []  # "Each option:", and then all of them.
    by_text = _find_text(rest, texts)
    found = cues.LETTER.match(rest)
    letter = (found[1] or found[2]).upper() if found else ""
    if found is None or letter not in texts:
        return [by_text] if by_text else []
    after = rest[found.end() :]
    wrapped = found[1] is not None
    lettered = re.match(r"\s*[.):,\-\u2013\u2014]?\s*", after)
    told = after[lettered.end() :] if lettered else after
    if not (wrapped or cues.ON.match(after) or cues.ALSO.match(after) or _starts_with(told, texts[letter])):
        return [by_text] if by_text else []
    if (found[2] or "").islower() and not re.match(r"\s*(?:$|[.)\n])", after):
        return [by_text] if by_text else []
    other = _find_text(told, texts)
    if other and other != letter and texts[other] != texts[letter] and not _starts_with(told, texts[letter]):
        return [letter, other]  # "B. heparin" where heparin is C.
    if cues.TAKEN_BACK.match(after) or _goes_on(after, texts, letter):
        return [letter, SEVERAL]
    also = cues.ALSO.match(after)
    return [letter, also[1]] if also and also[1] in texts and also[1] != letter else [letter]


def _goes_on(after: str, texts: Mapping[str, str], letter: str) -> bool:
    """Whether a list of options goes on: "(A) (B)", "(A) Aspirin (B) Heparin"."""
    told = after.lstrip(" .):,-")
    if texts[letter] and _starts_with(told, texts[letter]):
        after = told[len(texts[letter]) :]
    following = cues.NEXT_LISTED.match(after)
    return bool(following) and (following[1] or following[2]) in texts


def _find_text(rest: str, texts: Mapping[str, str]) -> str | None:
    """The option whose whole text begins ``rest`` and ends a clause there; the longest where several do."""
    folded = " ".join(rest[:700].casefold().split()).lstrip("\"'( ")
    fitting = [
        letter
        for letter, option in texts.items()
        if option and folded.startswith(option) and cues.ON.match(folded[len(option) :])
    ]
    return max(fitting, key=lambda letter: len(texts[letter]), default=None)


def _starts_with(told: str, option: str) -> bool:
    """Whether words that follow a letter are those of its option, as far as both go."""
    folded = " ".join(told[: _NEAR * 4].casefold().split()).lstrip("\"'( ")
    near = option[:_NEAR]
    return bool(near) and folded.startswith(near)


def _list_lines(text: str, texts: Mapping[str, str]) -> Iterator[str]:
    """A first or last line that is nothing but an option, where no other line is."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    whole = [_read_line(line, texts) for line in lines[:200]] if len(lines) <= 200 else []
    if cues.YES_OR_NO.issuperset(texts.values()) and not any(whole):
        led = [
            m[1].lower() for line in (lines[:1], lines[-1:]) for part in line if (m := cues.LED.match(part))
        ]
        yield from (letter for word in led for letter, option in texts.items() if option == word)
    if any(whole) and (whole[0] or whole[-1]):
        yield from (choice for choice in whole if choice)


def _read_line(line: str, texts: Mapping[str, str]) -> str | None:
    only = cues.ONLY_LETTER.fullmatch(line)
    if only and (only[1].isupper() or "(" in line or len(line) <= 2) and only[1].upper() in texts:
        return only[1].upper()
    lettered = cues.LETTERED.match(line)
    if lettered and lettered[1] in texts and _starts_with(line[lettered.end() :], texts[lettered[1]]):
        return lettered[1]
    folded = " ".join(line.casefold().split()).strip(". \"'")
    same = [letter for letter, option in texts.items() if option == folded]
    if len(same) == 1:
        return same[0]
    return ABSTENTION if folded == ABSTENTION.casefold() else None


def _list_told(text: str, texts: Mapping[str, str]) -> Iterator[str]:
    """An option's text in a sentence that calls it the most likely, the best or the correct one."""
    for cue in cues.CONCLUDED.finditer(text):
        named = _find_text(text[cue.end() : cue.end() + 700], texts)
        if named and not cues.HYPOTHETICAL.search(text[max(0, cue.start() - 60) : cue.start()]):
            yield named


def _list_mentions(text: str, texts: Mapping[str, str]) -> Iterator[str]:
    """Every option that is named with its letter; one that is rejected makes it no commitment at all."""
    for pattern in (cues.NAMED, cues.LETTERED):
        for found in pattern.finditer(text):
            letter = next(group for group in found.groups() if group)
            lettered = pattern is cues.LETTERED
            if letter not in texts or (lettered and not _starts_with(text[found.end() :], texts[letter])):
                continue
            after = text[found.end() :]
            if lettered:
                after = after[len(texts[letter]) :]
            rejected = cues.REJECTED_BEFORE.search(text[max(0, found.start() - 40) : found.start()])
            if rejected or cues.REJECTED_AFTER.match(after[:200]):
                yield from (letter, SEVERAL)
            yield letter
