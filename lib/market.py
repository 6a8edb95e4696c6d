"""The sessions around now: the broker's calendar, cached by the gate's file, against our own table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from lib import due, sessions
from lib.clock import new_york
from lib.domain.hours import Hours
from lib.errors import BrokerUnavailable
from lib.sessions import Session
from lib.tools import Tools

BEHIND = timedelta(days=10)
AHEAD = timedelta(days=60)
AROUND = timedelta(days=10)
"""More than the exchange ever rests: on either side of any moment there is a session within it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What the broker says of time.

    The last session that opened and those that follow; whether both calendars name the same ones, and the clocks.
    """

    sessions: tuple[Session, ...]
    agreed: bool
    skew: timedelta = timedelta(0)  # how far our clock is ahead of the broker's
    asked: bool = True  # False: the broker's calendar was not to be had, and must not be cached as if it was

    @property
    def hours(self) -> tuple[Hours, ...]:
        """The sessions as a plan needs them, with those of the last days by our table: approvals may be that old."""
        first = self.sessions[0].date
        before = _table(first - BEHIND, first - timedelta(days=1))
        return tuple(Hours(open=s.open, close=s.close) for s in (*before, *self.sessions))


def market(tools: Tools, now: datetime) -> Market:
    """Return the sessions around now, asking the broker once for each session.

    Where the broker's calendar cannot be had our table stands in, as if the two disagreed: no entries, while
    protection goes on.
    """
    if tools.always_open:
        return Market(sessions=_every_day(now), agreed=True)
    listed = _cached(tools, now)
    if listed is None:
        today = new_york(now).date()
        try:
            calendar = tools.broker.sessions(today - BEHIND, today + AHEAD)
        except BrokerUnavailable:
            return Market(sessions=sessions.load().window(now, due.AHEAD), agreed=False, asked=False)
        listed = sessions.Sessions.of(calendar).window(now, due.AHEAD)
    return Market(sessions=listed, agreed=bool(listed) and listed == _table(listed[0].date, listed[-1].date))


def _table(first: date, last: date) -> tuple[Session, ...]:
    return sessions.load().between(first, last)


def _cached(tools: Tools, now: datetime) -> tuple[Session, ...] | None:
    """Return the calendar as the last pass left it, unless a session has opened since."""
    listed = known_sessions(tools.state_dir)
    fresh = len(listed) > 1 and listed[0].open <= now < listed[1].open
    return listed if fresh else None


def known_sessions(state_dir: Path) -> tuple[Session, ...]:
    """Return the calendar as the last pass left it for the gate; nothing where that cannot be read."""
    try:
        return tuple(
            _session(each["date"], each["open"], each["close"]) for each in (due.read(state_dir) or {})["sessions"]
        )
    except (KeyError, TypeError, ValueError):
        return ()


@cache  # every pass reads the same few weeks
def _session(day: str, opening: str, closing: str) -> Session:
    return Session(date.fromisoformat(day), datetime.fromisoformat(opening), datetime.fromisoformat(closing))


def sessions_around(state_dir: Path, at: datetime) -> tuple[Session, ...]:
    """Return the sessions around `at`: the broker's as the gate knows them, before and without them our table's."""
    first, end = (at - AROUND).date(), (at + AROUND).date()
    table, known = _table(first, end), known_sessions(state_dir)
    return (
        *(each for each in table if not known or each.date < known[0].date),
        *(each for each in known if each.date <= end),
    )


def _every_day(now: datetime) -> tuple[Session, ...]:
    """Make each UTC day one session (PAPER_ALWAYS_OPEN)."""
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC)
    days = [midnight + timedelta(days=n) for n in range(due.AHEAD + 1)]
    return tuple(Session(day.date(), day, day + timedelta(days=1)) for day in days)
