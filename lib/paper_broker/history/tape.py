"""What has happened to one symbol up to now: its trades, its quotes and its bars, all made of the feed's steps.

Each step is a trade at the best bid and the quote that stands from then on; bars of any length are aggregated from the
trades, so that bars, quotes and fills agree. A trade's size is made up, and so is the volume of bars where the feed
knows none. Of stocks, a stretch without a trade has no bar. Of coins it has one without volume, at the middle of the
quote (docs.alpaca.markets/docs/historical-crypto-data-1). Nothing later than `now` is ever seen: a bar that is not over
shows what it has so far.

A quote set by hand is the latest quote and the latest trade while it stands; history is the feed's alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from itertools import groupby, islice
from typing import TYPE_CHECKING

from lib.domain.money import ZERO
from lib.paper_broker.exchange.hours import INSTANT, NEW_YORK, midnight
from lib.paper_broker.history.timeframe import DAY, DAY_BARS, MINUTE_BARS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lib.paper_broker.exchange.market import Market, Quote
    from lib.paper_broker.exchange.records import Account
    from lib.paper_broker.history.timeframe import Timeframe

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
STOCK_TRADE, COIN_TRADE = Decimal(100), Decimal("0.01")
DAYS_KEPT = 16384
SPANS_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade; it is at the bid, so the seller is the one who came."""

    at: datetime
    price: Decimal
    size: Decimal
    synthetic: bool = False

    @property
    def number(self) -> int:
        """Return its id, which no two trades of one symbol at different instants share."""
        return (self.at - BEGINNING) // INSTANT


