"""Is the stated confidence worth anything?"""

from gazal.core.case import Case
from gazal.core.score import Score
from gazal.core.trace import Trace
from gazal.score.answer import judge_answer


def judge_calibration(case: Case, trace: Trace) -> Score:
    """Score the stated confidence against being right.

    A proper scoring rule: on average nothing pays more than to state the probability of being right. A reply
    is not asked for a confidence, so one without is unscored; one that states an honest confidence gains.

    Returns:
        1 - 2 (confidence - right)^2, so 1.0 for certainty that is right and -1.0 for certainty that is wrong:
        ``calibrated`` where that is more than a confidence of a half would give, else ``misjudged``; None
        ``no_confidence`` where none was stated that can be read, ``uncommitted`` where there is no answer, or
        ``engine_error``.

    Source:
        The rule: Brier 1950, as used for a reward by Damani et al. 2025 (RLCR), arXiv:2507.16806, abstract.
    """
    if trace.stop == "error":
        return Score(value=None, why="engine_error")
    answer = judge_answer(case, trace)
    if answer.why not in ("right", "wrong"):
        return Score(value=None, why="uncommitted")
    confidence = trace.confidence
    if confidence is None:
        return Score(value=None, why="no_confidence")
    value = 1.0 - 2.0 * (confidence - (answer.why == "right")) ** 2
    return Score(value=value, why="calibrated" if value >= 0.5 else "misjudged")
