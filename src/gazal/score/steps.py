"""What each reasoning step of a reply is worth, by the judge that knows most of it."""

from collections.abc import Mapping

from gazal.core.score import Support, Verdict

WORTH: Mapping[Support, float] = {"supported": 1.0, "unknown": 0.0, "contradicted": -1.0}
JUDGES = ("process", "grounding")
"""Those that look at steps; the first that has an opinion counts."""


def weigh_steps(verdict: Verdict) -> list[float]:
    """The worth of each step, from -1 (contradicted) to 1 (supported); none where no judge looked."""
    for name in JUDGES:
        if name in verdict.scores and (steps := verdict.scores[name].steps):
            return [WORTH[step.support] for step in steps]
    return []
