"""What models came to on the same cases: a result for each suite and model, and every paired difference.

Counterfactual pairs, two cases that differ in one thing and in their keys, are drawn near where the key flips
and so are harder than other cases. They count for ``pairs_right``, for which both have to be right, and not
for accuracy; a kind of which there are pairs alone has its accuracy over the first of each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import combinations
from typing import Any

from gazal.cases.published import name_suite
from gazal.cases.table import SUITES
from gazal.core.case import Case
from gazal.core.pairs import find_pairs
from gazal.core.trace import Trace
from gazal.errors import DataError
from gazal.evaluate.closer import LOOKS, look_closer
from gazal.evaluate.compare import Paired, compare_paired
from gazal.evaluate.counted import find_counted
from gazal.evaluate.power import correct_many, find_detectable
from gazal.evaluate.samples import keep_first
from gazal.score.tally import Tally, find_floor, find_wilson, judge_all, tally_kinds

Right = Mapping[str, bool]
"""Case id to whether a model has it right."""
LIKELIHOOD = "_likelihood"
"""Follows the name of a model where it chose an option by likelihood instead of replying."""
MANNERS = {"alone": False, "listed": True}
"""How a question is put to a model that chooses by likelihood, to whether it shows the options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How often a model is right, and how it replied. Shares are between 0 and 1.

    A model that chose by likelihood wrote nothing: what describes replies is None for it.
    """

    n: int
    right: int
    accuracy: float
    """``right / n``: abstained, unparsed and truncated replies count as not right."""
    ci95: tuple[float, float]
    """Wilson interval of the accuracy."""
    floor: float | None = None
    """Accuracy from the options alone, for a kind of world case; None elsewhere."""
    chance: float | None = None
    """Accuracy of a guess: the mean of 1 / number of options; None where a case has none."""
    format_ok: float | None = None
    abstained: float | None = None
    unparsed: float | None = None
    truncated: float | None = None
    failed: float | None = None
    steps_supported: float | None = None
    """Share of reasoning steps that the truth supports; None where no case has one, or no reply a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Outcome):
    """One model on one suite."""

    pairs: int
    """Counterfactual pairs of which both cases were asked."""
    pairs_right: float | None
    """Share of the pairs with both right; None where there is no pair."""
    by_kind: Mapping[str, Outcome]
    manner: str | None = None
    """How options were shown to a model that chose by likelihood: ``alone`` or ``listed``."""


def summarise(
    cases: Sequence[Case],
    replies: Mapping[str, Sequence[Trace]],
    choices: Mapping[str, Mapping[str, Right]],
    limit: int | None,
) -> dict[str, Any]:
    """All results as JSON values: ``suites``; by suite and model ``evaluation`` and `LOOKS`; ``paired``.

    Args:
        cases: What was asked. Those without a reply are not counted.
        replies: Name of the model to its replies; of several samples the first counts but for ``samples``.
        choices: Name of the model to the manner in which it was asked by likelihood, to what it has right.
        limit: How many cases of each source were taken at most; None where all were.

    Raises:
        DataError: A reply is to none of the cases, or a case has several.
    """
    suites = split_suites(cases)
    _refuse_strays(cases, replies)
    whole: dict[str, Any] = {"suites": {}, "evaluation": {}, **{look: {} for look in LOOKS}, "paired": []}
    for suite, asked in suites.items():
        ids = {case.id for case in asked}
        whole["suites"][suite] = {"n": len(asked), "of": find_published(suite), "limit": limit}
        here = {name: [t for t in traces if t.case_id in ids] for name, traces in replies.items()}
        here = {name: traces for name, traces in here.items() if traces}
        found: dict[str, tuple[Result, Right]] = {}
        for name in replies:
            if name in here:
                found[name] = weigh_replies(asked, keep_first(here[name]))
            if name in choices and (chosen := weigh_choices(asked, choices[name])):
                found[f"{name}{LIKELIHOOD}"] = chosen
        whole["evaluation"][suite] = {name: asdict(result) for name, (result, _) in found.items()}
        for look, shown in look_closer(asked, here).items():
            whole[look][suite] = shown
        compared = compare_all(suite, {name: right for name, (_, right) in found.items()})
        whole["paired"] += correct_paired([asdict(paired) for paired in compared])
    return whole


