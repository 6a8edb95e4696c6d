"""Log lines on stderr and in STATE_DIR/log: `time event key=value …`, for people and for grep.

stdout is the result's alone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

FILE_MODE = 0o640
FOLDER_MODE = 0o750


class Log:
    """Writes events, one a line."""

    def __init__(self, stream: TextIO | None, file: Path | None = None, *, quiet: bool = False) -> None:
        """Write to `stream` (None is silence: simulations, tests) and to `file`.

        With `quiet` the stream gets only what the file did not take: under cron a line would be there twice.
        """
        self._stream = stream
        self._file = file
        self._quiet = quiet

    def event(self, at: datetime, name: str, **values: object) -> None:
        """Write one event; a file that takes none is no reason to stop, and the line is on the stream."""
        if self._stream is None and self._file is None:
            return
        line = _line(at, name, values)
        filed = self._file is not None and _append(self._file, line)
        if self._stream is not None and not (filed and self._quiet):
            self._stream.write(line)

    def keep(self, at: datetime, name: str, **values: object) -> None:
        """Write one event to the file alone: the stream is told of it in other words."""
        if self._file is not None:
            _append(self._file, _line(at, name, values))


class _LibraryLines(logging.Handler):
    """Makes an event of each record."""

    def __init__(self, log: Log, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._log = log
        self._now = now

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        self._log.event(self._now(), record.levelname.lower(), message=record.getMessage())


@contextmanager
def library_lines(log: Log, now: Callable[[], datetime]) -> Iterator[None]:
    """Make events of what our own modules say through `logging`, such as a read that is tried again."""
    ours, lines = logging.getLogger("lib"), _LibraryLines(log, now)
    ours.addHandler(lines)
    try:
        yield
    finally:
        ours.removeHandler(lines)


def log_file(state_dir: Path, stage: str) -> Path:
    """Say where a stage keeps its log."""
    return state_dir / "log" / f"{stage}.log"


def _line(at: datetime, name: str, values: Mapping[str, object]) -> str:
    pairs = " ".join(f"{key}={_quoted(value)}" for key, value in values.items())
    return f"{at:%Y-%m-%dT%H:%M:%SZ} {name} {pairs}".rstrip() + "\n"


def _append(file: Path, line: str) -> bool:
    """Add a whole line at once: stages run side by side, and a file may be rotated away between two lines."""
    try:
        file.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            data = line.encode("utf-8", errors="replace")
            return os.write(descriptor, data) == len(data)
        finally:
            os.close(descriptor)
    except OSError:
        return False


def _quoted(value: object) -> str:
    """Keep one event on one line that no terminal obeys, and a value with blanks in quotes."""
    shown = "".join(char if char.isprintable() and char != "\\" else ascii(char)[1:-1] for char in str(value))
    return '"' + shown.replace('"', "'") + '"' if not shown or " " in shown or "=" in shown else shown
