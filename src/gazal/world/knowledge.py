"""Load the knowledge in ``facts/``, check that it hangs together, and name its version."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from gazal.errors import KnowledgeError
from gazal.world.records import (
    BedsideScore,
    Condition,
    Drug,
    Finding,
    FlagModifier,
    LevelItem,
    Modifier,
    Test,
    Treatment,
)

T = TypeVar("T")
FILES = ("findings", "conditions", "tests", "modifiers", "drugs", "treatments", "scores")


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """All that the world knows. Every mapping is from id to record, in the order of its file."""

    findings: Mapping[str, Finding]
    conditions: Mapping[str, Condition]
    tests: Mapping[str, Test]
    modifiers: Mapping[str, Modifier]
    drugs: Mapping[str, Drug]
    treatments: Mapping[str, Treatment]
    scores: Mapping[str, BedsideScore]
    version: str
    """First 12 hex digits of the sha256 of the files."""

    def likelihood(self, finding: str, condition: str) -> float:
        """P(finding present | condition): the condition's own figure, else the finding's background rate."""
        own = self.conditions[condition].findings.get(finding)
        return own.p if own else self.findings[finding].background


@cache
def load_knowledge() -> Knowledge:
    """Read the knowledge that the package ships.

    Raises:
        KnowledgeError: If a record is malformed, refers to something unknown, or two phrases collide.
    """
    folder = resources.files("gazal.world") / "facts"
    texts = {name: (folder / f"{name}.yaml").read_bytes() for name in FILES}
    digest = hashlib.sha256(b"".join(texts[name] for name in FILES)).hexdigest()[:12]
    knowledge = Knowledge(
        findings=_read(folder, "findings", texts, TypeAdapter(dict[str, Finding])),
        conditions=_read(folder, "conditions", texts, TypeAdapter(dict[str, Condition])),
        tests=_read(folder, "tests", texts, TypeAdapter(dict[str, Test])),
        modifiers=_read(folder, "modifiers", texts, TypeAdapter(dict[str, Modifier])),
        drugs=_read(folder, "drugs", texts, TypeAdapter(dict[str, Drug])),
        treatments=_read(folder, "treatments", texts, TypeAdapter(dict[str, Treatment])),
        scores=_read(folder, "scores", texts, TypeAdapter(dict[str, BedsideScore])),
        version=digest,
    )
    check_knowledge(knowledge)
    return knowledge


def check_knowledge(knowledge: Knowledge) -> None:
    """Refuse knowledge with dangling references or with phrases that two records claim.

    Raises:
        KnowledgeError: With the first fault found.
    """
    for condition_id, condition in knowledge.conditions.items():
        _require(knowledge.findings, condition.findings, f"conditions.{condition_id}.findings")
    for finding_id, finding in knowledge.findings.items():
        _require(knowledge.findings, finding.apart, f"findings.{finding_id}.apart")
    for test_id, test in knowledge.tests.items():
        _require(knowledge.conditions, [test.condition], f"tests.{test_id}.condition")
    for drug_id, drug in knowledge.drugs.items():
        _require(knowledge.modifiers, drug.avoid, f"drugs.{drug_id}.avoid")
    for problem_id, problem in knowledge.treatments.items():
        _require(knowledge.drugs, problem.choices, f"treatments.{problem_id}.choices")
    for where, phrases in _phrase_sets(knowledge).items():
        twice = [phrase for phrase, n in Counter(p.lower() for p in phrases).items() if n > 1]
        if twice:
            raise KnowledgeError(f"{where}: {twice[0]!r} stands twice. Every phrase must mean one thing.")


def _phrase_sets(knowledge: Knowledge) -> dict[str, list[str]]:
    flags = [m for m in knowledge.modifiers.values() if isinstance(m, FlagModifier)]
    sets = {
        "findings": [p for f in knowledge.findings.values() for p in (*f.present, *f.absent)],
        "modifiers": [p for m in flags for p in (*m.present, *m.absent)],
        "conditions": [c.name for c in knowledge.conditions.values()],
        "treatments": [t.name for t in knowledge.treatments.values()],
        "drugs": [d.name for d in knowledge.drugs.values()],
        "tests": [p for t in knowledge.tests.values() for p in (*t.positive, *t.negative)],
    }
    for name, score in knowledge.scores.items():
        levels = [item for item in score.items.values() if isinstance(item, LevelItem)]
        sets[f"scores.{name}"] = [p for item in levels for level in item.levels for p in level.phrases]
    return sets


def _require(known: Mapping[str, object], wanted: Iterable[str], where: str) -> None:
    for name in wanted:
        if name not in known:
            raise KnowledgeError(f"{where}: {name!r} is not known. Add it or correct the spelling.")


def _read(folder: Traversable, name: str, texts: Mapping[str, bytes], shape: TypeAdapter[T]) -> T:
    try:
        return shape.validate_python(yaml.load(texts[name], yaml.CSafeLoader))
    except (yaml.YAMLError, ValidationError) as error:
        raise KnowledgeError(f"{folder / f'{name}.yaml'}: {error}") from None
