"""Rows of published training sets in the layouts that the field uses, as a case and a reply in our format.

| layout | columns |
|---|---|
| gazal | ``case`` (a record), ``reply``, ``lineage`` |
| case | ``case`` (a text), ``reasoning``, ``answer`` |
| MedReason | ``question``, ``reasoning``, ``answer``, ``options`` where it has some |
| medical-o1 | ``Question``, ``Complex_CoT``, ``Response`` |
| chat | ``messages``: what the user asks, what the assistant replies |

Reasoning is cut into steps at its lines, or at its sentences where it is one line; no word is added.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gazal.core.case import LETTERS, Case, hash_content
from gazal.core.chat import CLOSE, HEADING, OPEN, read_reply, write_reply
from gazal.errors import DataError

MOST_STEPS = 24
_NUMBERED = re.compile(
    r"^\s*(?:[-*#>]+\s*)?(?:\*\*)?(?:step\s*)?\d{1,2}\s*[.):]\s*(?:\*\*)?\s*", re.IGNORECASE
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z(])|(?<=\w{3}[.!?])\s+(?=\d)")
_OPTION = re.compile(r"(?m:^)\s*\(?([A-J])\s*[.):]\s*(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a row of another set says."""

    context: str = ""
    """What was said before; empty but for conversations."""
    question: str
    options: Mapping[str, str]
    answer: str
    """A letter of the options, else a text."""
    reasoning: str
    response: str
    """What is said after the reasoning; empty where the set has no such column."""


class Unreadable(DataError):
    """A row that is no example; ``reason`` can be counted."""

    def __init__(self, reason: str, what: str):
        """Say which sort of fault it is, and where."""
        super().__init__(what)
        self.reason = reason


def read_row(value: Mapping[str, Any], source: str, licence: str) -> tuple[Case, str]:
    """A case and a reply in our format.

    Args:
        value: One JSON object in one of the layouts but gazal's own.
        source: Stands first in the id.
        licence: Of the set.

    Raises:
        Unreadable: With a reason: ``unknown_layout``, ``wrong_type``, ``missing``, ``no_reasoning``.
    """
    row = _read(value)
    steps = cut_steps(row.reasoning)
    if len(steps) < 2:
        raise Unreadable("no_reasoning", f"{len(steps)} steps of reasoning; two are the least")
    options = dict(row.options)
    key = hash_content(row.context, row.question, options)
    try:
        case = Case(
            id=f"{source}/train/{key}",
            kind="exam",
            context=row.context,
            question=row.question,
            options=options,
            answer=row.answer,
            licence=licence,
        )
    except DataError as error:
        raise Unreadable("no_case", str(error)) from None
    assessment = row.response if re.search(r"[^\W\d_]{2}", row.response) else steps[-1]
    return case, write_reply(steps, assessment, row.answer)


