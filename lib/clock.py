"""The only place that reads the real clock, and the only one that knows where New York is.

Everything else gets `now` as a parameter, so that a year of trading can be played in seconds and a test can stand
still. Times are aware and in UTC throughout; New York time exists to be shown to a person and to turn the broker's
calendar, which is written in exchange time, into UTC. The gate imports this file on every cron tick: pytz is loaded
only when a New York time is asked for.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import date
    from datetime import time as time_of_day
    from decimal import Decimal

    from pytz.tzinfo import BaseTzInfo


class Clock(Protocol):
    """What a pass may know about time: the present, and how to wait."""

    def now(self) -> datetime:
        """Return the present, aware and in UTC."""

    def sleep(self, seconds: float | Decimal) -> None:
        """Let `seconds` go by."""


class WallClock:
    """Real time."""

    def now(self) -> datetime:
        """Return the present, aware and in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float | Decimal) -> None:
        """Block the process for `seconds`."""
        time.sleep(float(seconds))


class SimulatedClock:
    """Time that stands still until it is moved, and that sleeping moves: a wait costs nothing and is still seen."""

    def __init__(self, now: datetime) -> None:
        self._now = _utc(now)

    def now(self) -> datetime:
        """Return the time the clock was moved to."""
        return self._now

    def advance_to(self, now: datetime) -> None:
        """Move the clock forward; time that runs backwards would hide the very mistakes a simulation looks for."""
        if _utc(now) < self._now:
            message = f"a simulated clock cannot go back from {self._now.isoformat()} to {now.isoformat()}"
            raise ValueError(message)
        self._now = _utc(now)

    def set_back(self, now: datetime) -> None:
        """Begin again from an earlier instant, together with everything else that was put aside then."""
        self._now = _utc(now)

    def sleep(self, seconds: float | Decimal) -> None:
        """Move the clock forward by `seconds` at once."""
        self.advance_to(self._now + timedelta(seconds=float(seconds)))


def new_york(now: datetime) -> datetime:
    """Return the same instant on New York's wall."""
    return _utc(now).astimezone(_zone())


@cache  # the same few weeks of a calendar are read once a session, and time zones are slow
def from_new_york(day: date, at: time_of_day) -> datetime:
    """Return New York's `day` and `at` in UTC; a time that the change of clocks skips or repeats has no one answer."""
    wall = datetime.combine(day, at)
    earlier, later = (_zone().localize(wall, is_dst=is_dst) for is_dst in (True, False))
    if earlier != later:
        message = f"{wall.isoformat(' ')} happens twice or never in New York"
        raise ValueError(message)
    return later.astimezone(UTC)


def show(now: datetime) -> str:
    """Write an instant for a person: `2026-11-20 09:45 ET`."""
    return new_york(now).strftime("%Y-%m-%d %H:%M ET")


def _utc(now: datetime) -> datetime:
    if now.tzinfo is None:
        message = f"{now.isoformat()} has no time zone, so it names no instant"
        raise ValueError(message)
    return now.astimezone(UTC)


def _zone() -> BaseTzInfo:
    import pytz

    return pytz.timezone("America/New_York")