@dataclass(frozen=True, slots=True)
class Bar:
    """All trades of a stretch of time that begins at `at`; `turnover` is the sum of price times size."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    count: int


class Tape:
    """One symbol's past, as far as `now`."""

    def __init__(self, market: Market, symbol: str, now: datetime) -> None:
        self._market = market
        self._symbol = symbol
        self.now = now
        self._coin = "/" in symbol
        self._zone: tzinfo = UTC if self._coin else NEW_YORK
        self._size = COIN_TRADE if self._coin else STOCK_TRADE

    def trades(self, first: datetime, last: datetime, *, newest_first: bool = False) -> Iterator[Trade]:
        """Go through the trades from `first` to `last`, both included."""
        for at, price in self._steps(first, last, newest_first=newest_first):
            yield Trade(at, price, self._size, self._market.feed.is_synthetic(self._symbol, at))

    def quotes(self, first: datetime, last: datetime, *, newest_first: bool = False) -> Iterator[Quote]:
        """Go through the quotes made from `first` to `last`, both included."""
        for at, price in self._steps(first, last, newest_first=newest_first):
            yield self._market.quote_at_price(self._symbol, price, at)

    def bars(
        self,
        frame: Timeframe,
        first: datetime,
        last: datetime,
        *,
        newest_first: bool = False,
        adjusted: Callable[[Bar], Bar] | None = None,
    ) -> Iterator[Bar]:
        """Go through the bars that begin from `first` to `last`, both included; `adjusted` changes those of a day."""
        for day, following in self._periods(frame, first, last, newest_first=newest_first):
            bars = self._bars_of(frame, day, following, adjusted or _as_it_is)
            for bar in reversed(bars) if newest_first else bars:
                if first <= bar.at <= last:
                    yield bar

    def latest_trade(self, account: Account) -> Trade | None:
        """Return the last trade, or what a quote set by hand puts in its place."""
        by_hand = account.hand_quote(self._symbol)
        if by_hand is not None:
            price = by_hand.bid or by_hand.ask
            return Trade(self.now, price, self._size) if price else None
        return next(self.trades(BEGINNING, self.now, newest_first=True), None)

    def latest_bar(self) -> Bar | None:
        """Return the last minute's bar, of stocks that of the last minute with a trade."""
        return next(self.bars(MINUTE_BARS, BEGINNING, self.now, newest_first=True), None)

    def latest_days(self) -> list[Bar]:
        """Return the bars of the last two days, the last first, of stocks those of days with trades."""
        return list(islice(self.bars(DAY_BARS, BEGINNING, self.now, newest_first=True), 2))

    def day_so_far(self, day: date) -> Bar | None:
        """Return the bar of one day, None of a stock's without a trade in the regular session.

        As Alpaca's, it has the volume of the extended hours, and not their prices: those trades are of the condition
        Form T (forum 8996); in a user's bars of 2023-03-06 (forum 11966) the low of the day is above the pre-market's.
        """
        start, end = self._midnight(day), self._midnight(day + DAY)
        hours = self._market.hours.of(self._symbol)
        if hours.always_open:
            return next(iter(self._bars_within(2 * DAY, day)), None)
        session = hours.on(day)
        if session is None:
            return None
        until = min(session.close - INSTANT, self.now)
        prices = [price for _, price in self._market.feed.steps(self._symbol, session.open - INSTANT, until)]
        return self._bar(start, min(end, self.now + INSTANT), prices) if prices else None

    def _steps(self, first: datetime, last: datetime, *, newest_first: bool) -> Iterator[tuple[datetime, Decimal]]:
        for day, following in self._periods(DAY_BARS, first, last, newest_first=newest_first):
            start, end = max(self._midnight(day), first), min(self._midnight(following) - INSTANT, last, self.now)
            steps = self._market.feed.steps(self._symbol, start - INSTANT, end)
            yield from reversed(tuple(steps)) if newest_first else steps

    def _periods(
        self, frame: Timeframe, first: datetime, last: datetime, *, newest_first: bool
    ) -> Iterator[tuple[date, date]]:
        """Go through the days with which periods begin, each with the day its next one begins with."""
        span = self._span()
        if span is None or first > last:
            return
        lowest = frame.first_day(max(self._date(max(first, BEGINNING)), span[0]))
        highest = frame.first_day(min(self._date(min(last, self.now)), span[1]))
        day = highest if newest_first else lowest
        while lowest <= day <= highest:
            yield day, frame.next_first_day(day)
            day = frame.first_day(day - DAY) if newest_first else frame.next_first_day(day)

    def _span(self) -> tuple[date, date] | None:
        """Return the first and the last day of which there may be anything, None when there is nothing."""
        made = self._market.feed.quote_time(self._symbol, self.now)
        if made is None:
            return None
        # No trade is later than the quote that stands; coins have bars without trades.
        last = self.now if self._coin else made
        return _first_day(self._market, self._symbol, self.now.date()), self._date(last)

    def _bars_of(self, frame: Timeframe, day: date, following: date, adjusted: Callable[[Bar], Bar]) -> Sequence[Bar]:
        """Return the bars of one day, or the one bar of several."""
        if frame.length is not None:
            return [adjusted(bar) for bar in self._bars_within(frame.length, day)]
        days = (day + DAY * number for number in range((following - day).days))
        bars = [adjusted(bar) for bar in map(self._day, days) if bar is not None]
        return [_together(self._midnight(day), bars)] if bars else []

    def _day(self, day: date) -> Bar | None:
        if self._midnight(day) > self.now:
            return None
        if self._midnight(day + DAY) <= self.now:
            return _finished_day(self._market, self._symbol, day)
        return self.day_so_far(day)

    def _bars_within(self, length: timedelta, day: date) -> list[Bar]:
        """Return the bars of one day, each but the last `length` long."""
        start, end = self._midnight(day), self._midnight(day + DAY)
        until = min(end - INSTANT, self.now)
        steps = self._market.feed.steps(self._symbol, start - INSTANT, until)
        bars = []
        for number, group in groupby(steps, key=lambda step: (step[0] - start) // length):
            prices = [price for _, price in group]
            at = start + number * length
            bars.append(self._bar(at, min(at + length, end, self.now + INSTANT), prices))
        return list(self._without_gaps(bars, length, start, until)) if self._coin else bars

    def _bar(self, at: datetime, end: datetime, prices: Sequence[Decimal]) -> Bar:
        count = len(prices)
        volume = self._market.feed.volume(self._symbol, at, end) or self._size * count
        turnover = volume * sum(prices) / count
        return Bar(at, prices[0], max(prices), min(prices), prices[-1], volume, turnover, count)

    def _without_gaps(self, bars: list[Bar], length: timedelta, start: datetime, until: datetime) -> Iterator[Bar]:
        traded = {bar.at: bar for bar in bars}
        price = self._market.feed.price(self._symbol, start - INSTANT)
        for number in range((until - start) // length + 1):
            at = start + number * length
            if at in traded:
                yield traded[at]
                price = traded[at].close
            elif price is not None:
                quote = self._market.quote_at_price(self._symbol, price, at)
                middle = (quote.bid + quote.ask) / 2
                yield Bar(at, middle, middle, middle, middle, ZERO, ZERO, 0)

    def _date(self, at: datetime) -> date:
        return at.astimezone(self._zone).date()

    def _midnight(self, day: date) -> datetime:
        return midnight(day, self._zone)


def _as_it_is(bar: Bar) -> Bar:
    return bar


def _together(at: datetime, bars: Sequence[Bar]) -> Bar:
    """Make one bar of several; those without volume count only when there are no others."""
    bars = [bar for bar in bars if bar.count] or bars
    return Bar(
        at,
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum((bar.volume for bar in bars), ZERO),
        sum((bar.turnover for bar in bars), ZERO),
        sum(bar.count for bar in bars),
    )


@lru_cache(maxsize=DAYS_KEPT)
def _finished_day(market: Market, symbol: str, day: date) -> Bar | None:
    """Return the bar of a day that is over, which never changes again."""
    end = midnight(day + DAY, UTC if "/" in symbol else NEW_YORK) - INSTANT
    return Tape(market, symbol, end).day_so_far(day)


@lru_cache(maxsize=SPANS_KEPT)
def _first_day(market: Market, symbol: str, last: date) -> date:
    """Return the first day, or the day before it, of which there is a price."""
    lowest, highest = BEGINNING.date(), last
    while lowest < highest:
        middle = lowest + (highest - lowest) // 2
        if market.feed.price(symbol, midnight(middle, UTC)) is None:
            lowest = middle + DAY
        else:
            highest = middle
    return lowest - DAY
