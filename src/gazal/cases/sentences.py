"""Running text as the steps of a reply: characters in order, cut into sentences, sentences put together."""

import html
import re
import unicodedata

from gazal.core.case import Case

LEAST_LENGTH, MOST_LENGTH = 40, 1600
"""Characters of an explanation. A shorter one explains nothing; a longer one is a chapter of a book."""
SHORTEST_STEP, LONGEST_STEP, MOST_STEPS = 40, 400, 7
"""Characters of a step, and how many steps there may be before the one that names the option."""
_TAG = re.compile(
    r"</?(?:p|br|b|i|u|em|strong|ul|ol|li|div|span|sup|sub|h[1-6]|font|table|tbody|tr|td|th|a|center)"
    r"(?:\s[^<>]{0,300})?/?>",
    re.IGNORECASE,
)
_ALIKE = str.maketrans(
    {
        **{chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)},
        **dict.fromkeys("\u2018\u2019\u201a\u2032\u00b4`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2007\u2008\u2009\u200a\u202f\u3000\t", " "),
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", ""),
        **dict.fromkeys(
            "\u2022\u25cf\u25aa\u25a0\u25e6\u2751\u2752\u25ba\u203a\u00b7\r\x0b\x0c\u2028\u2029", "\n"
        ),
        "\u2026": "...",
    }
)
_ODD = re.compile(
    r"[^\n -~\u00a1-\u024f\u0370-\u03ff\u2070-\u209f\u2100-\u22ff]|[|\\{}]|\*\*|##|\?{3}|\d ?\?|&;|__"
)
_BLANK_BEFORE = re.compile(r" +(?=,|[.;:)\]](?:\s|$))|(?<=[(\[]) +")
_BLANK_AFTER = re.compile(
    r"(?<=[A-Za-z0-9)])[,;](?=[A-Za-z])|(?<=[a-z)]):(?=[A-Za-z])|(?<=[a-z0-9)'\"])[.!?](?=[(\"']?[A-Z][a-z])|"
    r"(?<=[A-Za-z][A-Z])\.(?=[A-Z][a-z]{2})|(?<=[a-z]{3})\.(?=[A-Z]{2})"
)
_BULLET = re.compile(r"(?<=[\w.)])\s*\*\s*(?=[A-Z])")
_ARROW = re.compile(r"[-=]+>")
_LABEL = re.compile(r"(?:[-*>~]+|\(?(?:\d{1,2}|[ivx]{1,4})[.)]|Explanation\s*[:-]+)\s*(?=\D)", re.IGNORECASE)
_END = re.compile(r"[.!?][\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'])(?:e\.?g|i\.?e|vs?|viz|cf|al|etc|ca|approx|resp|sp|spp|st|dr|mr|mrs|ms|prof|jr|no|nos|fig|vol|"
    r"inj|tab|syn|art|[a-z]|\d{1,2})$",
    re.IGNORECASE,
)
_LEADS_ON = re.compile(
    r"(?::|\b(?:includes?|including|are|is|were|as|like|following|e\.?g\.?|i\.?e\.?))$", re.IGNORECASE
)
_CLOSED = re.compile(r"[.!?][\"')\]]*$")
_WORD = re.compile(r"[^\W\d_]{2,}")


class Dropped(Exception):
    """A row that is passed over; its one argument is the reason that is counted."""


def tidy(text: str) -> str:
    """Take markup out and give look-alike characters their plain form; line breaks and bullets part lines.

    Raises:
        Dropped: ``odd_characters`` where something is left that no plain text holds.
    """
    text = _BULLET.sub("\n", _TAG.sub("\n", html.unescape(text)).translate(_ALIKE))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    text = "\n".join(line for line in lines if line)
    if _ODD.search(text):
        raise Dropped("odd_characters")
    return space_out(_ARROW.sub("->", text))


def space_out(text: str) -> str:
    """Put plain quotation marks and dashes, and blanks after punctuation and none before it."""
    text = _BLANK_BEFORE.sub("", text.translate(_ALIKE))
    return _BLANK_AFTER.sub(lambda mark: f"{mark[0]} ", text)


def split_sentences(text: str) -> list[str]:
    """Cut tidy text at line breaks and ends of sentences, which "e.g.", "vs.", "Dr." and 0.5 are not."""
    sentences: list[str] = []
    for line in text.split("\n"):
        line, start = _LABEL.sub("", line.strip(), count=1) if _LABEL.match(line.strip()) else line.strip(), 0
        for end in _END.finditer(line):
            if not _ABBREVIATION.search(line[start : end.start()]):
                sentences.append(line[start : end.end()].strip())
                start = end.end()
        sentences.append(line[start:].strip())
    return [_drop_lone_quote(sentence) for sentence in sentences if sentence]


def clean_conclusion(_case: Case, text: str) -> list[str]:
    """The sentences of a study's conclusion, which needs no more than its characters put in order.

    Raises:
        Dropped: ``odd_characters``.
    """
    return split_sentences(tidy(text))


def make_steps(sentences: list[str]) -> list[str]:
    """Put sentences together until each says something and there are no more than `MOST_STEPS`.

    Raises:
        Dropped: ``too_short``, ``too_long``, ``run_on`` where a step is too long to follow, ``no_words``.
    """
    n = len(" ".join(sentences))
    if not LEAST_LENGTH <= n <= MOST_LENGTH:
        raise Dropped("too_short" if n < LEAST_LENGTH else "too_long")
    steps = [sentence.rstrip(" ,;-") for sentence in sentences]
    while len(steps) > 1 and (at := _find_join(steps)) is not None:
        steps[at : at + 2] = [_join(steps[at], steps[at + 1])]
    steps = [step if _CLOSED.search(step) else f"{step}." for step in steps]
    if any(len(step) > LONGEST_STEP for step in steps):
        raise Dropped("run_on")
    if not all(len(_WORD.findall(step)) >= 2 for step in steps):
        raise Dropped("no_words")
    return steps


def _find_join(steps: list[str]) -> int | None:
    """Which step to join with the next one: a heading, a short one, or the shortest pair of too many."""
    for at, step in enumerate(steps):
        if _LEADS_ON.search(step) and at + 1 < len(steps):
            return at
        if len(step) < SHORTEST_STEP:
            before = len(steps[at - 1]) if at else 10 * MOST_LENGTH
            after = len(steps[at + 1]) if at + 1 < len(steps) else 10 * MOST_LENGTH
            return at - 1 if before < after else at
    if len(steps) <= MOST_STEPS:
        return None
    return min(range(len(steps) - 1), key=lambda at: len(steps[at]) + len(steps[at + 1]))


def _join(first: str, second: str) -> str:
    """One text out of two; what was no sentence is an item of a list, or a heading."""
    if _CLOSED.search(first) or _LEADS_ON.search(first):
        return f"{first} {second}"
    return f"{first}. {second}" if _CLOSED.search(second) else f"{first}; {second}"


def _drop_lone_quote(sentence: str) -> str:
    """Take the quotation marks out of a sentence that a quotation only begins or ends in."""
    return sentence.replace('"', "") if sentence.count('"') % 2 else sentence
