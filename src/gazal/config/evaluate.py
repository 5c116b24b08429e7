"""What the base, the SFT model and the GRPO model are compared on."""

from typing import Literal

from gazal.config.base import Count, Listed, Settings
from gazal.config.data import Source
from gazal.config.sampling import Sampling

Battery = Literal["robustness", "faithfulness", "reasoning"]
PROTOCOLS: dict[str, Sampling] = {
    "greedy": Sampling(temperature=0.0, max_new_tokens=2048),
    "paper": Sampling(temperature=0.7, top_p=0.8, top_k=20, max_new_tokens=2048),
}
"""Named ways to draw replies: greedy, and as the model card of Gazal-R1 samples."""


class EvaluateConfig(Settings):
    """The same cases, the same judge, for every model of the run."""

    cases: Listed[Source]
    limit: Count | None = None
    """Take at most so many cases of each source; None takes all."""
    batteries: Listed[Battery] | None = None
    """Also ask cases put otherwise (options shuffled, "None of the above", an idle sentence; a wrong hint),
    and for the answer after a model's own reasoning, altered."""
    battery_cases: Count = 40
    """So many cases are put otherwise, the first ones."""
    samples: Count = 1
    """Replies to each case: more give the accuracy of one reply, of the majority and of the best of k."""
    sampling: Sampling = Sampling(temperature=0.0)
    """Greedy unless told otherwise, so that nothing depends on a draw."""
