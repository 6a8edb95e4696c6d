"""The jobs of the crontab as processes of ours: started, ended when they take too long, never two of one stage."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from lib.clock import Clock
from lib.crontab import Line
from lib.logs import Log

HOLD = "crontab-loop"
"""What lib.loop holds while it runs, as a pass holds its account: so others can see that the stages are started."""


@dataclass(slots=True)
class _Running:
    line: Line
    process: subprocess.Popen[bytes]
    ends_at: float  # on the monotonic clock: when it is asked to end; it is killed `kill_after_s` later
    asked: bool = False


class Jobs:
    """Runs the lines of a crontab; whoever owns it calls `tick` once a minute and `look` every second or so."""

    def __init__(self, lines: Sequence[Line], home: Path, clock: Clock, log: Log, *, flags: Sequence[str] = ()) -> None:
        """Start stages in `home`, with `flags` behind those of their line."""
        self._lines = tuple(lines)
        self._home = home
        self._clock = clock
        self._log = log
        self._flags = tuple(flags)
        self._running: dict[str, _Running] = {}

    @property
    def running(self) -> tuple[str, ...]:
        """The stages at work."""
        return tuple(self._running)

    def tick(self) -> None:
        """Start what cron would start in this minute, by the host's own clock."""
        at = self._clock.now().astimezone()
        self.start([line for line in self._lines if line.fires(at)])

    def start_all(self) -> None:
        """Start every stage once: nobody knows how long it was that nothing ran."""
        self._say("loop.started", stages=" ".join(line.stage for line in self._lines))
        self.start(self._lines)

    def start(self, lines: Sequence[Line]) -> None:
        """Start lines; a stage that is still running is left alone."""
        self.look()
        for line in lines:
            if line.stage in self._running:
                self._say("loop.still_running", stage=line.stage)
                continue
            words = [sys.executable, f"{line.stage}.py", *line.flags, *self._flags]
            try:
                # In a session of its own: Ctrl-C in the terminal is for the loop alone, which lets the stage finish.
                process = subprocess.Popen(  # noqa: S603 - our own scripts, by the names in our own crontab
                    words, cwd=self._home, stdin=subprocess.DEVNULL, start_new_session=True
                )
            except OSError as error:
                self._say("loop.not_started", stage=line.stage, why=error)
                continue
            self._running[line.stage] = _Running(line, process, time.monotonic() + line.limit_s)

    def look(self) -> None:
        """Note what has ended; ask what is over its time to end, and kill what does not."""
        for stage, job in list(self._running.items()):
            code = job.process.poll()
            if code is not None:
                del self._running[stage]
                if code:
                    self._say("loop.ended", stage=stage, exit_code=code)
            elif time.monotonic() >= job.ends_at + job.line.kill_after_s:
                self._say("loop.killed", stage=stage)
                job.ends_at = math.inf
                _signal(job.process, signal.SIGKILL)
            elif time.monotonic() >= job.ends_at and not job.asked:
                self._say("loop.too_long", stage=stage, seconds=job.line.limit_s)
                _ask(job)

    def end_now(self) -> None:
        """Ask every stage to end at once; `look` kills what does not."""
        for job in self._running.values():
            if not job.asked:
                job.ends_at = time.monotonic()
                _ask(job)

    def finish(self, stop: Stop) -> int:
        """Wait for the stages at work, at a second signal no longer than they take to end; return the exit code."""
        self._say("loop.stopping", waiting_for=" ".join(self._running) or "nothing")
        while self._running:
            if stop.times > 1:
                self.end_now()
            self.look()
            self._clock.sleep(0.1)
        self._say("loop.stopped")
        return 0

    def _say(self, name: str, **values: object) -> None:
        """Write an event to the log; a terminal that is gone is no reason to stop."""
        with suppress(OSError):
            self._log.event(self._clock.now(), name, **values)


class Stop:
    """Counts the signals that ask this process to end: Ctrl-C, SIGTERM, the end of its terminal."""

    def __init__(self) -> None:
        """Take the signals over; the end of the terminal not where it was to be ignored, as nohup has it."""
        self.times = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._count)

    def _count(self, _number: int, _frame: FrameType | None) -> None:
        self.times += 1


def _ask(job: _Running) -> None:
    job.asked = True
    _signal(job.process, signal.SIGTERM)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Tell the process and what it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
