"""A question that a person typed, as a case that models can be asked."""

from gazal.core.case import LETTERS, Case, hash_content
from gazal.errors import ConfigError

UNKNOWN = "unknown"
"""Stands for a key that nobody gave: no reply is judged by it."""


def make_case(question: str, options: list[str], answer: str | None) -> Case:
    """A question that a person typed, as a case.

    Raises:
        ConfigError: One option, or more than ten, or an answer that is none of them.
    """
    if len(options) == 1 or len(options) > len(LETTERS):
        raise ConfigError(f"{len(options)} options: give none, or 2 to {len(LETTERS)}.")
    lettered = dict(zip(LETTERS, options, strict=False))
    if answer is not None and lettered and answer.upper() not in lettered:
        raise ConfigError(f"answer {answer!r} is none of the letters {', '.join(lettered)}.")
    key = answer.upper() if answer and lettered else answer or (next(iter(lettered), UNKNOWN))
    return Case(
        id=f"asked/own/{hash_content('', question, lettered)}",
        kind="exam",
        question=question,
        options=lettered,
        answer=key,
        licence="LicenseRef-private",
    )
