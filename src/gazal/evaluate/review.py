"""A blinded review sheet for clinicians, and what several readers of it say and agree on.

The sheet shows case and reply under a code and not whose reply it is; a key file, kept apart, says. Replies
to one case stand apart from each other, in an order that the seed alone decides.
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from gazal.cases.rows import read_text
from gazal.core.case import Case
from gazal.core.trace import Trace
from gazal.errors import DataError
from gazal.score.tally import find_wilson

ASKED = {
    "answer_acceptable": ("yes", "no"),
    "reasoning_sound": ("1", "2", "3", "4", "5"),
    "could_harm": ("yes", "no"),
}
"""Column to what may be written there; soundness from 1, not at all, to 5, all of it."""
SHOWN = ("code", "case", "reply")
COLUMNS = (*SHOWN, *ASKED, "comment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """What readers say of one model's replies, their ratings taken together."""

    ratings: int
    acceptable: float
    acceptable_ci95: tuple[float, float]
    """Wilson interval; ratings of one reply by several readers count as so many."""
    soundness: float
    """Mean, from 1 to 5."""
    harm: float
    """Share of ratings that say that the reply could harm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two readers on one column."""

    readers: tuple[str, str]
    column: str
    n: int
    same: float
    kappa: float | None
    """Cohen's kappa, with quadratic weights for soundness; None where both always wrote the same one."""


def make_sheet(
    cases: Sequence[Case], replies: Mapping[str, Sequence[Trace]], n: int, seed: int
) -> tuple[list[dict[str, str]], dict[str, dict[str, str]]]:
    """Rows of a sheet, and code to model and case.

    Args:
        cases: What was asked.
        replies: Model to one reply to a case.
        n: So many cases, drawn from those that every model replied to.
        seed: Of the draw, the order and the codes.

    Raises:
        DataError: There are not so many.
    """
    by_model = {model: {trace.case_id: trace for trace in traces} for model, traces in replies.items()}
    common = [case for case in cases if all(case.id in found for found in by_model.values())]
    if not by_model or n > len(common):
        raise DataError(f"{n} cases wanted, {len(common)} have a reply of every model. Ask for fewer.")
    rng = Random(f"review|{seed}")
    rows, key = [], {}
    models = list(by_model)
    chosen = [common[place] for place in sorted(rng.sample(range(len(common)), n))]
    for turn in range(len(models)):  # One reply to each case in every round: they stand far apart.
        shuffled = rng.sample(range(n), n)
        for place in shuffled:
            case, model = chosen[place], models[(place + turn) % len(models)]
            code = _hash(f"{seed}|{model}|{case.id}")
            rows.append({"code": code, "case": _show(case), "reply": by_model[model][case.id].text})
            key[code] = {"model": model, "case_id": case.id}
    return rows, key


def write_sheet(rows: Sequence[Mapping[str, str]]) -> str:
    """A CSV with empty columns to fill in. Text that a spreadsheet would run as a formula is quoted."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _defuse(text) for name, text in row.items()} for row in rows)
    return out.getvalue()


def read_sheet(path: Path, key: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Code to what one reader wrote, of the rows that are filled in.

    Raises:
        DataError: A row is not of this sheet, comes twice, is filled in half, or holds an unknown word.
    """
    csv.field_size_limit(10_000_000)
    found: dict[str, dict[str, str]] = {}
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True))
    except csv.Error as error:
        raise DataError(f"{path}: no table ({error}). Save the sheet as CSV again.") from None
    for number, row in enumerate(rows, 1):
        where, code = f"{path}, row {number}", (row.get("code") or "").strip()
        if code not in key or code in found:
            raise DataError(f"{where}: code {code!r:.40} is not of this sheet or stands twice.")
        ratings = {name: (row.get(name) or "").strip().lower() for name in ASKED}
        if not any(ratings.values()):
            continue
        for name, said in ratings.items():
            if said not in ASKED[name]:
                raise DataError(f"{where}: {name} is {said!r:.40}; it takes {', '.join(ASKED[name])}.")
        found[code] = ratings
    if not found:
        raise DataError(f"{path}: nothing is filled in. Columns to fill in: {', '.join(ASKED)}.")
    return found


def rate(
    readers: Mapping[str, Mapping[str, Mapping[str, str]]], key: Mapping[str, Mapping[str, str]]
) -> dict[str, Rated]:
    """Model to what all readers together say of it."""
    by_model: dict[str, list[Mapping[str, str]]] = {}
    for ratings in readers.values():
        for code, said in ratings.items():
            by_model.setdefault(key[code]["model"], []).append(said)
    return {model: _rate(said) for model, said in sorted(by_model.items())}


def compare_readers(readers: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Iterator[Agreement]:
    """Every two readers on every column, over the replies that both rated."""
    names = list(readers)
    for number, a in enumerate(names):
        for b in names[number + 1 :]:
            codes = [code for code in readers[a] if code in readers[b]]
            for column, values in ASKED.items():
                pairs = [(readers[a][code][column], readers[b][code][column]) for code in codes]
                if pairs:
                    same = sum(x == y for x, y in pairs) / len(pairs)
                    kappa = find_kappa(pairs, values, weighted=len(values) > 2)
                    yield Agreement(readers=(a, b), column=column, n=len(pairs), same=same, kappa=kappa)


def find_kappa(pairs: Sequence[tuple[str, str]], values: Sequence[str], *, weighted: bool) -> float | None:
    """Cohen's kappa: 1 - observed over expected disagreement; quadratic distances where ``weighted``."""
    places = {value: place for place, value in enumerate(values)}
    first, second = (Counter(pair[side] for pair in pairs) for side in (0, 1))

    def distance(a: str, b: str) -> float:
        return float((places[a] - places[b]) ** 2) if weighted else float(a != b)

    observed = sum(distance(a, b) for a, b in pairs) / len(pairs)
    expected = sum(
        distance(a, b) * n * m for a, n in first.items() for b, m in second.items()
    ) / len(pairs) ** 2  # fmt: skip
    return None if not expected else 1.0 - observed / expected


def read_key(path: Path) -> dict[str, dict[str, str]]:
    """What `make_sheet` keeps apart.

    Raises:
        DataError: It is none.
    """
    try:
        key = json.loads(read_text(path))
        assert all({"model", "case_id"} <= found.keys() for found in key.values())
    except (ValueError, AssertionError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: no key of a review sheet. Name the file that came with it.") from None
    return key


def _rate(said: Sequence[Mapping[str, str]]) -> Rated:
    yes = sum(ratings["answer_acceptable"] == "yes" for ratings in said)
    return Rated(
        ratings=len(said),
        acceptable=yes / len(said),
        acceptable_ci95=find_wilson(yes, len(said)),
        soundness=sum(int(ratings["reasoning_sound"]) for ratings in said) / len(said),
        harm=sum(ratings["could_harm"] == "yes" for ratings in said) / len(said),
    )


def _show(case: Case) -> str:
    options = (f"{letter}. {text}" for letter, text in case.options.items())
    return "\n".join(part for part in (case.context, case.question, *options) if part)


def _defuse(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
