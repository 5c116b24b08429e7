"""Is the committed answer right?"""

from gazal.core.case import Case
from gazal.core.chat import ABSTENTION
from gazal.core.score import Score
from gazal.core.trace import Trace
from gazal.score.choice import match_number, match_text, read_choice


def judge_answer(case: Case, trace: Trace) -> Score:
    r"""Score the one ``\boxed{}`` after the thinking.

    There is no partial credit for naming the right option somewhere in the text: a policy learns to list
    every option when that pays. Abstaining lies between right and wrong, so that guessing does not.

    Returns:
        1.0 ``right``; 0.0 ``abstained``; -1.0 ``wrong``, ``no_box``, ``many_boxes``, ``unparsed``, or
        ``truncated`` where the reply was cut off before it committed; None ``engine_error``.
    """
    if trace.stop == "error":
        return Score(value=None, why="engine_error")
    reply = trace.reply
    if reply.answer is None:
        cut = trace.stop == "length" and not reply.boxes
        return Score(value=-1.0, why="truncated" if cut else "many_boxes" if reply.boxes else "no_box")
    if case.options:
        choice = read_choice(reply.answer, case.options)
        return _grade(None if choice is None else choice == case.answer, abstained=choice == ABSTENTION)
    if read_choice(reply.answer, {}) == ABSTENTION:
        return _grade(False, abstained=True)
    if case.tolerance is not None:
        return _grade(match_number(reply.answer, case.answer, case.unit, case.tolerance))
    return _grade(match_text(reply.answer, case.answer, case.aliases))


def _grade(right: bool | None, *, abstained: bool = False) -> Score:
    if abstained:
        return Score(value=0.0, why="abstained")
    if right is None:
        return Score(value=-1.0, why="unparsed")
    return Score(value=1.0, why="right") if right else Score(value=-1.0, why="wrong")
