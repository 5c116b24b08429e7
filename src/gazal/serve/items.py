"""What there is to look at in a run: replies of its evaluation, rollouts of its training, their tags."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from gazal.core.case import Case
from gazal.core.store import CASES, append_line, cut_torn, read_cases, read_objects, read_traces
from gazal.core.trace import Trace
from gazal.errors import DataError
from gazal.evaluate.results import LIKELIHOOD
from gazal.evaluate.samples import keep_first
from gazal.score.answer import judge_answer
from gazal.score.grounding import judge_grounding

ROLLOUTS, ALARMS, TAGS = "rollouts.jsonl", "alarms.jsonl", "tags.jsonl"
MOST_ROLLOUTS = 20_000
"""So many of the newest are looked at."""
LOOKS = {
    "all": "Everything",
    "paid_but_wrong": "Highest reward, but not right",
    "right_but_unsound": "Right, but a step contradicts the case",
    "alarm": "Those that an alarm points to",
    "tagged": "Those that were tagged",
}
"""What a person may look for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One reply."""

    key: str
    """``<model or step>|<case id>|<sample>``: what a tag names."""
    source: str
    """``evaluation: sft``, or ``rollouts``."""
    case: Case
    trace: Trace
    why: str
    """Reason of the answer judge."""
    total: float | None = None
    """Reward, of a rollout."""
    parts: dict[str, float] = field(default_factory=dict)
    step: int | None = None
    alarm: bool = False

    @property
    def right(self) -> bool:
        """Whether the answer is."""
        return self.why == "right"

    @property
    def title(self) -> str:
        """A line for a list."""
        paid = "" if self.total is None else f", reward {self.total:.2f}"
        step = "" if self.step is None else f"step {self.step}, "
        return f"{step}{self.case.id}#{self.trace.sample}, {self.case.kind}, {self.why}{paid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Filters; all must hold."""

    source: str
    look: str = "all"
    kind: str = "all"
    outcome: str = "all"
    holds: str = ""
    """Words that question or reply must hold."""


def list_sources(run: Path) -> list[str]:
    """What can be browsed, evaluations first."""
    place = _find_evaluation(run)
    names = []
    if (place / "results.json").is_file():
        results = json.loads((place / "results.json").read_text(encoding="utf-8"))
        named = dict.fromkeys(name for found in results["evaluation"].values() for name in found)
        models = [name for name in named if not name.endswith(LIKELIHOOD)]
        names = [f"evaluation: {name}" for name in models if (place / f"{name}.jsonl").is_file()]
    return [*names, *(["rollouts"] if _find_rollouts(run) else [])]


def read_items(run: Path, source: str) -> list[Item]:
    """The items of one source, in the order of its file.

    Raises:
        DataError: A file is missing or torn.
    """
    if source == "rollouts":
        return list(_read_rollouts(run))
    place, model = _find_evaluation(run), source.partition(": ")[2]
    cases = {case.id: case for case in read_cases(find_asked(run))}
    return [
        Item(
            key=f"{model}|{trace.case_id}|{trace.sample}",
            source=source,
            case=cases[trace.case_id],
            trace=trace,
            why=judge_answer(cases[trace.case_id], trace).why,
        )
        for trace in keep_first(read_traces(place / f"{model}.jsonl"))
        if trace.case_id in cases
    ]


def find_asked(run: Path) -> Path:
    """The cases that the evaluation asked."""
    inside = run / "cases" / "evaluate" / CASES
    return inside if inside.is_file() else run / CASES


def select(items: Sequence[Item], wanted: Wanted, tagged: frozenset[str] = frozenset()) -> list[Item]:
    """The items for which all filters hold; the best paid first where that is what is looked for."""
    words = wanted.holds.casefold().split()
    found = [
        item
        for item in items
        if wanted.kind in ("all", item.case.kind)
        and (wanted.outcome == "all" or item.right == (wanted.outcome == "right"))
        and all(word in f"{item.case.question} {item.trace.text}".casefold() for word in words)
    ]
    match wanted.look:
        case "paid_but_wrong":
            paid = [item for item in found if not item.right and item.total is not None]
            return sorted(paid, key=lambda item: -cast(float, item.total))
        case "right_but_unsound":
            return [item for item in found if item.right and _contradicts(item)]
        case "alarm":
            return [item for item in found if item.alarm]
        case "tagged":
            return [item for item in found if item.key in tagged]
    return found


def add_tag(run: Path, item: Item, tags: Sequence[str], note: str) -> Path:
    """Append a tag to ``tags.jsonl`` of the run; the last line on a reply counts.

    Raises:
        DataError: It cannot be written.
    """
    path = run / TAGS
    if path.exists():
        cut_torn(path)
    row = {"key": item.key, "source": item.source, "case_id": item.case.id, "sample": item.trace.sample}
    append_line(path, {**row, "tags": list(tags), "note": note})
    return path


def read_tags(run: Path) -> dict[str, dict[str, Any]]:
    """Key to what was tagged last; replies whose tags were taken away are left out."""
    path = run / TAGS
    if not path.exists() or not path.stat().st_size:
        return {}
    last = {str(row.get("key")): row for _, row in read_objects(path)}
    return {key: row for key, row in last.items() if row.get("tags") or row.get("note")}


def _read_rollouts(run: Path) -> Iterator[Item]:
    path = _find_rollouts(run)
    if path is None:
        raise DataError(f"{run}: holds no rollouts. Name a run with a GRPO stage.")
    cases = {case.id: case for case in read_cases(run / "cases" / "grpo" / CASES)}
    pointed = _read_alarms(path.with_name(ALARMS))
    rows = [row for _, row in read_objects(path)][-MOST_ROLLOUTS:]
    for row in rows:
        if (case := cases.get(row["case_id"])) is None:
            continue
        trace = Trace(
            case_id=case.id, text=row["text"], sample=row["sample"], model="policy", stop=row["stop"]
        )
        yield Item(
            key=f"{row['step']}|{case.id}|{row['sample']}",
            source="rollouts",
            case=case,
            trace=trace,
            why=row["why"].get("answer", "unscored"),
            total=row["total"],
            parts=row["parts"],
            step=row["step"],
            alarm=(row["step"], f"{case.id}#{row['sample']}") in pointed,
        )


def _read_alarms(path: Path) -> set[tuple[int, str]]:
    if not path.exists() or not path.stat().st_size:
        return set()
    return {(row["step"], name) for _, row in read_objects(path) for name in row.get("rollouts", ())}


def _contradicts(item: Item) -> bool:
    if item.case.truth is None:
        return False
    return any(step.support == "contradicted" for step in judge_grounding(item.case, item.trace).steps)


def _find_evaluation(run: Path) -> Path:
    return run if (run / "results.json").is_file() else run / "evaluate"


def _find_rollouts(run: Path) -> Path | None:
    for name in ("grpo", "grpo.part"):
        if (path := run / name / ROLLOUTS).is_file() and path.stat().st_size:
            return path
    return None
