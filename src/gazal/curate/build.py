"""From incoming rows to a set to learn from: each row is kept or dropped with a reason, once.

One pass, one line out for each row in, so a pass that was stopped is gone on with: what it wrote is read
again, and as many rows are passed over.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from gazal.cases.overlap import Overlap
from gazal.core.example import EXAMPLES, Example, parse_example, write_example
from gazal.core.score import Score
from gazal.core.store import cut_torn, read_objects
from gazal.curate.checks import Limits, find_fault, judge
from gazal.curate.dedup import Asked, Seen, take_apart
from gazal.curate.incoming import Incoming
from gazal.curate.strata import Strata
from gazal.errors import DataError

DROPPED = "dropped.jsonl"
SHOWN = 400
"""Characters of a question that are shown of a row that was dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a set is built."""

    limits: Limits
    without: frozenset[str] = frozenset()
    """Sources to leave out."""
    most: int | None = None
    """Stop when so many are kept."""
    caps: Mapping[str, int] = field(default_factory=dict)
    """How many examples of a stratum are kept, as `Strata` reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was kept so far, as far as it decides about what comes."""

    seen: Seen
    strata: Strata

    def add(self, asked: Asked, example: Example) -> None:
        """Remember one that is kept."""
        self.seen.add(asked)
        self.strata.add(example)


def build(
    rows: Iterator[Incoming], rules: Rules, against: Overlap | None, folder: Path
) -> Iterator[tuple[int, int]]:
    """Write ``examples.jsonl`` and ``dropped.jsonl``; goes on where it was stopped.

    Args:
        rows: What comes in, in the same order each time.
        rules: What is kept.
        against: Evaluation items that nothing may be a copy of; None leaves that out.
        folder: Where the two files are or grow.

    Yields:
        Rows read and examples kept so far, now and then.

    Raises:
        DataError: The files cannot be written, or hold something else.
    """
    before = Kept(seen=Seen(), strata=Strata(rules.caps))
    done = kept = _take_up(folder, before)
    done += _count_lines(folder / DROPPED)
    try:
        with ExitStack() as stack:
            examples = stack.enter_context((folder / EXAMPLES).open("ab"))
            dropped = stack.enter_context((folder / DROPPED).open("ab"))
            number = 0
            for number, row in enumerate(rows, 1):
                if rules.most is not None and kept >= rules.most:
                    break
                if number > done:
                    kept += _settle(row, rules, against, before, examples, dropped)
                if number % 500 == 0:
                    yield number, kept
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be written ({error.strerror}). Make room, then run the same command again."
        ) from error
    yield number, kept


def count(folder: Path) -> dict[str, Any]:
    """What a set holds and what was dropped, by kind, source, licence, difficulty and reason."""
    counts = {name: Counter[str]() for name in ("kind", "source", "licence", "difficulty", "teacher")}
    lengths: list[int] = []
    if (folder / EXAMPLES).stat().st_size:
        for number, value in read_objects(folder / EXAMPLES):
            example = parse_example(value, f"{folder / EXAMPLES}, line {number}")
            counts["kind"][example.case.kind] += 1
            counts["source"][example.lineage.source] += 1
            counts["licence"][example.lineage.licence] += 1
            counts["difficulty"][example.case.tags.difficulty or "not told"] += 1
            counts["teacher"][example.lineage.teacher or "not told"] += 1
            lengths.append(len(example.case.question) + len(example.reply))
    reasons, leaks = Counter[str](), Counter[str]()
    if (folder / DROPPED).stat().st_size:
        for _, value in read_objects(folder / DROPPED):
            reasons[value["reason"]] += 1
            if value["reason"] == "leak":
                leaks[str(value["of"]).partition("/")[0]] += 1
    return {
        "kept": len(lengths),
        "dropped": dict(reasons.most_common()),
        "leaks": dict(leaks.most_common()),
        "lengths": lengths,
        **{name: dict(found.most_common()) for name, found in counts.items()},
    }


def _settle(
    row: Incoming, rules: Rules, against: Overlap | None, kept: Kept, examples: BinaryIO, dropped: BinaryIO
) -> int:
    """Write one row to where it belongs; 1 where it is kept."""
    scores = judge(row.example) if row.example is not None else {}
    asked = take_apart(row.example.case) if row.example is not None else None
    fault = _find_reason(row, scores, asked, rules, against, kept)
    if fault is None:
        assert row.example is not None and asked is not None
        judged = {name: score.why for name, score in scores.items()}
        lineage = replace(row.example.lineage, judged=judged)
        examples.write(write_example(replace(row.example, lineage=lineage)) + b"\n")
        examples.flush()
        kept.add(asked, row.example)
        return 1
    told = {"where": row.where, "source": row.source, "row": row.row, **fault}
    if row.example is not None:
        told |= {"id": row.example.case.id, "question": row.example.case.question[:SHOWN]}
    dropped.write(json.dumps(told).encode() + b"\n")
    dropped.flush()
    return 0


def _find_reason(
    row: Incoming,
    scores: Mapping[str, Score],
    asked: Asked | None,
    rules: Rules,
    against: Overlap | None,
    kept: Kept,
) -> dict[str, Any] | None:
    """Why a row is not kept: ``reason``, ``what`` was seen, and what a repeat or leak is a copy ``of``."""
    example = row.example
    if example is None or asked is None:
        return {"reason": row.reason, "what": row.what}
    if rules.without & {row.source, example.lineage.source}:
        return {"reason": "left_out", "what": f"source {row.source}"}
    if (fault := find_fault(example, scores, rules.limits)) is not None:
        return {"reason": fault[0], "what": fault[1]}
    if (repeat := kept.seen.find(asked)) is not None:
        name = "exact_duplicate" if repeat.exact else "near_duplicate"
        return {"reason": name, "of": repeat.case_id, "what": f"similarity {repeat.similarity:.2f}"}
    if (leak := _find_leak(example, against)) is not None:
        return leak
    full = kept.strata.find_full(example)
    return None if full is None else {"reason": "enough", "what": full}


def _find_leak(example: Example, against: Overlap | None) -> dict[str, Any] | None:
    if against is None:
        return None
    match = against.find_case(example.case)
    if match is None:
        return None
    return {
        "reason": "leak",
        "of": match.case_id,
        "what": f"{match.how}, {match.score:.2f} of the words",
        "pair": match.question[:SHOWN],
    }


def _take_up(folder: Path, kept: Kept) -> int:
    """Read what an earlier pass kept; a last line that was torn is taken off."""
    path = folder / EXAMPLES
    for part in (path, folder / DROPPED):
        part.touch()
        cut_torn(part)
    if not path.stat().st_size:
        return 0
    for number, value in read_objects(path):
        example = parse_example(value, f"{path}, line {number}")
        kept.add(take_apart(example.case), example)
    return len(kept.seen)


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)
