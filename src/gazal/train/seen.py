"""What a batch of rollouts showed: numbers for ``steps.jsonl``, replies for ``rollouts.jsonl``."""

import math
from collections.abc import Sequence
from typing import Any

from gazal.config.grpo import GRPOConfig
from gazal.core.score import Verdict
from gazal.engine.base import Rollout
from gazal.train.advantage import Advantages, correlate_right
from gazal.train.asking import Asked, Group, find_advantages
from gazal.train.components import describe_components
from gazal.train.habits import describe_habits

Metrics = dict[str, float | None]


def describe(asked: Asked, advantages: Advantages, config: GRPOConfig) -> Metrics:
    """What the rollouts of a step showed: reward by component, classes of answers, lengths, groups.

    Rewards, answers, lengths and the share of groups without a difference are of everything that was
    sampled, also of what was discarded: means over the rest would flatter or slander the policy.

    Args:
        asked: The groups.
        advantages: Of those that are learnt from; their mean size is of these.
        config: The settings of the stage.
    """
    every = (*asked.groups, *asked.discarded)
    equal = find_advantages(every, config).frac_zero_std if asked.discarded else advantages.frac_zero_std
    metrics = (
        _describe_replies(every)
        | describe_habits(every)
        | {
            "advantage/mean_abs": advantages.mean_abs,
            "advantage/groups_equal": equal,
            "advantage/follows_right": _find_correlation(asked.groups, advantages),
            "rollout/most_tokens": float(config.sampling.max_new_tokens),
        }
    )
    if config.reward.gates:
        short = [bool(verdict.short_of) for verdict in _list_verdicts(every)]
        metrics["rollout/short_of_gate"] = sum(short) / len(short)
    if config.advantage == "per_component":
        metrics["advantage/inversions"] = _count_inversions(asked.groups, advantages) / len(asked.groups)
    return metrics | _account(asked) if config.dynamic_sampling else metrics


def write_records(
    step: int, asked: Asked, advantages: Advantages, config: GRPOConfig
) -> list[dict[str, Any]]:
    """Rollouts as a person or a later reader wants them: text, reward by component, reasons.

    With dynamic sampling each says whether it was ``kept``; discarded ones come last.
    """
    records = [
        record
        for group, values_G in zip(asked.groups, advantages.values_PG, strict=True)
        for record in write_group(step, group, values_G)
    ]
    if not config.dynamic_sampling:
        return records
    discarded = [
        record
        for group in asked.discarded
        for record in write_group(step, group, [0.0] * len(group.rollouts))
    ]
    return [r | {"kept": True} for r in records] + [r | {"kept": False} for r in discarded]


def write_group(step: int, group: Group, values_G: Sequence[float]) -> list[dict[str, Any]]:
    """The rollouts of one group with their advantages."""
    return [
        {
            "step": step,
            "case_id": rollout.trace.case_id,
            "sample": rollout.trace.sample,
            "stop": rollout.trace.stop,
            "n_tokens": rollout.trace.n_tokens,
            "total": verdict.total,
            "parts": dict(verdict.parts),
            "why": {name: score.why for name, score in verdict.scores.items()},
            "short_of": list(verdict.short_of),
            "advantage": advantage,
            "text": rollout.trace.text,
        }
        for rollout, verdict, advantage in zip(group.rollouts, group.verdicts, values_G, strict=True)
    ]


def _describe_replies(groups: Sequence[Group]) -> Metrics:
    rollouts, verdicts = _list_rollouts(groups), _list_verdicts(groups)
    n, n_tokens = len(rollouts), sum(len(rollout.tokens) for rollout in rollouts)
    metrics = describe_components([group.verdicts for group in groups])
    for name in verdicts[0].scores:
        values = [v.scores[name].value for v in verdicts]
        metrics[f"score/{name}"] = _mean([value for value in values if value is not None])
    answers = [verdict.scores["answer"].why for verdict in verdicts]
    metrics |= {
        "rollout/right": answers.count("right") / n,
        "rollout/abstained": answers.count("abstained") / n,
        "rollout/truncated": sum(r.trace.stop == "length" for r in rollouts) / n,
        "rollout/failed": sum(r.trace.stop == "error" for r in rollouts) / n,
        "rollout/tokens": n_tokens / n,
        "rollout/surprise": -math.fsum(p for r in rollouts for p in r.logprobs) / max(n_tokens, 1),
    }
    return metrics


def _account(asked: Asked) -> Metrics:
    """What dynamic sampling asked, and what became of it: counts that add up."""
    kept, every = asked.groups, (*asked.groups, *asked.discarded)
    found: Metrics = {"sampling/rounds": asked.rounds}
    for name, groups in (("sampled", every), ("discarded", asked.discarded)):
        rollouts = _list_rollouts(groups)
        found |= {
            f"sampling/{name}_groups": len(groups),
            f"sampling/{name}_rollouts": len(rollouts),
            f"sampling/{name}_tokens": sum(len(rollout.tokens) for rollout in rollouts),
        }
    classes = [_class_group(group) for group in asked.discarded]
    totals = [v.total for v in _list_verdicts(asked.discarded) if v.total is not None]
    return found | {
        "sampling/discarded_right": classes.count("right"),
        "sampling/discarded_wrong": classes.count("wrong"),
        "sampling/discarded_other": classes.count("other"),
        "sampling/discarded_reward": _mean(totals),
        "sampling/fillers": asked.n_fillers,
        "kept/reward": _mean([v.total for v in _list_verdicts(kept) if v.total is not None]),
        "kept/right": _mean([float(_is_right(v)) for v in _list_verdicts(kept)]),
    }


def _class_group(group: Group) -> str:
    """``right`` or ``wrong`` where all scored replies are right, or none; ``other`` where none is scored."""
    right = {_is_right(verdict) for verdict in group.verdicts if verdict.total is not None}
    return "other" if len(right) != 1 else "right" if right.pop() else "wrong"


def _count_inversions(groups: Sequence[Group], advantages: Advantages) -> int:
    """Groups in which a reply that is not right has a larger advantage than one that is."""
    n = 0
    for group, values_G in zip(groups, advantages.values_PG, strict=True):
        pairs = [
            (_is_right(v), a) for v, a in zip(group.verdicts, values_G, strict=True) if v.total is not None
        ]
        right, others = [a for ok, a in pairs if ok], [a for ok, a in pairs if not ok]
        n += bool(right and others and max(others) > min(right))
    return n


def _find_correlation(groups: Sequence[Group], advantages: Advantages) -> float | None:
    """Of advantages with right answers. A reply that failed or abstains is neither right nor wrong."""
    pairs = [
        [
            (value, _is_right(verdict))
            for value, verdict in zip(values_G, group.verdicts, strict=True)
            if verdict.total is not None and verdict.scores["answer"].why != "abstained"
        ]
        for group, values_G in zip(groups, advantages.values_PG, strict=True)
    ]
    return correlate_right([[v for v, _ in g] for g in pairs], [[right for _, right in g] for g in pairs])


def _is_right(verdict: Verdict) -> bool:
    return verdict.scores["answer"].why == "right"


def _list_rollouts(groups: Sequence[Group]) -> list[Rollout]:
    return [rollout for group in groups for rollout in group.rollouts]


def _list_verdicts(groups: Sequence[Group]) -> list[Verdict]:
    return [verdict for group in groups for verdict in group.verdicts]


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
