"""A case's way through a run: learnt from in SFT, practised on in GRPO, asked in the evaluation."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from gazal.core.case import Case
from gazal.core.store import CASES, REPLIES, read_cases, read_objects, read_traces
from gazal.core.trace import Stop, Trace
from gazal.errors import DataError
from gazal.evaluate.results import LIKELIHOOD
from gazal.report.examples import ANSWERS
from gazal.report.numbers import EVALUATE, REPLYING, STEPS, Stage, find_replies, read_stages
from gazal.report.phrases import plural, title_model
from gazal.report.words import MANNERS
from gazal.score.answer import judge_answer

SFT, GRPO = "sft", "grpo"
VISITED = {SFT: "SFT", GRPO: "GRPO", EVALUATE: "evaluation"}
"""Stages for which cases are gathered, in their order, to what they are called."""
ROLLOUTS = "rollouts.jsonl"
Gathered = Mapping[str, Mapping[str, Case]]
"""Stage to the cases gathered for it, by id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One line of ``rollouts.jsonl``."""

    step: int
    case_id: str
    sample: int
    stop: Stop
    n_tokens: int | None
    total: float | None
    parts: Mapping[str, float]
    why: Mapping[str, str]
    advantage: float
    text: str
    kept: bool = True
    """False where dynamic sampling put another case in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A reply to show, under a heading."""

    title: str
    trace: Trace
    brief: bool = False
    """In short: what the judges make of it is told already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What the files of a run say about one case."""

    run: Path
    case: Case
    sizes: Mapping[str, int]
    """Stage to how many cases were gathered for it."""
    gathered_for: tuple[str, ...]
    """The stages that this case was gathered for."""
    stages: Mapping[str, Stage]
    """Those that are whole."""
    lesson: Trace | None = None
    """What SFT was given to learn from."""
    n_learnt: int = 0
    """Examples that the steps of SFT went through, one counted as often as it came."""
    rollouts: tuple[Rollout, ...] = ()
    replies: Mapping[str, Trace] = field(default_factory=dict)
    """Model to its reply in the evaluation."""
    choices: Mapping[str, Mapping[str, tuple[str, bool]]] = field(default_factory=dict)
    """Model to how it was asked by likelihood to what it chose, and whether that is right."""


def read_gathered(run: Path) -> dict[str, dict[str, Case]]:
    """Read the cases of a run.

    Raises:
        DataError: There is no such folder, it has no cases, or a file of cases is torn.
    """
    if not run.is_dir():
        raise DataError(f"{run}: no such folder. Name the folder of a run, such as runs/demo.")
    paths = {name: run / "cases" / name / CASES for name in VISITED}
    found = {
        name: {case.id: case for case in read_cases(path)} for name, path in paths.items() if path.exists()
    }
    if not found:
        raise DataError(
            f"{run}: has no cases, so there is no way to show. Name the folder of a run, or make one there: "
            f"gazal run RECIPE --out {run}."
        )
    return found


def read_way(run: Path, case: Case, gathered: Gathered) -> Way:
    """Read what the stages of a run left about a case; stages that are not finished are passed over.

    Raises:
        DataError: A file is missing or torn.
    """
    stages = read_stages(run)
    visited = tuple(name for name, cases in gathered.items() if case.id in cases)
    done = [name for name in visited if name in stages]
    return Way(
        run=run,
        case=case,
        sizes={name: len(cases) for name, cases in gathered.items()},
        gathered_for=visited,
        stages=stages,
        lesson=_find_reply(run / "cases" / SFT / REPLIES, case, run / "cases") if SFT in visited else None,
        n_learnt=_count_learnt(run / SFT / STEPS) if SFT in done else 0,
        rollouts=tuple(_read_rollouts(run / GRPO / ROLLOUTS, case)) if GRPO in done else (),
        replies=_read_replies(run, case, stages[EVALUATE]) if EVALUATE in done else {},
        choices=_read_choices(run / EVALUATE, case) if EVALUATE in done else {},
    )


def tell_way(way: Way, solution: Trace | None) -> Iterator[str | Shown]:
    """Tell the way of a case, stage by stage.

    Args:
        way: What `read_way` gave.
        solution: The worked solution where it is shown already: it is not shown twice.
    """
    others = [VISITED[name] for name in way.sizes if name not in way.gathered_for]
    without = f"; not in {', '.join(others)}" if others else ""
    yield f"\nway through {way.run}: {', '.join(VISITED[name] for name in way.gathered_for)}{without}"
    tellers = {SFT: _tell_sft, GRPO: _tell_grpo, EVALUATE: _tell_evaluation}
    for name in way.gathered_for:
        if name in way.stages:
            yield from tellers[name](way)
        else:
            yield f"\n{VISITED[name]}: one of {_count(way.sizes[name])}; {way.run / name} is not there yet"
        if name == SFT and way.lesson is not None:
            if solution is not None and way.lesson.text == solution.text:
                yield "  to learn: the worked solution above"
            else:
                yield Shown(title=f"to learn, by {way.lesson.model or 'unknown'}", trace=way.lesson)


def _tell_sft(way: Way) -> Iterator[str]:
    """Certain only where every example was learnt from: the run does not keep which ones were not."""
    n, n_long = way.sizes[SFT], _read_number(way.stages[SFT], "too_long")
    if not n_long and way.n_learnt >= n:
        yield f"\nSFT: learnt from its solution, one of {n:,}, {way.n_learnt / n:.1f} times on average"
        return
    notes = [f"left out as too long: {n_long:,}"] if n_long else []
    if way.n_learnt < n - n_long:
        notes.append(f"reached by the steps: {way.n_learnt:,}")
    yield f"\nSFT: its solution is one of {n:,} to learn from"
    yield f"  {'; '.join(notes)} (which ones is not kept)"


def _tell_grpo(way: Way) -> Iterator[str | Shown]:
    steps = list(dict.fromkeys(rollout.step for rollout in way.rollouts))
    if not steps:
        yield f"\nGRPO: one of {_count(way.sizes[GRPO])}, but drawn at no step"
        return
    numbers = ", ".join(map(str, steps))
    yield f"\nGRPO: one of {_count(way.sizes[GRPO])}, drawn at {plural(len(steps), 'step')} {numbers}"
    for step in steps:
        yield from _tell_step(way, [rollout for rollout in way.rollouts if rollout.step == step])


def _tell_step(way: Way, rollouts: Sequence[Rollout]) -> Iterator[str | Shown]:
    """Every rollout of the case at one step, then the best and the worst."""
    step, parts = rollouts[0].step, list(dict.fromkeys(name for r in rollouts for name in r.parts))
    rows = [("sample", "stop", "tokens", *parts, "total", "advantage", "answer is")]
    for r in rollouts:
        tokens = "" if r.n_tokens is None else str(r.n_tokens)
        values = [f"{r.parts[name]:+.3f}" if name in r.parts else "" for name in parts]
        ends = (_sign(r.total), _sign(r.advantage), r.why.get("answer", ""))
        rows.append((str(r.sample), r.stop, tokens, *values, *ends))
    away = "" if rollouts[0].kept else " (all alike: another case took its place)"
    yield f"\nstep {step}, what each rollout earned{away}:"
    yield from _align(rows)
    scored = [(r.total, r) for r in rollouts if r.total is not None]
    if not scored:
        return
    best, worst = (choose(scored, key=lambda pair: pair[0]) for choose in (max, min))
    chosen = {"best rollout": best, "worst rollout": worst}
    if best[0] == worst[0]:
        chosen = {"first of equal rollouts": best}
    for which, (total, r) in chosen.items():
        trace = Trace(case_id=way.case.id, text=r.text, sample=r.sample, stop=r.stop, n_tokens=r.n_tokens)
        title = f"step {step}, {which}: sample {r.sample}, total {_sign(total)}"
        yield Shown(title=title, trace=trace, brief=True)


def _tell_evaluation(way: Way) -> Iterator[str | Shown]:
    yield f"\nevaluation: one of {_count(way.sizes[EVALUATE])} asked"
    for name, trace in way.replies.items():
        why = judge_answer(way.case, trace).why
        found = why if why in ("right", "wrong") else f"not right ({ANSWERS.get(why, why)})"
        yield Shown(title=f"{title_model(name)}, {found}", trace=trace)
        if name in way.choices:
            made = [
                f"{letter} with {MANNERS.get(how, how)} ({'right' if right else 'wrong'})"
                for how, (letter, right) in way.choices[name].items()
            ]
            yield f"\n{title_model(name + LIKELIHOOD)}: {', '.join(made)}"


def _find_reply(path: Path, case: Case, stage: Path) -> Trace:
    found = next((trace for trace in read_traces(path) if trace.case_id == case.id), None)
    if found is None:
        raise DataError(f"{path}: has no reply to {case.id}. {_remake(stage)}")
    return found


def _count_learnt(path: Path) -> int:
    n = 0
    for number, value in read_objects(path):
        seen = value.get("examples")
        if not isinstance(seen, int | float):
            raise DataError(f"{path}, line {number}: does not say how many examples. {_remake(path.parent)}")
        n += int(seen)
    return n


def _read_rollouts(path: Path, case: Case) -> Iterator[Rollout]:
    """The rollouts of one case, in the order in which they were learnt from."""
    shape = TypeAdapter(Rollout)
    for number, value in read_objects(path):
        if value.get("case_id", case.id) != case.id:
            continue
        try:
            yield shape.validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise DataError(
                f"{path}, line {number}: not a rollout ({what}). {_remake(path.parent)}"
            ) from None


def _read_replies(run: Path, case: Case, stage: Stage) -> dict[str, Trace]:
    """Models that are made from one another in that order, then any others."""
    folder = run / EVALUATE
    names = [path.stem for path in sorted(folder.glob("*.jsonl")) if not path.stem.endswith(LIKELIHOOD)]
    if len(names) < max(1, _read_number(stage, "models")):
        raise DataError(f"{folder}: has replies of {len(names)} models, fewer than asked. {_remake(folder)}")
    names.sort(key=lambda name: REPLYING.index(name) if name in REPLYING else len(REPLYING))
    return {name: _find_reply(find_replies(run, name), case, folder) for name in names}


def _read_choices(folder: Path, case: Case) -> dict[str, dict[str, tuple[str, bool]]]:
    """What models chose by likelihood; a file may be empty, where no case has options."""
    found: dict[str, dict[str, tuple[str, bool]]] = {}
    for path in sorted(folder.glob(f"*{LIKELIHOOD}.jsonl")):
        for number, row in read_objects(path) if path.stat().st_size else []:
            if row.get("case_id", case.id) != case.id:
                continue
            try:
                made = {how: (row[how]["chosen"], row[how]["right"]) for how in row if how != "case_id"}
            except (KeyError, TypeError):
                raise DataError(
                    f"{path}, line {number}: not a choice by likelihood. {_remake(folder)}"
                ) from None
            found[path.stem.removesuffix(LIKELIHOOD)] = made
    return found


def _read_number(stage: Stage, name: str) -> int:
    """A count of a stage's manifest; 0 where there is none."""
    n = stage.counts.get(name)
    return n if isinstance(n, int) else 0


def _remake(folder: Path) -> str:
    return f"Delete {folder} and what came after it, and run the same command again: it is made anew."


def _align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns to the right, the last to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for *cells, last in rows:
        aligned = [cell.rjust(width) for cell, width in zip(cells, widths, strict=False)]
        yield "  ".join(["", *aligned, last]).rstrip()


def _sign(value: float | None) -> str:
    return "unscored" if value is None else f"{value:+.3f}"


def _count(n: int) -> str:
    return f"{n:,} {plural(n, 'case')}"
