"""Rewards of the user's own: a function from a file, ours or a TRL reward function."""

import importlib.util
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from numbers import Real
from pathlib import Path
from typing import Any

from gazal.core.case import Case
from gazal.core.chat import write_prompt
from gazal.core.score import Verdict
from gazal.core.trace import Trace
from gazal.errors import ConfigError

Own = Callable[[Sequence[Case], Sequence[Trace]], list[float | None]]
"""Cases and a reply to each, to what each earns; None where nothing can be said."""
KEY_COLUMNS = ("answer", "solution", "ground_truth", "target", "label", "gold")
"""Names under which data sets for TRL hold the key; a function takes the one that it knows."""


@lru_cache(maxsize=8)
def load_own_reward(where: str, *, chat: bool) -> Own:
    """A function from a file, called the way its parameters ask for.

    Args:
        where: ``file.py:function``. It takes ``(case, trace)``, or is a TRL reward function, known by
            its parameter ``completions``.
        chat: Hand TRL functions each completion as a list of messages, not as text.

    Raises:
        ConfigError: No such file or function, or it asks for a column that nobody has.
    """
    path, _, name = where.rpartition(":")
    if not path or not name.isidentifier():
        raise ConfigError(f"reward function {where}: write it as file.py:function.")
    function: Any = getattr(_import_file(Path(path)), name, None)
    if not callable(function):
        raise ConfigError(f"reward function {where}: {path} has no function {name}.")
    if "completions" not in inspect.signature(function).parameters:
        return lambda cases, traces: [
            _read_value(where, function(case, trace)) for case, trace in zip(cases, traces, strict=True)
        ]

    def call(cases: Sequence[Case], traces: Sequence[Trace]) -> list[float | None]:
        values: Any = function(**_choose(where, function, _list_columns(cases, traces, chat)))
        if len(values) != len(traces):
            raise ConfigError(f"reward function {where}: {len(values)} values for {len(traces)} completions.")
        return [_read_value(where, value) for value in values]

    return call


def pay_by(where: str, case: Case, traces: Sequence[Trace], verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts on replies to one case with a function's totals; what was not delivered earns none.

    Raises:
        ConfigError: A total is outside [-1, 1] or not a number.
    """
    totals = load_own_reward(where, chat=False)([case] * len(traces), traces)
    if bad := [total for total in totals if total is not None and not -1.0 <= total <= 1.0]:
        raise ConfigError(
            f"reward function {where}: it paid {bad[0]} for a reply to {case.id}. Rewards that are trained "
            "on stay within -1 and 1: divide them."
        )
    return [
        replace(verdict, total=total, parts={"own": total}, short_of=())
        if total is not None and verdict.parts
        else replace(verdict, total=None, parts={}, short_of=())
        for verdict, total in zip(verdicts, totals, strict=True)
    ]


def _import_file(path: Path) -> Any:
    if not path.is_file():
        raise ConfigError(f"reward function {path}: no such file.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"reward function {path}: not a Python file.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # A file of the user's own may fail in any way.
        raise ConfigError(f"reward function {path}: it cannot be imported: {error!r}") from error
    return module


def _list_columns(cases: Sequence[Case], traces: Sequence[Trace], chat: bool) -> dict[str, Any]:
    def as_messages(role: str, text: str) -> Any:
        return [{"role": role, "content": text}] if chat else text

    keys = [case.answer for case in cases]
    return {
        "prompts": [as_messages("user", write_prompt(case)) for case in cases],
        "completions": [as_messages("assistant", trace.text) for trace in traces],
        **dict.fromkeys(KEY_COLUMNS, keys),
        "answer_text": [case.options.get(case.answer, case.answer) for case in cases],
        "options": [dict(case.options) for case in cases],
        "question": [case.question for case in cases],
    }


def _choose(where: str, function: Callable[..., Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    """What the function names, or all where it takes whatever comes."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        needed = [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        chosen = dict(columns)
    else:
        needed = [p.name for p in parameters if p.default is p.empty]
        chosen = {p.name: columns[p.name] for p in parameters if p.name in columns}
    if missing := [name for name in needed if name not in columns]:
        raise ConfigError(
            f"reward function {where}: it asks for {', '.join(missing)}; there is {', '.join(columns)}. "
            "Give the parameter a default, or wrap the function."
        )
    return chosen


def _read_value(where: str, value: Any) -> float | None:
    """A number, or None; a Score or a Verdict is read."""
    value = getattr(value, "value", getattr(value, "total", value))
    if value is None:
        return None
    if not isinstance(value, Real):
        raise ConfigError(f"reward function {where}: it returned {value!r}; a reward is a number, or None.")
    return float(value)
