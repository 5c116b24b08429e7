"""What every verb says in the same way: progress, tables, one line of result."""

import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Task as ProgressTask
from rich.text import Text

T = TypeVar("T")


class RateColumn(ProgressColumn):
    """How many a second."""

    def render(self, task: ProgressTask) -> Text:
        """Write the rate once there is one."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


def show_progress(items: Iterable[T], n: int | None, what: str) -> Iterator[T]:
    """Pass items on while a terminal shows count, rate and time left (on stderr, gone when done)."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), RateColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=n)
        for item in items:
            yield item
            progress.advance(task)


EVERY_S = 30.0
"""Without a terminal a line of progress comes this often, so that a log stays short."""


class StageBars:
    """A bar for each stage, with rate, time left and its newest numbers; lines where no terminal is."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        columns = (
            TextColumn("{task.description:9}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._bars = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._first: dict[str, tuple[float, int]] = {}
        self._said = 0.0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(line, markup=False, soft_wrap=True)

    def show(self, stage: str, done: int, of: int, note: str) -> None:
        """Show how far a stage is."""
        now = time.monotonic()
        start, before = self._first.setdefault(stage, (now, done))
        rate = (done - before) / (now - start) if done > before and now > start else None
        pace = "" if rate is None else f"{rate:.2f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
        if self._console.is_terminal:
            if stage not in self._tasks:
                self._tasks[stage] = self._bars.add_task(stage, total=of, note="")
            self._bars.update(self._tasks[stage], completed=done, total=of, note=f"{pace}  {note}")
        elif now - self._said >= EVERY_S or done == of:
            self._said = now
            left = "" if rate is None or done == of else f", {(of - done) / rate / 60:.1f} min left"
            parts = [f"{stage} {done}/{of}", f"{pace}{left}".strip(), note]
            print(": ".join(part for part in parts if part), file=sys.stderr, flush=True)
