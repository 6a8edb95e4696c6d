"""Log lines on stderr: `time event key=value …`, for people and for grep. stdout is the result's alone."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TextIO


class Log:
    """Writes events of one run, each with the run's id."""

    def __init__(self, stream: TextIO | None, run_id: str, *, verbose: bool = False) -> None:
        """Write to `stream`; None is silence (simulations, tests)."""
        self._stream = stream
        self._run_id = run_id
        self.verbose = verbose

    def event(self, at: datetime, name: str, **values: object) -> None:
        """Write one event."""
        if self._stream is None:
            return
        pairs = " ".join(f"{key}={_quoted(value)}" for key, value in values.items())
        self._stream.write(f"{at:%Y-%m-%dT%H:%M:%SZ} {name} run={self._run_id} {pairs}".rstrip() + "\n")


def _quoted(value: object) -> str:
    """Keep one event on one line, and a value with blanks in quotes."""
    shown = str(value).replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return '"' + shown.replace('"', "'") + '"' if not shown or " " in shown or "=" in shown else shown


def stderr_log(run_id: str, *, verbose: bool) -> Log:
    """Return the log of a real run."""
    return Log(sys.stderr, run_id, verbose=verbose)
