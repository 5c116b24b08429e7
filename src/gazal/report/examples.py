"""Worked examples: which cases are shown, and every reply to them as the judges read it."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gazal.core.case import Case
from gazal.core.chat import HEADING
from gazal.core.score import StepScore
from gazal.core.trace import Trace
from gazal.report.numbers import find_cases, find_replies
from gazal.report.truths import Bar, Row, describe_truth, list_bars
from gazal.score.answer import judge_answer
from gazal.score.choice import read_choice
from gazal.score.grounding import judge_grounding

Replies = Mapping[str, Mapping[str, Trace]]
"""Model to case id to reply, the models in the order in which one is made from the other."""
LONGEST, LONGEST_STEP, MOST_STEPS = 900, 500, 24
"""Characters of a text and of a step, and steps, that are shown; what is left out is told."""
ANSWERS = {
    "right": "right",
    "wrong": "wrong",
    "abstained": "abstained",
    "no_box": "no answer in a box",
    "many_boxes": "several answers",
    "unparsed": "names no option",
    "truncated": "cut off before an answer",
    "engine_error": "no reply was delivered",
}
"""Reason of the answer judge to words."""
PATTERNS = {
    "gained": "wrong at first, right at last",
    "shaky": "right at last, though a step contradicts the case",
    "lost": "right before, wrong at last",
    "missed": "wrong for every model",
    "kept": "right for every model",
}
"""What a case is an example of, in the order in which they are looked for."""
MOST = 4
"""Examples of one kind of one suite at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownStep:
    """One reasoning step and what the judge found in it."""

    text: str
    score: StepScore | None
    """None where steps cannot be checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownReply:
    """One model's reply, taken apart."""

    model: str
    right: bool
    verdict: str
    """In words, such as ``wrong``."""
    answer: str | None
    """The option it names, or what stands in its box; None where it commits to nothing."""
    confidence: float | None
    steps: tuple[ShownStep, ...]
    more_steps: int
    """Steps that are not shown."""
    assessment: str
    """What stands between the reasoning and the answer; empty where there is no such part."""
    raw: str
    """The reply as it came, where there are no steps to show; else empty."""
    cut_off: bool
    """It ran into the limit of tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One case with the replies of all models."""

    case: Case
    suite: str
    pattern: str
    """A key of `PATTERNS`."""
    replies: tuple[ShownReply, ...]
    truth: tuple[Row, ...]
    bars: tuple[Bar, ...]
    command: str
    """What shows it again in a terminal."""


def choose_examples(
    cases: Sequence[Case], replies: Replies, checked: bool = True
) -> Iterator[tuple[Case, str]]:
    """Choose cases to show: of each kind, the first in the file for each of `PATTERNS`.

    ``kept`` is only looked for where fewer than two others were found. Successes and failures are looked for
    alike, so the share of right answers among examples says nothing about a model.

    Args:
        cases: What was asked.
        replies: Of all models.
        checked: Whether steps can be judged; nothing is ``shaky`` where they cannot.

    Yields:
        Case and pattern, kind by kind.
    """
    for kind in dict.fromkeys(case.kind for case in cases):
        found: dict[str, Case] = {}
        for case in cases:
            if case.kind == kind and all(case.id in of_model for of_model in replies.values()):
                traces = [of_model[case.id] for of_model in replies.values()]
                for pattern in _find_patterns(case, traces, checked):
                    if pattern not in found and case.id not in {c.id for c in found.values()}:
                        found[pattern] = case
        names = [name for name in PATTERNS if name in found and name != "kept"]
        if "kept" in found and len(names) < 2:
            names.append("kept")
        yield from ((found[name], name) for name in names[:MOST])


def show_example(run: Path, case: Case, pattern: str, replies: Replies, checked: bool) -> Example:
    """Judge the replies to a case and put them into words.

    Args:
        run: Folder of the run.
        case: What was asked.
        pattern: What it is an example of.
        replies: Of all models.
        checked: Whether steps can be judged: the knowledge is that which the case was made from.
    """
    shown = {model: of_model[case.id] for model, of_model in replies.items() if case.id in of_model}
    last = list(shown)[-1]
    words = [
        "gazal",
        "show",
        case.id,
        "--cases",
        str(find_cases(run)),
        "--replies",
        str(find_replies(run, last)),
    ]
    return Example(
        case=case,
        suite=case.id.partition("/")[0],
        pattern=pattern,
        replies=tuple(show_reply(case, model, trace, checked) for model, trace in shown.items()),
        truth=tuple(describe_truth(case)),
        bars=tuple(list_bars(case)),
        command=shlex.join(words),
    )


def show_reply(case: Case, model: str, trace: Trace, checked: bool) -> ShownReply:
    """Take one reply apart; each step gets what the judge of grounding found in it."""
    why, reply = judge_answer(case, trace).why, trace.reply
    scores: Sequence[StepScore | None] = judge_grounding(case, trace).steps if checked else ()
    steps = [
        ShownStep(text=clip(text, LONGEST_STEP), score=score)
        for text, score in zip(reply.steps, scores or [None] * len(reply.steps), strict=True)
    ]
    return ShownReply(
        model=model,
        right=why == "right",
        verdict=ANSWERS.get(why, why),
        answer=_name_answer(case, reply.answer),
        confidence=reply.confidence,
        steps=tuple(steps[:MOST_STEPS]),
        more_steps=max(0, len(steps) - MOST_STEPS),
        assessment=_find_assessment(reply.after) if steps else "",
        raw="" if steps else clip(trace.text, LONGEST),
        cut_off=trace.stop == "length",
    )


def clip(text: str, most: int) -> str:
    """The start of a text, with a note of how much more there is."""
    text = text.strip()
    if len(text) <= most:
        return text
    return f"{text[:most].rstrip()} \u2026 ({len(text) - most:,} more characters)"


def _find_patterns(case: Case, traces: Sequence[Trace], checked: bool) -> list[str]:
    """What a case is an example of, given the replies in the order of the models."""
    right = [judge_answer(case, trace).why == "right" for trace in traces]
    if not any(right):
        return ["missed"]
    if not right[-1]:
        return ["lost"]
    shaky = checked and any(
        step.support == "contradicted" for step in judge_grounding(case, traces[-1]).steps
    )
    return [
        *(["shaky"] if shaky else []),
        *(["gained"] if not right[0] else []),
        *(["kept"] if all(right) else []),
    ]


def _name_answer(case: Case, answer: str | None) -> str | None:
    if answer is None:
        return None
    letter = read_choice(answer, case.options)
    if letter is not None and letter in case.options:
        return f"{letter}. {case.options[letter]}"
    return clip(answer, 200)


def _find_assessment(after: str) -> str:
    text = after.partition(HEADING)[2].partition("**Answer:**")[0]
    return clip(text, LONGEST)
