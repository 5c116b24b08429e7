"""Leaks and near duplicates to plant, for `benchmarks/curate.py` and tests.

Evaluation questions as they turn up in training data: copied, with their options in another order, with other
names and numbers, or cut.
"""

import re
from collections.abc import Callable
from random import Random

from gazal.core.case import Case

Question = tuple[str, list[str]]
"""A stem and its options."""
_NUMBER = re.compile(r"\d+")
_SWAPS = {
    "man": "woman", "woman": "man", "boy": "girl", "girl": "boy", "he": "she", "she": "he", "his": "her",
    "her": "his", "male": "female", "female": "male", "him": "her", "mr": "ms", "mother": "father",
    "father": "mother",
}  # fmt: skip
_NAMES = ("Novak", "Okafor", "Lindqvist", "Haruto", "Quispe", "Adeyemi", "Silva", "Brandt")


def copy(question: Question, rng: Random) -> Question:
    """As it is, with other blanks and capitals."""
    stem, options = question
    return re.sub(r"\s+", " ", stem).strip() + rng.choice(["", " ", "\n"]), options


def reorder(question: Question, rng: Random) -> Question:
    """The options in another order."""
    stem, options = question
    return stem, rng.sample(options, len(options))


def rename(question: Question, rng: Random) -> Question:
    """Other numbers, the other sex, another proper name where there is one, and two words put otherwise."""
    stem, options = question
    stem = _NUMBER.sub(lambda m: str(int(m[0][:6]) + rng.randrange(1, 9)), stem)
    words = stem.split(" ")
    titled = sum(word[:1].isupper() for word in words) > 0.4 * len(
        words
    )  # Every word is a capital one there.
    for n, word in enumerate(words):
        bare = word.strip(".,;:?!").lower()
        if bare in _SWAPS:
            words[n] = word.lower().replace(bare, _SWAPS[bare])
        elif (
            n
            and not titled
            and word[:1].isupper()
            and word[1:].islower()
            and not words[n - 1].endswith((".", "?", ":"))
        ):
            words[n] = rng.choice(_NAMES)
    return " ".join(words), rng.sample(options, len(options))


def clip(question: Question, rng: Random) -> Question:
    """The first or the last three fifths of the stem, at least twelve words."""
    stem, options = question
    words = stem.split(" ")
    n = max(12, round(0.6 * len(words)))
    return " ".join(words[:n] if rng.random() < 0.5 else words[-n:]), options


EDITS: dict[str, Callable[[Question, Random], Question]] = {
    "copy": copy,
    "reorder": reorder,
    "rename": rename,
    "clip": clip,
}


def plant(case: Case, edit: str, rng: Random) -> Question:
    """One evaluation item as a leak of a sort."""
    return EDITS[edit]((case.question, list(case.options.values())), rng)


def blur(stem: str, rng: Random) -> str:
    """A near duplicate of a stem: one word left out, one doubled sentence end, other blanks."""
    words = stem.split(" ")
    at = rng.randrange(len(words))
    changed = [*words[:at], *words[at + 1 :]] if len(words) > 12 else words
    return (
        rng.choice(["", "Case: ", "Please read. "])
        + " ".join(changed)
        + rng.choice(["", " ", " Choose one."])
    )
