"""Find known phrases in free text: the longest at each place, with a negation before it noticed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:[-'/][^\W_]+)*")
_NEGATIONS = frozenset({"no", "not", "without", "denies", "denied", "absent", "never", "nor", "lacks"})
_REACH = 3
"""A negation counts when it stands at most this many words before a phrase."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A phrase found in a text."""

    name: str
    """What the phrase means."""
    present: bool
    """False for an absent wording and for a present one after a negation."""
    text: str
    """The words found, in lower case."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Phrases by their first word."""

    by_first: Mapping[str, tuple[tuple[tuple[str, ...], str, bool], ...]]
    """First word to (words, meaning, present), the longest first, meaningless ones last."""


def build_lexicon(phrases: Iterable[tuple[str, str, bool]]) -> Lexicon:
    """Build a lexicon from (phrase, meaning, present); an empty meaning only shields words from others."""
    table: dict[str, list[tuple[tuple[str, ...], str, bool]]] = {}
    for phrase, name, present in phrases:
        words = split_words(phrase)
        if words:
            table.setdefault(words[0], []).append((words, name, present))
    return Lexicon(
        {first: tuple(sorted(found, key=lambda e: (-len(e[0]), not e[1]))) for first, found in table.items()}
    )


def split_words(text: str) -> tuple[str, ...]:
    """The words of a text in lower case."""
    return tuple(word.casefold() for word in _WORD.findall(text))


def find_mentions(lexicon: Lexicon, text: str) -> list[Mention]:
    """Find the phrases of a lexicon in a text, from left to right, without overlaps."""
    words, mentions, at, last_end = split_words(text), [], 0, 0
    while at < len(words):
        entry = next(
            (e for e in lexicon.by_first.get(words[at], ()) if words[at : at + len(e[0])] == e[0]), None
        )
        if entry is None:
            at += 1
            continue
        phrase, name, present = entry
        before = words[max(last_end, at - _REACH) : at]
        if name:
            mentions.append(Mention(name, present and not _NEGATIONS.intersection(before), " ".join(phrase)))
        at = last_end = at + len(phrase)
    return mentions
