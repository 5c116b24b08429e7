"""What the base, the SFT model and the GRPO model are compared on."""

from typing import Literal

from gazal.config.base import Count, Listed, Settings
from gazal.config.data import Source
from gazal.config.sampling import Sampling


class EvaluateConfig(Settings):
    """The same cases, the same judge, for every model of the run."""

    cases: Listed[Source]
    limit: Count | None = None
    """Take at most so many cases of each source; None takes all."""
    batteries: Listed[Literal["robustness", "faithfulness"]] | None = None
    """Also ask cases put otherwise: options shuffled, "None of the above", an idle sentence; a wrong hint."""
    battery_cases: Count = 40
    """So many cases are put otherwise, the first ones."""
    sampling: Sampling = Sampling(temperature=0.0)
    """Greedy unless told otherwise, so that nothing depends on a draw."""
