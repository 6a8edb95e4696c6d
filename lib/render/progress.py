"""Progress of long work, on a terminal only: a log or a pipe gets none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime


@contextmanager
def progress_bar(what: str, first: date, last: date) -> Iterator[Callable[[datetime], None] | None]:
    """Yield a function to be told how far in time the work has come; None where nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[day]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=(last - first).days + 1, day=str(first))

        def tell(now: datetime) -> None:
            done = (now.date() - first).days + (now.hour * 60 + now.minute) / 1440
            progress.update(task, completed=done, day=f"{now:%Y-%m-%d %H:%M}")

        yield tell
