"""The recorded days of one symbol: which file has the bars of each, and from when to when each bar trades."""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from lib.paper_broker.exchange.hours import INSTANT
from lib.paper_broker.exchange.market import quote_tick
from lib.paper_broker.history.bars import Bars, PricesError, read_bars
from lib.paper_broker.history.bridge import path_inside_bars, path_of_day
from lib.sessions import Session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from pathlib import Path

    from lib.paper_broker.exchange.hours import Hours
    from lib.paper_broker.history.bars import Bar
    from lib.paper_broker.history.bridge import Part, Steps

DAY = timedelta(days=1)
PARTS_KEPT = 64
HEAD_LINES = (20, 2000, None)


class Recorded:
    """The days of one symbol, by UTC date, in order; a place is the number of a day in it."""

    def __init__(self, files: Sequence[Path], hours: Hours, lines_max: int | None = None) -> None:
        self._hours = hours
        self._bars: dict[date, Bars] = {}
        # The finest file last, so that it wins the days that two cover.
        read = (read_bars(file, lines_max) for file in files)
        for bars in sorted(read, key=lambda bars: bars.length, reverse=True):
            self._bars.update(dict.fromkeys(bars.days(), bars))
        self.days = sorted(self._bars)
        self.parts = lru_cache(maxsize=PARTS_KEPT)(self._find_parts)
        # Asked day by day: most processes need a few days of thousands.
        self._last = next(filter(None, map(self._traded, reversed(self.days))), None)
        if self._last is None and lines_max is None:
            raise PricesError(f"{files[0]}: no bars in a regular session")

    @cached_property
    def end(self) -> datetime:
        """Return where the recorded prices end: a stock's at a close, a coin's with the last bar."""
        assert self._last is not None
        return self._bars[self.days[-1]].end() if self._hours.always_open else self._last.close

    def first_open(self) -> datetime | None:
        """Return the opening of the first session that has bars."""
        session = next(filter(None, map(self._traded, self.days)), None)
        return session.open if session else None

    def place(self, at: datetime) -> int:
        """Return the place of the last day up to `at`, whose session may be still to come; -1 before the first."""
        return bisect_right(self.days, at.date()) - 1

    def first_place(self, at: datetime) -> int:
        """Return the place of the first day whose bars may trade at `at` or later; a coin's may end the day after."""
        return max(self.place(at) - (1 if self._hours.always_open else 0), 0)

    def path(self, symbol: str, place: int, seed: int) -> Steps:
        """Return the instants and prices of a day, none when nothing traded."""
        day, parts = self.days[place], self.parts(place)
        key = (seed, symbol, day.isoformat())
        if self._bars[day].length < DAY or not parts:
            return path_inside_bars(parts, key)
        bar, start, end = parts[0]
        return path_of_day(bar, Session(day, start, end), key, _lattice(symbol, bar) if "/" in symbol else None)

    def _find_parts(self, place: int) -> list[Part]:
        """Return the bars of a day that trade, and from when to when."""
        day = self.days[place]
        session, bars = self._hours.on(day), self._bars[day]
        if bars.length >= DAY:
            bar = bars.of(day)[0]
            if self._hours.always_open:
                return [(bar, bar.at, self._day_ends(place, bar.at))]
            return [(bar, session.open, session.close)] if session else []
        spans = ((bar, self._span(bar.at, bar.at + bars.length, session)) for bar in bars.of(day))
        return [(bar, *span) for bar, span in spans if span]

    def _day_ends(self, place: int, start: datetime) -> datetime:
        # Alpaca's days of coins begin at 5:00 or 6:00 UTC: once a year one of them has an hour less.
        following = self.days[place + 1 : place + 2]
        return min([start + DAY, *(self._bars[day].of(day)[0].at for day in following)])

    def _span(self, start: datetime, end: datetime, session: Session | None) -> tuple[datetime, datetime] | None:
        if session and start < session.close and end > session.open:
            return max(start, session.open), min(end, session.close)
        extended = self._hours.extended_at(start)
        return (start, min(end, extended.close)) if extended else None

    def _traded(self, day: date) -> Session | None:
        """Return the session of a day if the day's bars are at least partly in it."""
        session, bars = self._hours.on(day), self._bars[day]
        return session if session and bars.trade_in(session) else None


def first_open(files: Sequence[Path], hours: Hours) -> datetime | None:
    """Return the opening of the first session that has bars; mostly the first lines of the files tell it."""
    opens = (Recorded(files, hours, lines).first_open() for lines in HEAD_LINES)
    return next(filter(None, opens), None)


def volume_until(part: Part, at: datetime, step: Decimal) -> Decimal:
    """Return how much of a bar's volume had traded before `at`, in whole steps, if it traded evenly."""
    bar, start, end = part
    gone = min(max(at, start), end) - start
    if gone == end - start:
        return bar.volume
    share = bar.volume * (gone // INSTANT) / ((end - start) // INSTANT)
    return share // step * step


def _lattice(symbol: str, bar: Bar) -> Decimal:
    """Return the step of a coin's path: the quoting tick, or as fine as the bar's own prices are."""
    return min(quote_tick(symbol, bar.low), *(_last_digit(price) for price in (bar.open, bar.high, bar.low, bar.close)))


def _last_digit(price: Decimal) -> Decimal:
    exponent = price.normalize().as_tuple().exponent
    return Decimal(1).scaleb(int(exponent))
