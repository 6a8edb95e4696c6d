"""When what trades: regular sessions for stocks, every instant for coins, or for everything when told so.

`Hours` is what the account goes by, which is the stocks' hours; `Hours.of` gives those of one asset. Round the clock, a
session is one UTC day: it closes at midnight UTC, when day orders expire, and the next one opens in the same instant.
The calendar goes on telling the real sessions.

Around the regular session a stock has three more parts of its trading day, in which only orders for extended hours
trade. In New York time: overnight from 20:00 of the evening before to 4:00, pre from 4:00 to 9:30, post from 16:00 to
20:00, on half days from 13:00 to 17:00 (docs.alpaca.markets/docs/245-trading; alpaca.markets/learn, "How to Enable
Stock Market Trading from 4 am to 8 pm ET"). No overnight part goes before a holiday.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from lib.paper_broker.exchange.assets import AssetClass
from lib.sessions import Session, Sessions

if TYPE_CHECKING:
    from datetime import date, tzinfo

NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
# Every session opens at 9:30 in New York, and clocks change on a Sunday morning: no time zone is needed.
PRE_BEFORE_OPEN = timedelta(hours=5, minutes=30)
OVERNIGHT_BEFORE_OPEN = timedelta(hours=13, minutes=30)
POST_AFTER_CLOSE = timedelta(hours=4)


def midnight(day: date, zone: tzinfo) -> datetime:
    """Return the instant at which a day begins somewhere."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


class CalendarEnded(LookupError):
    """No session is known that far in the future."""


class Phase(StrEnum):
    """The parts of a trading day; Alpaca's words, but for the overnight one."""

    OVERNIGHT = "overnight"
    PRE = "pre"
    CORE = "core"
    POST = "post"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class TradingDay:
    """A regular session and the parts around it; each begins where the one before it ends."""

    overnight: Session
    pre: Session
    core: Session
    post: Session

    @classmethod
    def of(cls, core: Session) -> TradingDay:
        """Put the parts around a regular session."""
        day, evening, morning = core.date, core.open - OVERNIGHT_BEFORE_OPEN, core.open - PRE_BEFORE_OPEN
        return cls(
            overnight=Session(day, evening, morning),
            pre=Session(day, morning, core.open),
            core=core,
            post=Session(day, core.close, core.close + POST_AFTER_CLOSE),
        )

    def part_at(self, now: datetime) -> tuple[Phase, Session] | None:
        """Return the part that is on, None before and after all of them."""
        parts = (
            (Phase.CORE, self.core),
            (Phase.PRE, self.pre),
            (Phase.POST, self.post),
            (Phase.OVERNIGHT, self.overnight),
        )
        return next((part for part in parts if part[1].open <= now < part[1].close), None)


class Hours:
    """The sessions orders trade in."""

    def __init__(self, sessions: Sessions, *, always_open: bool) -> None:
        self.sessions = sessions
        self.always_open = always_open
        self._coins = self if always_open else Hours(sessions, always_open=True)
        self._current: Session | None = None
        self._day: TradingDay | None = None
        self._day_from: datetime | None = None
        self._closed: tuple[datetime | None, datetime | None] = None, None

    def of(self, name: str) -> Hours:
        """Return the hours of a symbol or an asset class."""
        return self._coins if "/" in name or name == AssetClass.CRYPTO else self

    def at(self, now: datetime) -> Session | None:
        """Return the session that is on, None outside."""
        current = self._current
        # Prices are walked in order of time, so the session of the last question mostly answers the next.
        if current is None or not current.open <= now < current.close:
            current = _whole_day(now) if self.always_open else self._core_at(now)
            self._current = current or self._current
        return current

    def on(self, day: date) -> Session | None:
        """Return the session of a day, None when the exchange rests."""
        if self.always_open:
            return _whole_day(midnight(day, UTC))
        return self.sessions.on(day)

    def next_after(self, now: datetime) -> Session:
        """Return the first session that opens after `now`."""
        return _whole_day(now + DAY) if self.always_open else self._following(now)

    def lives_in(self, now: datetime) -> Session:
        """Return the session of a day order sent at `now`: the one that is on, else the next."""
        return self.at(now) or self.next_after(now)

    def last_close(self, now: datetime) -> datetime | None:
        """Return the latest close that is not after `now`; None when the calendar does not go back so far."""
        if self.always_open:
            return _whole_day(now).open
        # Each position of an answer asks this of the same instant.
        if self._closed[0] != now:
            self._closed = now, self._find_last_close(now)
        return self._closed[1]

    def trading_day(self, now: datetime) -> TradingDay:
        """Return the trading day of stocks that `now` belongs to, all its parts told; between two days, the next."""
        if self._day is None or self._day_from is None or not self._day_from <= now < self._day.post.close:
            self._day_from, self._day = self._find_trading_day(now)
        return self._day

    def phase_at(self, now: datetime) -> Phase:
        """Return which part of the trading day is on; round the clock, every instant is in the core."""
        if self.always_open:
            return Phase.CORE
        part = self.trading_day(now).part_at(now)
        return part[0] if part else Phase.CLOSED

    def extended_at(self, now: datetime) -> Session | None:
        """Return the part of the extended hours that is on; None in a regular session and when nothing trades."""
        if self.always_open:
            return None
        part = self.trading_day(now).part_at(now)
        return part[1] if part and part[0] is not Phase.CORE else None

    def quotes_from(self, now: datetime, *, extended: bool = False) -> datetime | None:
        """Return how old a quote may be to trade at `now`; None when nothing trades.

        It is of the session that is on, or of the part of the extended hours. Round the clock nothing marks a quote
        as old (no source): it stands for a day.
        """
        if self.always_open:
            return now - DAY
        session = self.at(now) or (self.extended_at(now) if extended else None)
        return session.open if session else None

    def calendar(self, first: date, last: date) -> tuple[Session, ...]:
        """Return the real sessions of these days, both included."""
        return self.sessions.between(first, last)

    def _find_last_close(self, now: datetime) -> datetime | None:
        try:
            session = self.sessions.last_before(now)
            if session.close > now:
                session = self.sessions.last_before(session.open - INSTANT)
        except LookupError:
            return None
        return session.close

    def _core_at(self, now: datetime) -> Session | None:
        try:
            core = self.trading_day(now).core
        except LookupError:  # the calendar has ended
            return None
        return core if core.open <= now < core.close else None

    def _find_trading_day(self, now: datetime) -> tuple[datetime, TradingDay]:
        try:
            last = TradingDay.of(self.sessions.last_before(now))
        except LookupError:  # before the first session
            return now, TradingDay.of(self._following(now))
        if now < last.post.close:
            return last.core.open, last
        return last.post.close, TradingDay.of(self._following(now))

    def _following(self, now: datetime) -> Session:
        try:
            return self.sessions.next_after(now)
        except LookupError as error:
            raise CalendarEnded(str(error)) from None


def _whole_day(now: datetime) -> Session:
    start = datetime(now.year, now.month, now.day, tzinfo=UTC)
    return Session(date=start.date(), open=start, close=start + DAY)
