"""Is the reply longer than it needs to be?"""

from gazal.core.case import Case
from gazal.core.score import Score
from gazal.core.trace import Trace


def judge_length(case: Case, trace: Trace, *, target: int, limit: int) -> Score:
    """Score the length of a reply in the model's own tokens; never more for a longer one.

    Args:
        case: Not looked at.
        trace: The reply.
        target: Tokens up to which length costs nothing.
        limit: Tokens from which the score is at its lowest; more than ``target``.

    Returns:
        1.0 ``short`` up to the target, then ``long``, falling in a straight line to -1.0 ``too_long`` at the
        limit; -1.0 ``truncated`` where the reply was cut off, however short; None ``unknown_length`` where
        nobody counted its tokens, or ``engine_error``.
    """
    if not 0 < target < limit:
        raise ValueError(f"judge_length: target {target} and limit {limit} are not 0 < target < limit.")
    if trace.stop == "error":
        return Score(value=None, why="engine_error")
    if trace.stop == "length":
        return Score(value=-1.0, why="truncated")
    if trace.n_tokens is None:
        return Score(value=None, why="unknown_length")
    over = (trace.n_tokens - target) / (limit - target)
    if over <= 0.0:
        return Score(value=1.0, why="short")
    return Score(value=max(-1.0, 1.0 - 2.0 * over), why="long" if over < 1.0 else "too_long")
