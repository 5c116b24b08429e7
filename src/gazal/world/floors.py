"""The options-only floors: how often the key is found by who sees the options and nothing else.

Measured by ``benchmarks/floors.py`` and kept beside the knowledge that they were measured on.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What options alone give away for one kind of case. All but the counts are shares."""

    chance: float
    """Mean of 1 / number of options over the test cases."""
    accuracy: float
    """Of a classifier that sees only the options."""
    upper95: float
    """Upper end of the 95 % Wilson interval of ``accuracy``."""
    n_train: int
    n_test: int


@cache
def load_floors() -> tuple[str, dict[str, Floor]]:
    """Version of the knowledge that was measured, and kind to floor."""
    text = (resources.files("gazal.world") / "floors.json").read_text(encoding="utf-8")
    record: dict[str, Any] = json.loads(text)
    return record["knowledge"], {kind: Floor(**floor) for kind, floor in record["floors"].items()}
