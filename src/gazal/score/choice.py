"""Which option does a box name? Only what was written counts; nothing is guessed."""

import re
import unicodedata
from collections.abc import Mapping

from gazal.core.chat import ABSTENTION

_WRAPPER = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\{([^{}]*)\}")
_LETTERED = re.compile(r"\(?([A-Za-z])\)?\s*[.:)\-]?\s+(\S.*)|\(?([A-Za-z])\)?[.:)]?", re.DOTALL)
_LONGEST = 2000


def read_choice(box: str, options: Mapping[str, str]) -> str | None:
    r"""Find the option that the content of a box names.

    Accepts the letter (``B``, ``b``, ``(B)``, ``B.``, ``\text{B}``), the option's text, or both where they
    agree. Letters of other alphabets that look alike are not letters.

    Returns:
        The letter; `ABSTENTION` where the box says so and no option does; None for anything else.
    """
    text = _tidy(box)
    found = _LETTERED.fullmatch(text)
    if found and found[3]:
        return found[3].upper() if found[3].upper() in options else None
    texts = {letter: _tidy(option).casefold() for letter, option in options.items()}
    named = [letter for letter, option in texts.items() if option == text.casefold()]
    if len(named) == 1:
        return named[0]
    if found and found[1].upper() in options and texts[found[1].upper()] == found[2].strip().casefold():
        return found[1].upper()
    if not named and text.casefold() == ABSTENTION.casefold():
        return ABSTENTION
    return None


def match_text(box: str, answer: str, aliases: tuple[str, ...]) -> bool:
    """Whether a box holds the reference text or one of its aliases, up to case and spacing."""
    return _tidy(box).casefold() in {_tidy(text).casefold() for text in (answer, *aliases)}


def match_number(box: str, answer: str, unit: str | None, tolerance: float) -> bool | None:
    """Whether a box holds the reference number within ``tolerance``; None where it holds no such number.

    A unit may be left out; another unit than the case's is no number here.
    """
    found = re.fullmatch(r"([-+]?\d{1,15}(?:\.\d{1,15})?)\s*(.*)", _tidy(box), re.ASCII | re.DOTALL)
    if not found or found[2] not in ("", unit or ""):
        return None
    return abs(float(found[1]) - float(answer)) <= tolerance + 1e-9


def _tidy(text: str) -> str:
    """Unwrap LaTeX and Markdown, fold compatibility characters, collapse blanks, drop a final full stop."""
    text = _WRAPPER.sub(r"\1", text[:_LONGEST]).strip().strip("$*").strip()
    return " ".join(unicodedata.normalize("NFKC", text).split()).removesuffix(".").strip()
