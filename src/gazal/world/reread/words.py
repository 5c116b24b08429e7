"""What all kinds read in the same way: patients, lists, options, numbers, names.

Each raises DataError with what stands in the text and cannot be read.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from gazal.core.case import Case
from gazal.core.truth import Sex
from gazal.errors import DataError
from gazal.world.knowledge import load_knowledge
from gazal.world.posterior import find_band
from gazal.world.records import FlagModifier
from gazal.world.text import Patient, invert, match_sentence, read_list, read_patient


@cache
def list_phrases(kind: str, polarity: str) -> dict[str, tuple[str, ...]]:
    """Phrase to id, of findings or flag modifiers, for one polarity (``present`` or ``absent``)."""
    records: Mapping[str, object] = getattr(load_knowledge(), kind)
    worded = {n: r for n, r in records.items() if kind == "findings" or isinstance(r, FlagModifier)}
    return {p: (name,) for p, name in invert({n: getattr(r, polarity) for n, r in worded.items()}).items()}


def find_name(
    names: Mapping[str, tuple[str, ...]], text: str, what: str, fits: Callable[[str], bool] = lambda _: True
) -> str:
    """The id that a text names, if it ``fits``."""
    name = next(iter(names.get(text, ())), None)
    if name is None or not fits(name):
        raise DataError(f"text: {text!r} is no {what} that the world knows")
    return name


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


def read_options(case: Case, names: Mapping[str, str]) -> dict[str, str]:
    """Letter to id, from option texts."""
    for letter, text in case.options.items():
        if text not in names:
            raise DataError(f"option {letter}: {text!r} is nothing that the world knows here")
    candidates = {letter: names[text] for letter, text in case.options.items()}
    if len(set(candidates.values())) != len(candidates):
        raise DataError("option: one stands twice")
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
    digits = r"\d+" + (rf"\.\d{{{decimals}}}" if decimals else "")
    found = re.fullmatch(f"{re.escape(before)}({digits}){re.escape(after)}", phrase)
    return float(found[1]) if found else None


def name_sex(patient: Patient) -> Sex:
    """The sex as a truth has it."""
    return "female" if patient.sex == "female" else "male"


def is_beyond(value: float, below: float | None, start: float | None) -> bool:
    """Whether a value lies below the one limit or from the other up; just one is set."""
    return value < below if below is not None else start is not None and value >= start
