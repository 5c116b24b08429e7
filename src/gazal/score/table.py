"""All judges by name. A new judge is a function and a line here."""

from collections.abc import Callable, Mapping
from functools import partial

from gazal.core.case import Case
from gazal.core.score import Score
from gazal.core.trace import Trace
from gazal.score.answer import judge_answer
from gazal.score.calibration import judge_calibration
from gazal.score.consistency import judge_consistency
from gazal.score.format import judge_format
from gazal.score.grounding import judge_grounding
from gazal.score.length import judge_length
from gazal.score.process import judge_process
from gazal.score.repetition import judge_repetition
from gazal.score.rubric import Opinions, judge_rubric

Judge = Callable[[Case, Trace], Score]
JUDGES: Mapping[str, Judge] = {
    "answer": judge_answer,
    "format": judge_format,
    "grounding": judge_grounding,
    "process": judge_process,
    "calibration": judge_calibration,
    "consistency": judge_consistency,
    "repetition": judge_repetition,
}
"""The judges that need nothing but a case and a trace."""


def build_judges(
    *, length_target: int, length_limit: int, opinions: Opinions | None = None
) -> Mapping[str, Judge]:
    """All judges, with those that have to be told something.

    Args:
        length_target: For `judge_length`: tokens from which a reply is long.
        length_limit: For `judge_length`: tokens from which it cannot be longer.
        opinions: For `judge_rubric`, which is left out where nobody was asked.
    """
    judges = {**JUDGES, "length": partial(judge_length, target=length_target, limit=length_limit)}
    return judges if opinions is None else {**judges, "rubric": partial(judge_rubric, opinions=opinions)}