def cut_steps(reasoning: str) -> list[str]:
    """Reasoning as at most `MOST_STEPS` steps of one line each, without numbers of their own."""
    lines = [line for line in reasoning.splitlines() if re.search(r"\w", line)]
    if len(lines) < 2:
        lines = _SENTENCE.split(reasoning.strip())
    steps = [" ".join(_NUMBERED.sub("", line).split()) for line in lines]
    steps = [step for step in steps if len(step.split()) >= 2]
    per = -(-len(steps) // MOST_STEPS) if steps else 1
    return [" ".join(steps[n : n + per]) for n in range(0, len(steps), per)]


def _read(value: Mapping[str, Any]) -> Row:
    if "Complex_CoT" in value:
        response = _take(value, "Response")
        question, options = _split(_take(value, "Question"))
        answer = _shorten(response).removeprefix("The answer is ")
        try:
            answer = _find_answer(answer, options)
        except Unreadable:  # A list in the question, and no options.
            question, options = _take(value, "Question"), {}
        return Row(
            question=question,
            options=options,
            answer=answer,
            reasoning=_take(value, "Complex_CoT"),
            response=response,
        )
    if "messages" in value:
        return _read_chat(value["messages"])
    name = next((name for name in ("question", "case") if name in value), None)
    if name is None or not value.keys() & {"reasoning", "answer"}:
        raise Unreadable("unknown_layout", f"columns {', '.join(map(str, list(value)[:8]))}")
    question, options = _take(value, name), _read_options(value.get("options"))
    return Row(
        question=question,
        options=options,
        answer=_find_answer(_take(value, "answer"), options),
        reasoning=_take(value, "reasoning") if "reasoning" in value else "",
        response="" if options else _take(value, "answer"),
    )


def _read_chat(messages: Any) -> Row:
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise Unreadable("wrong_type", f"messages is {messages!r:.60}")
    said = {
        role: [m.get("content") for m in messages if m.get("role") == role] for role in ("user", "assistant")
    }
    if not said["user"] or not said["assistant"]:
        raise Unreadable("missing", "no user's or no assistant's message")
    asked, replied = said["user"][-1], said["assistant"][-1]
    if not isinstance(asked, str) or not isinstance(replied, str):
        raise Unreadable("wrong_type", f"content is {replied!r:.60}")
    question, options = _split(asked)
    reply = read_reply(replied)
    before, closed, after = replied.partition(CLOSE)
    reasoning = before.replace(OPEN, "") if closed else replied
    answer = reply.answer or _shorten(after if closed else replied)
    return Row(
        context=_tell_before(messages),
        question=question,
        options=options,
        answer=_find_answer(answer, options),
        reasoning="\n".join(reply.steps) or reasoning,
        response=after.partition(HEADING)[2].partition("**Answer:**")[0].strip() or after.strip(),
    )


def _tell_before(messages: Sequence[Mapping[str, Any]]) -> str:
    """What user and assistant said before the last question, a turn a paragraph."""
    turns = [m for m in messages if m.get("role") in ("user", "assistant")]
    last = max(n for n, turn in enumerate(turns) if turn["role"] == "user")
    before = [(turn["role"], turn.get("content")) for turn in turns[:last]]
    if not all(isinstance(text, str) for _, text in before):
        raise Unreadable("wrong_type", "an earlier turn is no text")
    return "\n\n".join(
        f"{role.capitalize()}: {str(text).rpartition(CLOSE)[2].strip()}" for role, text in before
    )


def _split(asked: str) -> tuple[str, dict[str, str]]:
    """A question and the options that stand below it; all of it and none where there are none."""
    options = dict(_OPTION.findall(asked))
    first = _OPTION.search(asked)
    if first is None or len(options) < 2 or list(options) != list(LETTERS[: len(options)]):
        return asked, {}
    return asked[: first.start()].strip() or asked, options


def _read_options(value: Any) -> dict[str, str]:
    """From a mapping, a list, a JSON text of either, or lines that begin with a letter."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return dict(_OPTION.findall(value))
    if isinstance(value, Mapping):
        return {str(letter): str(text) for letter, text in value.items() if text}
    if isinstance(value, list):
        return dict(zip(LETTERS, map(str, value), strict=False))
    if value is None:
        return {}
    raise Unreadable("wrong_type", f"options is {value!r:.60}")


def _find_answer(answer: str, options: Mapping[str, str]) -> str:
    """The letter that an answer names; the answer itself where there are no options."""
    if not options:
        return _shorten(answer)
    plain = " ".join(answer.split()).rstrip(".")
    if plain in options:
        return plain
    whole = [k for k, text in options.items() if text.rstrip(".").casefold() == plain.casefold()]
    begun = [k for k, text in options.items() if plain.casefold().startswith(text.rstrip(".").casefold())]
    lettered = re.match(r"\(?([A-J])\)?\s*[.):]", plain)
    for found in (whole, begun, [lettered[1]] if lettered and lettered[1] in options else []):
        if len(found) == 1:
            return found[0]
    raise Unreadable("no_key", f"answer {answer!r:.60} names none of the options")


def _shorten(text: str) -> str:
    """The last sentence of a text, as what it comes to."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return _SENTENCE.split(lines[-1])[-1][:300].replace("{", "(").replace("}", ")") if lines else ""


def _take(value: Mapping[str, Any], name: str) -> str:
    if name not in value:
        raise Unreadable("missing", f"no {name}")
    found = value[name]
    if not isinstance(found, str):
        raise Unreadable("wrong_type", f"{name} is {found!r:.60}")
    if not found.strip():
        raise Unreadable("missing", f"{name} is empty")
    return found