def correct_paired(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Paired differences of one suite with ``p_holm``, corrected for their number, and ``detectable``.

    ``detectable`` is the smallest true difference that so many cases find four times in five; None where the
    two never differ, which says nothing of how often they would.
    """
    corrected = correct_many([row["p"] for row in rows])
    return [
        row
        | {
            "p_holm": p,
            "detectable": find_detectable(row["n"], differing / row["n"]) if differing else None,
        }
        for row, p in zip(rows, corrected, strict=True)
        for differing in [row["only_a"] + row["only_b"]]
    ]


def split_suites(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """Suite to its cases, in the order of first appearance."""
    sources: dict[str, list[Case]] = {}
    for case in cases:
        sources.setdefault(case.id.partition("/")[0], []).append(case)
    return {name_suite(found): found for found in sources.values()}


def find_published(suite: str) -> int | None:
    """How many cases a suite was published with; None for cases that are made or come from a file."""
    return SUITES[suite].n if suite in SUITES else None


def weigh_replies(cases: Sequence[Case], traces: Sequence[Trace]) -> tuple[Result, Right]:
    """Judge one model's replies to one suite; also says which of the counted cases it has right.

    Raises:
        DataError: A reply is to another case, or a case has several.
    """
    judged = judge_all(cases, traces)
    replied = {case.id for case, _ in judged}
    if len(replied) != len(judged):
        raise DataError(
            f"{len(judged)} replies to {len(replied)} cases: an evaluation takes one reply to each case. "
            "Leave out further samples."
        )
    cases = [case for case in cases if case.id in replied]
    right = {verdict.case_id: verdict.scores["answer"].why == "right" for _, verdict in judged}
    pairs = find_pairs(cases)
    counted = find_counted(cases, pairs)
    ids = {case.id for case in counted}
    tallies = tally_kinds([(case, verdict) for case, verdict in judged if case.id in ids])
    by_kind = {
        kind: Outcome(**_take(tally), floor=tally.floor, chance=_find_chance(counted, kind))
        for kind, tally in tallies.items()
        if kind != "all"
    }
    result = Result(
        **_take([*tallies.values()][-1]),
        chance=_find_chance(counted),
        pairs=len(pairs),
        pairs_right=_share(right, pairs),
        by_kind=by_kind,
    )
    return result, {case_id: found for case_id, found in right.items() if case_id in ids}


def weigh_choices(cases: Sequence[Case], manners: Mapping[str, Right]) -> tuple[Result, Right] | None:
    """The better of the two manners in which a model was asked by likelihood; None where it was not asked.

    The better of two is what a trained model has to beat: chosen after the fact, it flatters the base alone.
    """
    pairs = find_pairs(cases)
    counted = find_counted(cases, pairs)
    known = {m: {c.id: right[c.id] for c in counted if c.id in right} for m, right in manners.items()}
    known = {manner: right for manner, right in known.items() if right}
    if not known:
        return None
    manner = max(known, key=lambda name: (sum(known[name].values()), name))
    right = known[manner]
    kinds = dict.fromkeys(case.kind for case in counted if case.id in right)
    result = Result(
        **_count(list(right.values())),
        chance=_find_chance(counted),
        pairs=len(pairs),
        pairs_right=_share(manners[manner], pairs),
        by_kind={
            kind: Outcome(
                **_count([right[c.id] for c in counted if c.kind == kind and c.id in right]),
                floor=find_floor(kind),
                chance=_find_chance(counted, kind),
            )
            for kind in kinds
        },
        manner=manner,
    )
    return result, right


def compare_all(suite: str, rights: Mapping[str, Right]) -> Iterator[Paired]:
    """Every two models that were asked the same cases."""
    for a, b in combinations(rights, 2):
        if rights[a].keys() == rights[b].keys():
            yield compare_paired(a, b, rights[a], rights[b], suite)


def _refuse_strays(cases: Sequence[Case], replies: Mapping[str, Sequence[Trace]]) -> None:
    known = {case.id for case in cases}
    for name, traces in replies.items():
        stray = next((trace.case_id for trace in traces if trace.case_id not in known), None)
        if stray is not None:
            raise DataError(
                f"{name}: a reply names case {stray!r}, which is not among the {len(known)} cases. "
                "Score replies with the file of cases that they were written for."
            )


def _take(tally: Tally) -> dict[str, Any]:
    """What an outcome holds of a tally, but for what only a kind has."""
    names = (field.name for field in fields(Outcome))
    return {name: getattr(tally, name) for name in names if name not in ("floor", "chance")}


def _find_chance(cases: Sequence[Case], kind: str | None = None) -> float | None:
    shares = [1 / len(c.options) if c.options else None for c in cases if kind is None or c.kind == kind]
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known and len(known) == len(shares) else None


def _share(right: Right, pairs: Sequence[tuple[str, str]]) -> float | None:
    both = [right.get(a, False) and right.get(b, False) for a, b in pairs]
    return sum(both) / len(both) if both else None


def _count(right: Sequence[bool]) -> dict[str, Any]:
    n, found = len(right), sum(right)
    return {"n": n, "right": found, "accuracy": found / n, "ci95": find_wilson(found, n)}
