"""The truth channel: held-out counterfactual pairs, asked greedily. No reward ever pays for them.

A pair is two cases that differ in one thing, and so in their key. Both are right only where the model reads
what differs, which a policy that games its reward has no use for.
"""

from collections.abc import Sequence

from gazal.config.sampling import Sampling
from gazal.core.case import Case
from gazal.core.chat import write_prompt
from gazal.core.pairs import find_pairs
from gazal.engine.base import Request, Rollout
from gazal.errors import DataError
from gazal.score.answer import judge_answer
from gazal.score.grounding import judge_grounding

Metrics = dict[str, float | None]


def check_pairs(cases: Sequence[Case]) -> None:
    """Refuse a truth channel in which nothing is a pair.

    Raises:
        DataError: No two of the cases are one.
    """
    if not find_pairs(cases):
        raise DataError(
            f"grpo.truth_channel: {len(cases)} cases, and no two of them are a counterfactual pair. Take "
            "world cases with twins: true."
        )


def list_requests(cases: Sequence[Case]) -> list[Request]:
    """One reply to each."""
    return [Request(case_id=case.id, sample=0, prompt=write_prompt(case)) for case in cases]


def be_greedy(sampling: Sampling) -> Sampling:
    """The same lengths and batches without chance."""
    return sampling.model_copy(update={"temperature": 0.0, "top_p": 1.0, "top_k": 0})


def measure_truth(cases: Sequence[Case], rollouts: Sequence[Rollout]) -> Metrics:
    """Shares of cases right, of pairs with both right, and of steps that the case supports."""
    pairs = [(case, rollout.trace) for case, rollout in zip(cases, rollouts, strict=True)]
    right = {case.id for case, trace in pairs if judge_answer(case, trace).why == "right"}
    both = [a in right and b in right for a, b in find_pairs(cases)]
    steps = [step.support for case, trace in pairs for step in judge_grounding(case, trace).steps]
    return {
        "truth/right": len(right) / len(cases),
        "truth/pairs_right": sum(both) / len(both),
        "truth/steps_supported": steps.count("supported") / len(steps) if steps else None,
    }
