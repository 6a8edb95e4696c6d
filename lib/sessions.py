"""The exchange's sessions: which days it trades, and from when to when.

The broker's own calendar rules (`Sessions.of` makes a table from it). The table in `sessions.csv` stands in when the
broker cannot be asked, and it is the paper broker's calendar. `make sessions` writes it, with opening and closing
times in UTC, so that reading it needs no time zone. The file is kept as text and searched by the date each line begins
with: a process that asks for one day parses one line out of some seven thousand.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

TABLE = Path(__file__).with_name("sessions.csv")
HEADER = "date,open,close"


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day; `open` and `close` are aware and in UTC, `close` is the first moment that no longer trades."""

    date: date
    open: datetime
    close: datetime

    def __post_init__(self) -> None:
        """Refuse a session that ends before it begins, or whose times name no instant."""
        if self.open.utcoffset() != timedelta(0) or self.close.utcoffset() != timedelta(0):
            message = f"session {self.date}: open and close must be in UTC"
            raise ValueError(message)
        if self.open >= self.close:
            message = f"session {self.date}: it closes at {self.close:%H:%M} before it opens at {self.open:%H:%M}"
            raise ValueError(message)


class Sessions:
    """Sessions in order of time, found by bisection; each is made when it is asked for."""

    __slots__ = ("_keys", "_session")

    def __init__(self, keys: Sequence[str], session: Callable[[int], Session]) -> None:
        """Take one sortable text per session, beginning with its ISO date, and a way to make the n-th session."""
        self._keys = keys
        self._session = session

    @classmethod
    def of(cls, sessions: Iterable[Session]) -> Sessions:
        """Make a table from sessions at hand, such as the broker's calendar, in whatever order they come."""
        ordered = tuple(sorted(sessions, key=lambda session: session.open))
        for earlier, later in pairwise(ordered):
            if later.open < earlier.close or later.date <= earlier.date:
                message = f"sessions {earlier.date} and {later.date} overlap"
                raise ValueError(message)
        return cls([session.date.isoformat() for session in ordered], ordered.__getitem__)

    def __len__(self) -> int:
        """Return how many sessions the table has."""
        return len(self._keys)

    def on(self, day: date) -> Session | None:
        """Return the session of a calendar day, None when the exchange rests."""
        found = self.between(day, day)
        return found[0] if found else None

    def at(self, now: datetime) -> Session | None:
        """Return the session that trades at `now`, None when the exchange is closed."""
        index = self._first_after(now) - 1
        if index < 0:
            return None
        session = self._session(index)
        return session if now < session.close else None

    def next_after(self, now: datetime) -> Session:
        """Return the first session that opens after `now`."""
        index = self._first_after(now)
        if index == len(self._keys):
            message = f"the session table ends before the next session after {now.isoformat()}"
            raise LookupError(message)
        return self._session(index)

    def last_before(self, now: datetime) -> Session:
        """Return the last session that had opened at `now`; it may still be on."""
        index = self._first_after(now) - 1
        if index < 0:
            message = f"the session table begins after {now.isoformat()}"
            raise LookupError(message)
        return self._session(index)

    def between(self, first: date, last: date) -> tuple[Session, ...]:
        """Return the sessions of the calendar days from `first` to `last`, both included."""
        start = bisect_left(self._keys, first.isoformat())
        stop = bisect_right(self._keys, last.isoformat(), key=_day)
        return tuple(self._session(index) for index in range(start, stop))

    def window(self, now: datetime, ahead: int) -> tuple[Session, ...]:
        """Return the last session that had opened at `now` and up to `ahead` that follow, as far as the table goes."""
        first_after = self._first_after(now)
        return tuple(
            self._session(index) for index in range(max(first_after - 1, 0), min(first_after + ahead, len(self._keys)))
        )

    def _first_after(self, now: datetime) -> int:
        """Return the index of the first session that opens after `now`; it may be one past the last."""
        # A session may open a calendar day away from its own date in UTC, so the search begins a little early.
        index = bisect_left(self._keys, (now.astimezone(UTC).date() - timedelta(days=1)).isoformat())
        while index < len(self._keys) and self._session(index).open <= now:
            index += 1
        return index


@cache
def load() -> Sessions:
    """Return the table in the repository, read once for each process."""
    header, *lines = TABLE.read_text(encoding="ascii").splitlines()
    if header != HEADER:
        message = f"{TABLE.name} begins with {header!r} instead of {HEADER!r}; make sessions writes it anew"
        raise ValueError(message)
    return Sessions(lines, lambda index: _parse(lines[index]))


def _day(key: str) -> str:
    return key[:10]


@cache
def _parse(line: str) -> Session:
    day, opening, closing = line.split(",")
    return Session(
        date=date.fromisoformat(day),
        open=datetime.fromisoformat(f"{day}T{opening}+00:00"),
        close=datetime.fromisoformat(f"{day}T{closing}+00:00"),
    )
