"""What GRPO learns from: cases are asked, replies judged, and groups without a signal replaced."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from gazal.config.grpo import GRPOConfig
from gazal.core.case import Case
from gazal.core.chat import write_prompt
from gazal.core.score import Verdict
from gazal.engine.base import Request, Rollout
from gazal.score.compose import compose, list_components, list_weights
from gazal.score.own import pay_by
from gazal.score.process import differ
from gazal.score.steps import weigh_steps
from gazal.train.advantage import (
    Advantages,
    compare_steps,
    compute_advantages,
    compute_component_advantages,
)

Draw = Callable[[int, Sequence[Case]], list[Case]]
"""How many cases at most, and those of this step that must not come again."""
Write = Callable[[Sequence[Request]], list[Rollout]]
"""A rollout for each request, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All replies to one case, judged."""

    case: Case
    rollouts: tuple[Rollout, ...]
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of the cases of a step."""

    groups: tuple[Group, ...]
    """What is learnt from, in the order in which it was asked."""
    discarded: tuple[Group, ...]
    """Groups without a signal that others took the place of."""
    n_fillers: int
    """Groups without a signal among ``groups``."""
    rounds: int
    """How often the engine was asked."""


class CaseStream:
    """Cases without end, shuffle after shuffle, for steps that do not know beforehand how many they need.

    What comes next depends on the seed and on what was drawn before, and `keep` says where it stands. A case
    that must not come yet is held back and comes as soon as it may, so none is left out.
    """

    def __init__(self, cases: Sequence[Case], seed: int):
        """Start at the first shuffle of ``cases``."""
        self._cases, self._seed = cases, seed
        self._position, self._held = 0, list[int]()
        self._epoch, self._order = -1, list[int]()

    def draw(self, n: int, besides: Sequence[Case] = ()) -> list[Case]:
        """The next ``n`` cases, all different and none of ``besides``; fewer where there are no more."""
        seen, drawn, held = {case.id for case in besides}, list[Case](), list[int]()
        n = min(n, len({case.id for case in self._cases} - seen))
        while len(drawn) < n:
            k = self._held.pop(0) if self._held else self._advance()
            case = self._cases[k]
            if case.id in seen:
                held.append(k)
            else:
                drawn.append(case)
                seen.add(case.id)
        self._held = held + self._held
        return drawn

    def keep(self) -> dict[str, Any]:
        """Where the stream stands, as JSON values."""
        return {"position": self._position, "held": list(self._held)}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Go on from where `keep` was called."""
        self._position, self._held = int(facts["position"]), [int(k) for k in facts["held"]]

    def _advance(self) -> int:
        epoch, place = divmod(self._position, len(self._cases))
        if epoch != self._epoch:
            self._epoch, self._order = epoch, shuffle_cases(len(self._cases), self._seed, epoch)
        self._position += 1
        return self._order[place]


def shuffle_cases(n: int, seed: int, epoch: int) -> list[int]:
    """Numbers of ``n`` cases in the order in which one time through asks them."""
    return Random(f"grpo|{seed}|{epoch}").sample(range(n), n)


def ask(draw: Draw, write: Write, config: GRPOConfig) -> Asked:
    """Ask the cases of a step and judge the replies.

    With ``grpo.dynamic_sampling``, as many other cases as there are groups without a signal are asked in
    their place, again and again up to that many times. Where places are left, the first groups without a
    signal take them, so a step always learns from the same number of groups.

    Args:
        draw: Gives cases; asked for more than once only with dynamic sampling.
        write: Gives rollouts.
        config: Groups, reward, dynamic sampling.

    Source:
        Yu et al. 2025 (DAPO), arXiv:2503.14476, whose abstract names dynamic sampling. There sampling goes
        on until the batch is full; the limit and the fillers are ours.
    """
    groups, useful, size = list[Group](), list[bool](), config.cases_per_step
    rounds = 0
    while rounds <= config.dynamic_sampling and sum(useful) < size:
        cases = draw(size - sum(useful), [group.case for group in groups])
        if not cases:
            break
        new = _ask_once(cases, write, config)
        groups += new
        useful += [has_signal(group, config) for group in new]
        rounds += 1
    left, n_fillers = size - sum(useful), 0
    kept, discarded = list[Group](), list[Group]()
    for group, teaches in zip(groups, useful, strict=True):
        fills = not teaches and n_fillers < left
        n_fillers += fills
        (kept if teaches or fills else discarded).append(group)
    return Asked(groups=tuple(kept), discarded=tuple(discarded), n_fillers=n_fillers, rounds=rounds)


def find_advantages(groups: Sequence[Group], config: GRPOConfig) -> Advantages:
    """Compare the replies of each group with each other, by the settings of the stage."""
    if config.advantage == "per_component":
        components_PG = [[list_components(v, config.reward) for v in group.verdicts] for group in groups]
        return compute_component_advantages(components_PG, list_weights(config.reward))
    totals_PG = [[verdict.total for verdict in group.verdicts] for group in groups]
    return compute_advantages(totals_PG, scale_advantages=config.scale_advantages)


def has_signal(group: Group, config: GRPOConfig) -> bool:
    """Whether a reply that enters the loss has an advantage, or a step or computation of it has credit."""
    (values_G,) = find_advantages([group], config).values_PG
    steps_GS = compare_steps([weigh_steps(v) if config.step_credit else [] for v in group.verdicts])
    learnt = [r.trace for r in group.rollouts if r.tokens and not is_masked(r, config)]
    return (config.computation_credit > 0.0 and differ(group.case, learnt)) or any(
        (value != 0.0 or any(steps_S)) and rollout.tokens and not is_masked(rollout, config)
        for value, steps_S, rollout in zip(values_G, steps_GS, group.rollouts, strict=True)
    )


def is_masked(rollout: Rollout, config: GRPOConfig) -> bool:
    """Whether a reply is kept out of the loss because it was cut off."""
    return config.mask_truncated and rollout.trace.stop == "length"


def _ask_once(cases: Sequence[Case], write: Write, config: GRPOConfig) -> list[Group]:
    size, most = config.group_size, config.sampling.max_new_tokens
    asked = [
        Request(case_id=case.id, sample=g, prompt=write_prompt(case)) for case in cases for g in range(size)
    ]
    rollouts = write(asked)
    groups = list[Group]()
    for place, case in enumerate(cases):
        replies = tuple(rollouts[place * size : (place + 1) * size])
        verdicts = [compose(case, reply.trace, config.reward, max_new_tokens=most) for reply in replies]
        if config.reward_function is not None:
            verdicts = pay_by(config.reward_function, case, [reply.trace for reply in replies], verdicts)
        groups.append(Group(case=case, rollouts=replies, verdicts=tuple(verdicts)))
    return groups
