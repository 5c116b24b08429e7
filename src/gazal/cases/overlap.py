"""Does a question stand in an evaluation set, also where it was edited? The one matcher for all leaks.

Training data is held against evaluation sets with it before training, and evaluation items against what a run
was trained on afterwards. Numbers count as equal, options in any order, and a stem that was cut, or in which
names were changed, is still found. Candidates come from an inverted index of word n-grams that few items
hold; each is then compared word by word, rare words counting more, and by the characters of the best
alignment.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from gazal.core.case import Case

GRAM = 3
"""Words of an n-gram."""
MOST_ITEMS = 24
"""An n-gram or option that more items hold tells none of them."""
MOST_CANDIDATES = 8
LEAST_SHARE = 0.15
"""Of the n-grams of the shorter text: with fewer in common two texts are not compared."""
SHORT = 8
"""Words below which a question is known only together with its options, or by its rare words."""
TELLING = 16.0
"""Weight of words that say enough by themselves: "Is breast cancer survival improving?" has 24, "All are true
except" 8."""
PLAIN = 16
"""Words below which two questions may differ in the one word that matters."""
LEAST_PART = 0.35
"""Of an item's weight: a shorter piece of its stem is not the item."""
_TRIVIAL = frozenset({"yes", "no"})
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The item of an evaluation set that a question was found in."""

    case_id: str
    question: str
    how: str
    """``exact``: the same words, numbers aside; ``options``: the same options and much of the words;
    ``reworded``: most of the words in one place."""
    score: float
    """Share of the words in common, rare ones counting more, between 0 and 1."""


@dataclass(frozen=True, slots=True, eq=False)
class _Text:
    """A question taken apart."""

    words: tuple[str, ...]
    joined: str
    grams: frozenset[str]
    options: frozenset[str]


class Overlap:
    """An index over evaluation items."""

    def __init__(self, cases: Iterable[Case]):
        """Take every item apart; what many of them hold is left out of the index."""
        self._cases = list(cases)
        self._texts = [_take_apart(case.question, tuple(case.options.values())) for case in self._cases]
        self._exact: dict[str, list[int]] = {}
        self._postings: dict[str, list[int]] = {}
        counts = Counter(word for text in self._texts for word in set(text.words))
        self._weights = {word: math.log(1.0 + len(self._texts) / n) for word, n in counts.items()}
        self._unknown = math.log(1.0 + len(self._texts))
        for number, text in enumerate(self._texts):
            self._exact.setdefault(text.joined, []).append(number)
            for key in (*text.grams, *_key_options(text)):
                self._postings.setdefault(key, []).append(number)
        self._postings = {k: found for k, found in self._postings.items() if len(found) <= MOST_ITEMS}

    def __len__(self) -> int:
        """How many items there are."""
        return len(self._cases)

    def find_case(self, case: Case) -> Match | None:
        """As `find`, of a case; its vignette may stand in the context, with the question behind it."""
        options = tuple(case.options.values())
        match = self.find(case.question, options)
        if match is None and case.context:
            match = self.find(f"{case.context} {case.question}", options)
        return match

    def find(self, question: str, options: Sequence[str] = ()) -> Match | None:
        """The item that a question is a copy or an edited copy of; None where it is none.

        Args:
            question: The stem.
            options: Texts of its options, in any order; empty where it has none.
        """
        text = _take_apart(question, tuple(options))
        for number in self._exact.get(text.joined, ()):
            telling = len(text.words) >= SHORT or self._weigh(text.words) >= TELLING
            if telling or _share_options(text, self._texts[number]) >= 0.5:
                return self._tell(number, "exact", 1.0)
        matches = (self._compare(text, number) for number in self._list_candidates(text))
        return max((m for m in matches if m is not None), key=lambda match: match.score, default=None)

    def _list_candidates(self, text: _Text) -> list[int]:
        hits: Counter[int] = Counter()
        for gram in text.grams:
            hits.update(self._postings.get(gram, ()))
        optional: Counter[int] = Counter()
        for key in _key_options(text):
            optional.update(self._postings.get(key, ()))
        likely = [
            number
            for number, n in hits.most_common(3 * MOST_CANDIDATES)
            if n >= 2 and n >= LEAST_SHARE * min(len(text.grams), len(self._texts[number].grams))
        ]
        likely += [number for number, n in optional.most_common(MOST_CANDIDATES) if n >= 2]
        return list(dict.fromkeys(likely))[: 2 * MOST_CANDIDATES]

    def _compare(self, text: _Text, number: int) -> Match | None:
        item = self._texts[number]
        if not text.words or not item.words:
            return None
        score, common = self._weigh_common(text.words, item.words), _share_options(text, item)
        fewer = min(len(text.words), len(item.words))
        # Many vignettes are asked with the same five drugs; short stems have little but their options.
        if common >= 0.75 and score >= (0.5 if fewer < PLAIN else 0.7):
            return self._tell(number, "options", score)
        if fewer < SHORT or score < 0.6:
            return None
        if self._weigh(text.words) < LEAST_PART * self._weigh(item.words):
            return None  # "Which of the following is the most likely diagnosis?" stands in many a stem.
        longer = max(len(text.joined), len(item.joined)) > 1.25 * min(len(text.joined), len(item.joined))
        alike = (fuzz.partial_ratio if longer else fuzz.ratio)(text.joined, item.joined, score_cutoff=70.0)
        plain = fewer < PLAIN
        if (
            alike >= 88.0
            or (alike >= 75.0 and score >= 0.75 and not plain)
            or (alike >= 70.0 and common >= 0.5)
        ):
            return self._tell(number, "reworded", score)
        return None

    def _weigh_common(self, a: Sequence[str], b: Sequence[str]) -> float:
        """Weight of the words in common over that of the lighter text."""
        common = (Counter(a) & Counter(b)).elements()
        lighter = min(self._weigh(a), self._weigh(b))
        return min(1.0, self._weigh(common) / lighter) if lighter else 0.0

    def _weigh(self, words: Iterable[str]) -> float:
        return sum(self._weights.get(word, self._unknown) for word in words)

    def _tell(self, number: int, how: str, score: float) -> Match:
        case = self._cases[number]
        return Match(case_id=case.id, question=case.question, how=how, score=score)


def _take_apart(question: str, options: tuple[str, ...]) -> _Text:
    words = split_plain(question)
    grams = frozenset(" ".join(words[n : n + GRAM]) for n in range(max(len(words) - GRAM + 1, 0)))
    return _Text(
        words=words,
        joined=" ".join(words),
        grams=grams,
        options=frozenset(joined for option in options if (joined := " ".join(split_plain(option)))),
    )


def split_plain(text: str) -> tuple[str, ...]:
    """The words of a text in lower case, without accents and signs; every number is ``0``."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return tuple(_WORD.findall(_NUMBER.sub("0", plain)))


def _key_options(text: _Text) -> list[str]:
    return [f"option: {option}" for option in text.options if len(option) > 4]


def _share_options(a: _Text, b: _Text) -> float:
    """Share of the shorter list of options that both have; 0 where one has fewer than three, or yes or no."""
    fewer = min(len(a.options), len(b.options))
    return len(a.options & b.options) / fewer if fewer >= 3 and not a.options >= _TRIVIAL else 0.0
