"""All judges by name. A new judge is a function and a line here."""

from collections.abc import Callable, Mapping

from gazal.core.case import Case
from gazal.core.score import Score
from gazal.core.trace import Trace
from gazal.score.answer import judge_answer
from gazal.score.format import judge_format
from gazal.score.grounding import judge_grounding

Judge = Callable[[Case, Trace], Score]
JUDGES: Mapping[str, Judge] = {
    "answer": judge_answer,
    "format": judge_format,
    "grounding": judge_grounding,
}
