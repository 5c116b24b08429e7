"""What a step's reward was made of, as numbers for ``steps.jsonl``: does each component still teach?"""

import math
from collections.abc import Sequence
from statistics import pstdev

from gazal.core.score import Verdict
from gazal.score.shares import deviate_within, find_dead, share_variance

Metrics = dict[str, float | None]


def describe_components(verdicts_PG: Sequence[Sequence[Verdict]]) -> Metrics:
    """Mean, deviation and share of variance of each component, and which are dead.

    ``reward/<name>`` is a mean over all replies, and they add up to ``reward/total``;
    ``reward_spread/total`` is the standard deviation of the reward over all replies. The rest looks at
    differences within groups, which is what an advantage is made of: ``reward_std/<name>``;
    ``reward_share/<name>``, adding up to 1 where rewards differ; ``reward_dead/<name>``, 1 where no group's
    replies differ in it, and ``reward_dead/n``, how many those are. With advantages per component the shares
    say what the sum would have learnt from, and a dead component is dead all the same.

    Args:
        verdicts_PG: P cases, G replies to each.
    """
    totals = [v.total for group in verdicts_PG for v in group if v.total is not None]
    parts_PG = [[verdict.parts for verdict in group] for group in verdicts_PG]
    scored = [parts for group in parts_PG for parts in group if parts]
    metrics: Metrics = {"reward/total": math.fsum(totals) / len(totals) if totals else None}
    if not scored:
        return metrics
    dead = find_dead(parts_PG)
    for name, share in share_variance(parts_PG).items():
        metrics |= {
            f"reward/{name}": math.fsum(parts[name] for parts in scored) / len(scored),
            f"reward_share/{name}": share,
            f"reward_dead/{name}": float(name in dead),
        }
    metrics |= {f"reward_std/{name}": std for name, std in deviate_within(parts_PG).items()}
    totals_PG = [[{"total": math.fsum(parts.values())} if parts else {} for parts in g] for g in parts_PG]
    return metrics | {
        "reward_spread/total": pstdev(totals) if totals else None,
        "reward_std/total": deviate_within(totals_PG).get("total", 0.0),
        "reward_dead/n": float(len(dead)),
    }
