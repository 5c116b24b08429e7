"""What every verb says in the same way: progress, tables, one line of result."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
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
