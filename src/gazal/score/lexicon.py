"""Find known phrases in free text: the longest at each place, with a negation before it noticed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

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


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """Phrases by their words. One lexicon equals no other, so that what was found with it can be kept."""

    phrases: Mapping[tuple[str, ...], tuple[str, bool]]
    """Words to (meaning, present)."""
    lengths: Mapping[str, tuple[int, ...]]
    """First word to the lengths of the phrases that start with it, the longest first."""


def build_lexicon(phrases: Iterable[tuple[str, str, bool]]) -> Lexicon:
    """Build a lexicon from (phrase, meaning, present); an empty meaning only shields words from others."""
    table: dict[tuple[str, ...], tuple[str, bool]] = {}
    lengths: dict[str, set[int]] = {}
    for phrase, name, present in phrases:
        words = split_words(phrase)
        if words and not table.get(words, ("", True))[0]:
            table[words] = (name, present)
            lengths.setdefault(words[0], set()).add(len(words))
    return Lexicon(table, {first: tuple(sorted(found, reverse=True)) for first, found in lengths.items()})


@lru_cache(maxsize=8192)
def split_words(text: str) -> tuple[str, ...]:
    """The words of a text in lower case."""
    return tuple(_WORD.findall(text.casefold()))


@lru_cache(maxsize=8192)  # Two judges read each step, and the replies to a case have many in common.
def find_mentions(lexicon: Lexicon, text: str) -> tuple[Mention, ...]:
    """Find the phrases of a lexicon in a text, from left to right, without overlaps."""
    words, mentions, last_end = split_words(text), [], 0
    for at, word in enumerate(words):
        if at < last_end or word not in lexicon.lengths:
            continue
        for n in lexicon.lengths[word]:
            if (phrase := words[at : at + n]) in lexicon.phrases:
                break
        else:
            continue
        name, present = lexicon.phrases[phrase]
        if name:
            before = words[max(last_end, at - _REACH) : at]
            mentions.append(Mention(name, present and not _NEGATIONS.intersection(before), " ".join(phrase)))
        last_end = at + n
    return tuple(mentions)
