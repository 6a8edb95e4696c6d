"""Log lines on stderr: `time event key=value …`, for people and for grep. stdout is the result's alone."""

from __future__ import annotations

from datetime import datetime
from typing import TextIO


class Log:
    """Writes events, one a line."""

    def __init__(self, stream: TextIO | None) -> None:
        """Write to `stream`; None is silence (simulations, tests)."""
        self._stream = stream

    def event(self, at: datetime, name: str, **values: object) -> None:
        """Write one event."""
        if self._stream is None:
            return
        pairs = " ".join(f"{key}={_quoted(value)}" for key, value in values.items())
        self._stream.write(f"{at:%Y-%m-%dT%H:%M:%SZ} {name} {pairs}".rstrip() + "\n")


def _quoted(value: object) -> str:
    """Keep one event on one line, and a value with blanks in quotes."""
    shown = str(value).replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return '"' + shown.replace('"', "'") + '"' if not shown or " " in shown or "=" in shown else shown
