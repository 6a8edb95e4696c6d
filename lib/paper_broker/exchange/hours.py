"""When the exchange trades: the regular sessions, or every instant when it is told to be always open.

Always open, a session is one UTC day: it closes at midnight UTC, when day orders expire, and the next one opens in the
same instant. The calendar goes on telling the real sessions.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lib.sessions import Session, Sessions

if TYPE_CHECKING:
    from datetime import date

DAY = timedelta(days=1)


class Hours:
    """The sessions orders trade in."""

    def __init__(self, sessions: Sessions, *, always_open: bool) -> None:
        self.sessions = sessions
        self.always_open = always_open
        self._current: Session | None = None

    def at(self, now: datetime) -> Session | None:
        """Return the session that is on, None outside."""
        current = self._current
        # Prices are walked in order of time, so the session of the last question mostly answers the next.
        if current is None or not current.open <= now < current.close:
            current = _whole_day(now) if self.always_open else self.sessions.at(now)
            self._current = current
        return current

    def next_after(self, now: datetime) -> Session:
        """Return the first session that opens after `now`."""
        return _whole_day(now + DAY) if self.always_open else self.sessions.next_after(now)

    def lives_in(self, now: datetime) -> Session:
        """Return the session of a day order sent at `now`: the one that is on, else the next."""
        return self.at(now) or self.next_after(now)

    def last_close(self, now: datetime) -> datetime | None:
        """Return the latest close that is not after `now`; None when the calendar does not go back so far."""
        if self.always_open:
            return _whole_day(now).open
        try:
            session = self.sessions.last_before(now)
            if session.close > now:
                session = self.sessions.last_before(session.open - timedelta(microseconds=1))
        except LookupError:
            return None
        return session.close

    def calendar(self, first: date, last: date) -> tuple[Session, ...]:
        """Return the real sessions of these days, both included."""
        return self.sessions.between(first, last)


def _whole_day(now: datetime) -> Session:
    start = datetime(now.year, now.month, now.day, tzinfo=UTC)
    return Session(date=start.date(), open=start, close=start + DAY)
