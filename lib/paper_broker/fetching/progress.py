"""How `fetch-bars` shows on standard error that it gets on: bars on a terminal, plain lines in a log or a pipe."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

SHOWN_MAX = 8


class Progress(Protocol):
    """What is told while symbols are fetched, one after the other."""

    def begin(self, symbol: str, days: int) -> None:
        """Begin a symbol, of which so many days will be asked for."""

    def advance(self, symbol: str, first: date, last: date, bars: int) -> None:
        """Tell that these days, both included, are there, and how many bars they had."""

    def say(self, line: str) -> None:
        """Say something else."""


@contextmanager
def progress_of(symbols: int) -> Iterator[Progress]:
    """Yield what shows the progress of so many symbols."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[unit]}"))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bars = _Bars(progress, symbols)
        yield bars
        bars.end()


class _Lines:
    def begin(self, symbol: str, days: int) -> None:
        if not days:
            self.say(f"{symbol}: nothing is missing")

    def advance(self, symbol: str, first: date, last: date, bars: int) -> None:
        self.say(f"{symbol}: {first} to {last}, {bars} bars")

    def say(self, line: str) -> None:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


class _Bars:
    def __init__(self, progress: RichProgress, symbols: int) -> None:
        self._progress = progress
        self._all = progress.add_task("all", total=symbols, unit="symbols")
        self._tasks: dict[str, TaskID] = {}

    def begin(self, symbol: str, days: int) -> None:
        self._progress.update(self._all, completed=len(self._tasks))
        self._tasks[symbol] = self._progress.add_task(symbol, total=days, unit="days")
        old = list(self._tasks.values())[:-SHOWN_MAX]
        for task in old:
            self._progress.update(task, visible=False)

    def advance(self, symbol: str, first: date, last: date, bars: int) -> None:
        del bars
        self._progress.advance(self._tasks[symbol], (last - first).days + 1)

    def end(self) -> None:
        self._progress.update(self._all, completed=len(self._tasks))

    def say(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False)
