"""All judges by name. A new judge is a function and a line here."""

from collections.abc import Callable, Mapping
from functools import partial

from gazal.core.case import Case
from gazal.core.score import Score
from gazal.core.trace import Trace
from gazal.score.answer import judge_answer
from gazal.score.format import judge_format
from gazal.score.grounding import judge_grounding
from gazal.score.length import judge_length
from gazal.score.process import judge_process
from gazal.score.repetition import judge_repetition

Judge = Callable[[Case, Trace], Score]
JUDGES: Mapping[str, Judge] = {
    "answer": judge_answer,
    "format": judge_format,
    "grounding": judge_grounding,
    "process": judge_process,
    "repetition": judge_repetition,
}
"""The judges that need nothing but a case and a trace."""


def build_judges(*, length_target: int, length_limit: int) -> Mapping[str, Judge]:
    """All judges, with the one that has to be told how long a reply may be (`judge_length`)."""
    return {**JUDGES, "length": partial(judge_length, target=length_target, limit=length_limit)}
