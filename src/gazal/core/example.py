"""An Example: a case with a reply that is worth learning from, and where both come from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gazal.core.case import Case
from gazal.core.store import explain, parse_case
from gazal.core.trace import Trace
from gazal.errors import DataError

EXAMPLES = "examples.jsonl"
"""What a curated set is called in its folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where an example comes from, and what was found of it."""

    source: str
    """``world``, the name of a public set, or the name of a file."""
    row: str
    """First 12 hex digits of the sha256 of the row as it was read; of a world case, of its content."""
    made: str = ""
    """What decides a made case: split, seed and version of the knowledge."""
    teacher: str = ""
    """Who wrote the reply: ``world``, a model's name, ``examiners``; empty where the source does not say."""
    licence: str
    judged: Mapping[str, str] = field(default_factory=dict)
    """Judge to its reason, of every judge that looked at the reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A kept case and reply, ready to learn from."""

    case: Case
    reply: str
    lineage: Lineage

    @property
    def trace(self) -> Trace:
        """The reply as a Trace."""
        return Trace(case_id=self.case.id, text=self.reply, model=self.lineage.teacher)


_CASE, _LINEAGE = TypeAdapter(Case), TypeAdapter(Lineage)


def write_example(example: Example) -> bytes:
    """One line of ``examples.jsonl``, without its end."""
    record = {
        "id": example.case.id,
        "case": _CASE.dump_python(example.case),  # A fifth of the time of dataclasses.asdict.
        "reply": example.reply,
        "lineage": _LINEAGE.dump_python(example.lineage),
    }
    return json.dumps(record, separators=(",", ":")).encode()


def parse_example(value: Mapping[str, Any], where: str) -> Example:
    """Turn one JSON object into an Example.

    Raises:
        DataError: With ``where``, the field and what is wrong with it.
    """
    for name, kind in (("case", dict), ("reply", str), ("lineage", dict)):
        if not isinstance(value.get(name), kind):
            raise DataError(f"{where}: not an example: {name} is {value.get(name)!r:.60}.")
    try:
        lineage = _LINEAGE.validate_json(json.dumps(value["lineage"]), strict=True)
    except ValidationError as error:
        raise DataError(f"{where}: lineage: {explain(error)}") from None
    return Example(case=parse_case(value["case"], where), reply=value["reply"], lineage=lineage)
