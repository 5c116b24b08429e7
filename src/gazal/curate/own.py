"""Explanations of one's own questions as replies to learn from, held to the judges of all replies."""

from gazal.cases.layouts import cut_steps
from gazal.cases.own import Own
from gazal.core.chat import write_reply
from gazal.core.trace import Trace
from gazal.score.answer import judge_answer
from gazal.score.format import judge_format


def write_own_reply(own: Own) -> tuple[Trace | None, str]:
    """The explanation in our format; or None and why, which is empty where there is no explanation."""
    if not own.explanation:
        return None, ""
    steps = cut_steps(own.explanation)
    if len(steps) < 2:
        return None, "one sentence; two are the least"
    text = write_reply(steps, steps[-1], own.case.answer)
    reply = Trace(case_id=own.case.id, text=text, model="own")
    for judge in (judge_answer, judge_format):
        score = judge(own.case, reply)
        if score.value != 1.0:
            return None, score.why
    return reply, ""
