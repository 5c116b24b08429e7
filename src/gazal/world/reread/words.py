"""What all kinds read in the same way: patients, lists, options, numbers, names.

Each raises DataError with what stands in the text and cannot be read.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal

from gazal.core.case import Case
from gazal.errors import DataError
from gazal.world.knowledge import load_knowledge
from gazal.world.posterior import find_band
from gazal.world.records import FlagModifier
from gazal.world.text import Patient, invert, match_sentence, read_list, read_patient


@cache
def list_finding_phrases(polarity: Literal["present", "absent"]) -> dict[str, str]:
    """Phrase to finding."""
    return invert({name: getattr(f, polarity) for name, f in load_knowledge().findings.items()})


@cache
def list_flag_phrases(polarity: Literal["present", "absent"]) -> dict[str, str]:
    """Phrase to modifier, of those that hold or do not."""
    modifiers = load_knowledge().modifiers.items()
    return invert({name: getattr(m, polarity) for name, m in modifiers if isinstance(m, FlagModifier)})


def find_name(names: Mapping[str, str], text: str, what: str) -> str:
    """The id that a text names."""
    if text not in names:
        raise DataError(f"text: {text!r} is no {what} that the world knows")
    return names[text]


def take(templates: Iterable[str], text: str, what: str) -> tuple[dict[str, str], str]:
    """Read the sentence that a text starts with; returns its fields and the rest."""
    found = match_sentence(templates, text)
    if not found:
        raise DataError(f"text: no sentence with the {what} at {text[:50]!r}")
    return found


def take_last(templates: Iterable[str], text: str) -> dict[str, str]:
    """Read the last sentence of a text; returns its fields."""
    fields, rest = take(templates, text, "question")
    if rest:
        raise DataError(f"text: something follows the question: {rest[:50]!r}")
    return fields


def read_whole_patient(text: str) -> Patient:
    """Read a patient of an age that the world has, and nothing else."""
    patient, rest = read_patient(text)
    if rest:
        raise DataError(f"text: {rest[:50]!r} follows the patient")
    find_band(patient.age)
    return patient


def read_items(text: str) -> list[str]:
    """Read a list in which nothing stands twice."""
    items = read_list(text) if text else []
    if len(set(items)) != len(items):
        raise DataError(f"text: something stands twice in {text[:50]!r}")
    return items


def read_options(case: Case, names: Mapping[str, str], n: int = 4) -> dict[str, str]:
    """Letter to id, from n option texts."""
    for letter, text in case.options.items():
        if text not in names:
            raise DataError(f"option: {text!r} ({letter}) is nothing that the world knows here")
    candidates = {letter: names[text] for letter, text in case.options.items()}
    if len(set(candidates.values())) != len(candidates):
        raise DataError("option: one stands twice")
    if len(candidates) != n:
        raise DataError(f"option: there are {len(candidates)} instead of {n}")
    return candidates


def find_letter(candidates: Mapping[str, str], key: str) -> str:
    """The letter that stands for an id."""
    letters = [letter for letter, name in candidates.items() if name == key]
    if not letters:
        raise DataError(f"key: it is {key}, which is no option")
    return letters[0]


def read_number(template: str, phrase: str, decimals: int) -> float | None:
    """The number in a phrase such as ``an eGFR of 85 mL/min``; None where the phrase is another."""
    before, after = template.split("{value}")
    found = re.fullmatch(f"{re.escape(before)}([0-9.]{{1,9}}){re.escape(after)}", phrase)
    if not found or not re.fullmatch(
        r"(0|[1-9][0-9]*)" + (rf"\.[0-9]{{{decimals}}}" if decimals else ""), found[1]
    ):
        return None
    return float(found[1])


def is_beyond(value: float, below: float | None, start: float | None) -> bool:
    """Whether a value lies below the one limit or from the other up; just one is set."""
    return value < below if below is not None else start is not None and value >= start
