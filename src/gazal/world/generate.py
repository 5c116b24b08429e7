"""Make cases of the clinical world: the same seed gives the same cases, and no split shares one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from types import ModuleType
from typing import Any, Literal, Protocol

from gazal.core.case import WORLD_KINDS, Case, WorldKind
from gazal.errors import DataError
from gazal.world.draft import Difficulty, Pair, Split, find_split, finish
from gazal.world.kinds import diagnosis, prognosis, recall, treatment, uncertainty
from gazal.world.text import pick
from gazal.world.universe import Universe, build_universe

Choice = Difficulty | Literal["mixed"]
DIFFICULTIES: tuple[Difficulty, ...] = ("easy", "medium", "hard")
KINDS: Mapping[WorldKind, ModuleType] = {
    "diagnosis": diagnosis,
    "treatment": treatment,
    "uncertainty": uncertainty,
    "prognosis": prognosis,
    "recall": recall,
}
TRIES = 5000
"""Draws for one case before giving up. One draw in ten falls into the test split."""


class Frame(Protocol):
    """What a kind fixes before it writes a case."""

    @property
    def signature(self) -> str:
        """What decides the split."""
        ...


def make_cases(
    kinds: Sequence[WorldKind] = WORLD_KINDS,
    *,
    n: int,
    seed: int = 0,
    split: Split = "train",
    difficulty: Choice = "mixed",
    twins: bool = False,
) -> Iterator[Case]:
    """Yield n different cases, the kinds in turn.

    Args:
        kinds: Which kinds, in the order in which they take turns.
        n: How many cases; twins come on top.
        seed: Same seed, same cases; a larger n starts with the cases of a smaller one.
        split: ``train``, ``validation`` or ``test``. No case or twin is in two splits, whatever the seeds.
        difficulty: One level, or ``mixed`` for all three.
        twins: Follow each case by its counterfactual twin. Recall cases have none.

    Raises:
        DataError: If a kind cannot give that many different cases.
    """
    universe, seen = build_universe(), set[str]()
    for number in range(n):
        kind = kinds[number % len(kinds)]
        rng = Random(f"{seed}|{split}|{kind}|{number // len(kinds)}")
        for pair in _draw_pairs(universe, rng, kind, split, difficulty, twins and kind != "recall"):
            cases = finish(pair, split)
            if not seen.intersection(case.id for case in cases):
                seen.update(case.id for case in cases)
                yield from cases
                break
        else:
            raise DataError(f"{kind}: no further {difficulty} case in {TRIES} tries. Ask for fewer cases.")


def _draw_pairs(
    universe: Universe, rng: Random, kind: WorldKind, split: Split, difficulty: Choice, twins: bool
) -> Iterator[Pair]:
    """Draw pairs of one kind that belong to a split."""
    maker: Any = KINDS[kind]
    draw_frame: Callable[[Universe, Random, Difficulty], Frame] = maker.draw_frame
    fill_frame: Callable[[Universe, Random, Frame, bool], Pair | None] = maker.fill_frame
    for _ in range(TRIES):
        level = pick(rng, DIFFICULTIES) if difficulty == "mixed" else difficulty
        frame = draw_frame(universe, rng, level)
        if find_split(frame.signature) == split:
            pair = fill_frame(universe, rng, frame, twins)
            if pair is not None:
                yield pair
