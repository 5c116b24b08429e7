"""What the base, the SFT model and the GRPO model are compared on."""

from gazal.config.base import Count, Listed, Settings
from gazal.config.data import Source
from gazal.config.sampling import Sampling


class EvaluateConfig(Settings):
    """The same cases, the same judge, for every model of the run."""

    cases: Listed[Source]
    limit: Count | None = None
    """Take at most so many cases of each source; None takes all."""
    sampling: Sampling = Sampling(temperature=0.0)
    """Greedy unless told otherwise, so that nothing depends on a draw."""
