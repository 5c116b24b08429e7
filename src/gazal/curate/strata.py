"""Stratified mixing: no more than so many examples of a kind, specialty, difficulty or source."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from gazal.core.example import Example
from gazal.errors import ConfigError

NAMES = ("kind", "specialty", "difficulty", "source")
UNTOLD = "untold"


@dataclass(slots=True)
class Strata:
    """How many examples of each stratum are kept, and how many may be."""

    caps: Mapping[str, int]
    """``kind`` caps every kind alike, ``kind:diagnosis`` that one; the second counts where both are there."""
    kept: Counter[str] = field(default_factory=Counter)

    def find_full(self, example: Example) -> str | None:
        """The first stratum of an example that holds as many as it may; None where all have room."""
        for name, stratum in list_strata(example).items():
            cap = self.caps.get(stratum, self.caps.get(name))
            if cap is not None and self.kept[stratum] >= cap:
                return f"{stratum} has its {cap:,}"
        return None

    def add(self, example: Example) -> None:
        """Count one that is kept."""
        if self.caps:
            self.kept.update(list_strata(example).values())


def list_strata(example: Example) -> dict[str, str]:
    """Name of a tag to ``name:value``."""
    tags = example.case.tags
    values = (example.case.kind, tags.specialty, tags.difficulty, example.lineage.source)
    return {name: f"{name}:{value or UNTOLD}" for name, value in zip(NAMES, values, strict=True)}


def read_caps(words: list[str]) -> dict[str, int]:
    """From ``kind=500`` or ``difficulty:easy=200``.

    Raises:
        ConfigError: Another form, or a tag that is not known.
    """
    found: dict[str, int] = {}
    for word in words:
        stratum, _, number = word.rpartition("=")
        if stratum.partition(":")[0] not in NAMES or not number.isdecimal() or stratum.endswith(":"):
            raise ConfigError(
                f"--cap {word!r}: say NAME=N or NAME:VALUE=N, such as kind=500 or difficulty:easy=200; "
                f"names are {', '.join(NAMES)}."
            )
        found[stratum] = int(number)
    return found
