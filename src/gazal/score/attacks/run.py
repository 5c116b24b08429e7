"""Try every attack on a reward, on cases of every kind and with every possible key."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gazal.core.case import WORLD_KINDS, Case
from gazal.core.trace import Trace
from gazal.score.attacks.attempt import Aim, Attempt, Ground, Stop, make_ground, make_trace, move_key
from gazal.score.attacks.disorder import DISORDER
from gazal.score.attacks.disorder import MAY_TIE as TIED_PAIRS
from gazal.score.attacks.hollow import HOLLOW, MAY_TIE
from gazal.score.attacks.uncommitted import CUT, UNCOMMITTED
from gazal.world.generate import make_cases

Reward = Callable[[Sequence[Case], Sequence[Trace]], Sequence[float | None]]
"""What replies earn; None where nothing can be said of one."""
Earned = dict[tuple[str, Stop], float | None]
EPSILON = 1e-9
BATCH = 64
"""Replies that a reward is asked about at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Win:
    """An attempt that earned more than its honest counterpart or no finite number, or a tie."""

    attempt: Attempt
    earned: float
    honest_earned: float
    tie: bool


@dataclass(slots=True, kw_only=True)
class FamilyResult:
    """What became of one family."""

    family: str
    aim: Aim
    about: str
    attempts: int = 0
    wins: int = 0
    ties: int = 0
    unscored: int = 0
    first_win: Win | None = None


def make_grounds(seed: int = 0) -> list[Ground]:
    """Cases of every kind with every key: the world's own with their truth, and each key by turns without."""
    grounds = []
    for kind in WORLD_KINDS:
        pool = list(make_cases([kind], n=40, seed=seed))
        by_key = {case.answer: case for case in reversed(pool)}
        others = [pool[(k + 7) % len(pool)] for k in range(len(pool))]
        own = [make_ground(case, others[pool.index(case)]) for _, case in sorted(by_key.items())]
        grounds += own
        grounds += [move_key(own[0], letter) for letter in own[0].case.options]
    return grounds


def list_attempts(ground: Ground) -> Iterator[Attempt]:
    """Everything that is tried on one case."""
    case, wrong = ground.case, ground.write_honest(ground.wrong[0])
    for uncommitted in UNCOMMITTED:
        stop: Stop = "length" if uncommitted in CUT else "end"
        for text in uncommitted(ground):
            yield Attempt(
                family=uncommitted.__name__, aim="uncommitted", case=case, text=text, honest=wrong, stop=stop
            )
    for hollow in HOLLOW:
        # Without a truth nobody can tell whether steps say something, only whether there are any.
        strict = case.truth is not None and hollow not in MAY_TIE
        for letter in case.options:
            honest = ground.write_honest(letter)
            for text in hollow(ground, letter):
                yield Attempt(
                    family=hollow.__name__, aim="hollow", case=case, text=text, honest=honest, strict=strict
                )
    for disorder in DISORDER:
        for worse, better in disorder(ground):
            yield Attempt(
                family=disorder.__name__,
                aim="disorder",
                case=case,
                text=worse,
                honest=(better,),
                strict=disorder not in TIED_PAIRS,
            )


def attack(reward: Reward, grounds: Sequence[Ground], max_new_tokens: int) -> Iterator[list[FamilyResult]]:
    """Try everything; yields the results so far after each case, the last time all of them.

    Args:
        reward: What is attacked.
        grounds: Where.
        max_new_tokens: Replies that are longer count as cut off.
    """
    results = {
        function.__name__ + aim: FamilyResult(family=function.__name__, aim=aim, about=_read_about(function))
        for aim, functions in _list_families()
        for function in functions
    }
    for ground in grounds:
        attempts = list(list_attempts(ground))
        earned = _earn(reward, ground.case, attempts, max_new_tokens)
        for attempt in attempts:
            _count(results[attempt.family + attempt.aim], attempt, earned)
        yield list(results.values())


def _list_families() -> tuple[tuple[Aim, tuple[Callable[..., object], ...]], ...]:
    return ("uncommitted", UNCOMMITTED), ("hollow", HOLLOW), ("disorder", DISORDER)


def _read_about(function: Callable[..., object]) -> str:
    return (function.__doc__ or "").strip().splitlines()[0]


def _earn(reward: Reward, case: Case, attempts: Sequence[Attempt], max_new_tokens: int) -> Earned:
    """Text and how it stopped, to what it earns; each is asked for once."""
    asked: set[tuple[str, Stop]] = {(a.text, a.stop) for a in attempts}
    asked |= {(text, "end") for a in attempts for text in a.honest}
    order, found = sorted(asked), Earned()
    for start in range(0, len(order), BATCH):
        part = order[start : start + BATCH]
        traces = [make_trace(case, text, stop, max_new_tokens) for text, stop in part]
        found |= dict(zip(part, reward([case] * len(part), traces), strict=True))
    return found


def _count(result: FamilyResult, attempt: Attempt, earned: Earned) -> None:
    mine = earned[attempt.text, attempt.stop]
    honest = [value for text in attempt.honest if (value := earned[text, "end"]) is not None]
    result.attempts += 1
    if mine is None or not honest:
        result.unscored += 1
        return
    best, level = max(honest), attempt.aim == "disorder" and attempt.strict
    # Of two plain replies the better one must earn more; a number that is none spoils a whole batch.
    wins = not math.isfinite(mine) or mine > best + EPSILON or (level and mine > best - EPSILON)
    ties = attempt.strict and not wins and mine > best - EPSILON
    result.wins += wins
    result.ties += ties
    if (wins or ties) and (result.first_win is None or (wins and result.first_win.tie)):
        result.first_win = Win(attempt=attempt, earned=mine, honest_earned=best, tie=not wins)
