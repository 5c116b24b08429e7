"""The sentences of the world, written from lists and read back from text.

Writer and reader of each sentence stand side by side, so that what one writes the other can read.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from gazal.core.truth import Sex
from gazal.errors import DataError

_PATIENT = re.compile(r"A ([0-9]{1,2})-year-old (woman|man|girl|boy)\b")
_PATIENT_AN = re.compile(r"An ([0-9]{1,2})-year-old (woman|man|girl|boy)\b")
T = TypeVar("T")
_GROWN = 18


@dataclass(frozen=True, slots=True)
class Patient:
    """Who the vignette is about."""

    age: int
    """Full years."""
    sex: Sex


def write_patient(patient: Patient) -> str:
    """Write ``A 67-year-old man``."""
    words = ("woman", "man") if patient.age >= _GROWN else ("girl", "boy")
    article = "An" if str(patient.age).startswith("8") or patient.age in (11, 18) else "A"
    return f"{article} {patient.age}-year-old {words[patient.sex == 'male']}"


def read_patient(text: str) -> tuple[Patient, str]:
    """Read the patient that a text starts with; returns the patient and the rest of the text.

    Raises:
        DataError: If the text does not start with a patient.
    """
    found = _PATIENT.match(text) or _PATIENT_AN.match(text)
    if not found:
        raise DataError(f"text: no patient at the start of {text[:40]!r}")
    patient = Patient(int(found[1]), "female" if found[2] in ("woman", "girl") else "male")
    if not found[0] == write_patient(patient):
        raise DataError(f"text: {found[0]!r} is not how a patient of that age is named")
    return patient, text[found.end() :]


def write_list(items: Sequence[str]) -> str:
    """Write ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1])))


def read_list(text: str) -> list[str]:
    """Read ``a, b and c``. No item holds a comma or the word "and"."""
    return re.split(r", | and ", text)


def pick(rng: Random, choices: Sequence[T]) -> T:
    """Choose one, evenly."""
    return choices[int(rng.random() * len(choices))]


def match_sentence(templates: Iterable[str], text: str) -> tuple[dict[str, str], str] | None:
    """Match the start of a text against templates such as ``The history includes {items}.``.

    Returns:
        What stood in the braces and the rest of the text, or None when no template fits.
    """
    for template in templates:
        found = _pattern(template).match(text)
        if found:
            return found.groupdict(), text[found.end() :]
    return None


_patterns: dict[str, re.Pattern[str]] = {}


def _pattern(template: str) -> re.Pattern[str]:
    if template not in _patterns:
        parts = re.split(r"\{(\w+)\}", template)
        # A field ends at the full stop of its sentence, which no digit follows ("7.1" is a value).
        body = "".join(
            rf"(?P<{part}>(?:[^.?!]|[.](?=\d))+?)" if n % 2 else re.escape(part)
            for n, part in enumerate(parts)
        )
        _patterns[template] = re.compile(rf"{body}(?: |$)")
    return _patterns[template]


def invert(phrases: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Phrase to id, from id to phrases."""
    return {phrase: name for name, texts in phrases.items() for phrase in texts}
