"""Does the reply keep the format that `gazal.core.chat` writes?"""

import re

from gazal.core.case import Case
from gazal.core.chat import BOX, CLOSE, HEADING, OPEN
from gazal.core.score import Score
from gazal.core.trace import Trace

_ANSWER = re.compile(r"^\*\*Answer:\*\* \\boxed\{[^\n]{1,2000}\}[ \t]*$", re.MULTILINE)
_CONFIDENCE_WORD = "**Confidence:**"
_WORD = re.compile(r"[^\W\d_]{2,}")
LEAST_STEPS = 2
LEAST_WORDS = 2
"""A step with fewer words says nothing."""


def judge_format(case: Case, trace: Trace) -> Score:
    """Score the share of format rules kept, from -1.0 (none) to 1.0 (all).

    Returns:
        1.0 ``well_formed``; else less than 1.0 with the first rule that was broken; None ``engine_error``.
    """
    if trace.stop == "error":
        return Score(value=None, why="engine_error")
    rules = _apply_rules(trace)
    broken = [name for name, kept in rules.items() if not kept]
    value = 1.0 - 2.0 * len(broken) / len(rules)
    return Score(value=value, why=broken[0] if broken else "well_formed")


def _apply_rules(trace: Trace) -> dict[str, bool]:
    reply, text = trace.reply, trace.text
    thinking, after = reply.thinking or "", reply.after
    heading, _, rest = after.partition(HEADING)
    assessment, _, tail = rest.partition("**Answer:**")
    tail_lines = [line for line in tail.split("\n")[1:] if line.strip()]
    confident = after.count(_CONFIDENCE_WORD)
    return {
        "no_thinking": text.lstrip().startswith(OPEN) and text.count(OPEN) == 1 and text.count(CLOSE) == 1,
        "no_steps": len(reply.steps) >= LEAST_STEPS,
        "steps_out_of_order": bool(reply.steps) and reply.numbers == tuple(range(1, len(reply.steps) + 1)),
        "empty_step": bool(reply.steps)
        and all(len(_WORD.findall(s[:500])) >= LEAST_WORDS for s in reply.steps),
        "text_before_steps": thinking.lstrip().startswith("Step 1:"),
        "no_heading": not heading.strip() and after.count(HEADING) == 1,
        "empty_assessment": bool(_WORD.search(assessment[:2000])),
        "no_answer_line": len(_ANSWER.findall(after)) == 1 and len(reply.boxes) == 1,
        "box_in_thinking": bool(thinking) and BOX not in thinking,
        "bad_confidence": confident == 0 or (confident == 1 and reply.confidence is not None),
        "text_after_answer": bool(tail) and all(line.startswith(_CONFIDENCE_WORD) for line in tail_lines),
    }
