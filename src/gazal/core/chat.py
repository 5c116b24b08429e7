r"""The prompt that a model is shown and the reply format it should keep: written and read here, nowhere else.

<think>
Step 1: ...
Step 2: ...
</think>

## Clinical Assessment
...
**Answer:** \boxed{B}
**Confidence:** 0.85
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from gazal.core.case import Case

OPEN, CLOSE, HEADING, BOX = "<think>", "</think>", "## Clinical Assessment", r"\boxed{"
ABSTENTION = "Cannot be determined"
INSTRUCTION = (
    "Think step by step between <think> and </think>, one line per step (Step 1: ...). "
    "Then write ## Clinical Assessment with a short assessment below it, and last "
    r"**Answer:** \boxed{...} with %s in the box, or Cannot be determined."
)
_STEP = re.compile(r"^[ \t]*Step (\d{1,4}):[ \t]*", re.MULTILINE)
_BRACE = re.compile(r"\\boxed\{|[{}]")
_CONFIDENCE = re.compile(r"^\*\*Confidence:\*\*[ \t]*(\S{1,40})[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply taken apart. Nothing is guessed: what is not there is None or empty."""

    thinking: str | None
    """Between the tags; None where the thinking was not closed."""
    numbers: tuple[int, ...]
    """The numbers of the steps as written."""
    steps: tuple[str, ...]
    """The texts of the steps."""
    spans: tuple[tuple[int, int], ...]
    """Where each step with its ``Step N:`` stands in the whole text: first character, one past the last."""
    after: str
    """What follows ``</think>``; all where there are no tags; empty where the thinking never ends."""
    boxes: tuple[str, ...]
    """Contents of every box after the thinking."""
    confidence: float | None
    """The one stated confidence in [0, 1]."""

    @property
    def answer(self) -> str | None:
        """Content of the box if there is exactly one, else None."""
        return self.boxes[0].strip() if len(self.boxes) == 1 else None


def write_prompt(case: Case) -> str:
    """What a model is asked: context, question, lettered options, and the format of the reply."""
    options = "\n".join(f"{letter}. {text}" for letter, text in case.options.items())
    what = "the letter of your choice" if case.options else "your answer"
    parts = (case.context, case.question, options, INSTRUCTION % what)
    return "\n\n".join(part for part in parts if part)


def hash_prompt(prompt: str) -> str:
    """First 12 hex digits of the sha256 of a prompt."""
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def write_reply(steps: Sequence[str], assessment: str, answer: str, confidence: float | None = None) -> str:
    """Write a reply in the format that `read_reply` reads.

    Args:
        steps: Texts of the steps, one line each.
        assessment: What a clinician would read.
        answer: What goes into the box.
        confidence: Between 0 and 1, written with two decimals.
    """
    lines = [OPEN, *(f"Step {n}: {step}" for n, step in enumerate(steps, 1)), CLOSE, "", HEADING, assessment]
    lines.append(f"**Answer:** {BOX}{answer}}}")
    if confidence is not None:
        lines.append(f"**Confidence:** {confidence:.2f}")
    return "\n".join(lines)


@lru_cache(maxsize=256)
def read_reply(text: str) -> Reply:
    """Take a reply apart, in time linear in its length, whatever it holds.

    The thinking ends at the first ``</think>``; a chat template may have put ``<think>`` into the prompt, so
    the opening tag may be missing. A reply that opens its thinking and never closes it has committed nothing.
    """
    before, closed, after = text.partition(CLOSE)
    if closed:
        thinking: str | None = before.partition(OPEN)[2] if OPEN in before else before
    elif OPEN in text:
        thinking, after = None, ""
    else:
        thinking, after = None, text
    begin = text.find(OPEN) + len(OPEN) if OPEN in before else 0
    marks = list(_STEP.finditer(thinking or ""))
    ends = [mark.start() for mark in marks[1:]] + [len(thinking or "")]
    confidences = _CONFIDENCE.findall(after)
    return Reply(
        thinking=thinking,
        numbers=tuple(int(mark[1]) for mark in marks),
        steps=tuple(
            (thinking or "")[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=False)
        ),
        spans=tuple((begin + mark.start(), begin + end) for mark, end in zip(marks, ends, strict=False)),
        after=after,
        boxes=tuple(find_boxes(after)),
        confidence=_read_share(confidences[0]) if len(confidences) == 1 else None,
    )


def find_boxes(text: str) -> list[str]:
    r"""Contents of every closed ``\boxed{...}`` that is not inside another, from left to right."""
    closed: list[tuple[int, int]] = []
    opened: list[int | None] = []
    for token in _BRACE.finditer(text):
        if token[0] != "}":
            opened.append(None if token[0] == "{" else token.end())
        elif opened and (start := opened.pop()) is not None:
            while closed and closed[-1][0] > start:
                closed.pop()
            closed.append((start, token.start()))
    return [text[start:end] for start, end in closed]


def _read_share(text: str) -> float | None:
    if not re.fullmatch(r"[01](\.\d{1,20})?|0?\.\d{1,20}", text, re.ASCII):
        return None
    value = float(text)
    return value if 0.0 <= value <= 1.0 else None
