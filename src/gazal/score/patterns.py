"""Patterns that are only tried where one of their words stands: most steps hold none of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

NUMBER = r"\d{1,9}(?:\.\d{1,9})?"
"""Inside patterns; a sign is read where one can stand."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression, and words of which every match holds one."""

    regex: re.Pattern[str]
    words: tuple[str, ...]

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """As of a regular expression."""
        return self.regex.finditer(text) if self._may_match(text) else iter(())

    def search(self, text: str) -> re.Match[str] | None:
        """As of a regular expression."""
        return self.regex.search(text) if self._may_match(text) else None

    def _may_match(self, text: str) -> bool:
        folded = text.casefold()
        for word in self.words:  # noqa: SIM110 - most have one word, and any() takes four times as long.
            if word in folded:
                return True
        return False


def compile_pattern(text: str, *words: str) -> Pattern:
    """A pattern in which ``#`` stands for a number; case does not count.

    Args:
        text: The regular expression.
        words: In lower case; every match holds one of them.
    """
    return Pattern(re.compile(text.replace("#", f"({NUMBER})"), re.IGNORECASE), words)
