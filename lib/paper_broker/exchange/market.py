"""What the exchange knows of prices: a feed of them, and quotes set by hand.

The quote rule: a recorded price is the best bid, and the best ask is one tick above it. A quote set by hand holds
until it is cleared, whatever the feed says; its steps are the whole minutes in which the asset trades.

Every question of hours is asked for the asset: stocks have sessions, coins trade round the clock. Quotes of the
extended hours are there for whoever looks; they trade only where `extended` is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from lib.domain.money import CENT, tick_size
from lib.paper_broker.exchange.assets import COIN_STEP, Asset, asset_id, canonical, describe
from lib.paper_broker.exchange.hours import INSTANT
from lib.sessions import Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from lib.paper_broker.exchange.actions import CorporateAction
    from lib.paper_broker.exchange.hours import Hours
    from lib.paper_broker.exchange.records import Account

MINUTE = timedelta(minutes=1)
COIN_DIGITS = 5


def quote_tick(symbol: str, price: Decimal) -> Decimal:
    """Return the step in which an asset is quoted, which is what bid and ask lie apart.

    A stock's is its tick. A coin's increment on Alpaca is 1e-9 at any price; nobody tells the width of its quotes (no
    source). Cents from one dollar up, and below it five digits, are about what coins are quoted in.
    """
    if "/" not in symbol:
        return tick_size(price)
    return CENT if price >= 1 else max(Decimal(1).scaleb(price.adjusted() + 1 - COIN_DIGITS), COIN_STEP)


class Feed(Protocol):
    """Prices by symbol and instant; a pure function of both, and of a seed."""

    def symbols(self) -> tuple[str, ...]:
        """Return every symbol it has prices of."""

    def price(self, symbol: str, at: datetime) -> Decimal | None:
        """Return the last price at `at`, None before the first."""

    def quote_time(self, symbol: str, at: datetime) -> datetime | None:
        """Return when the quote that holds at `at` was made."""

    def steps(self, symbol: str, after: datetime, until: datetime) -> Iterable[tuple[datetime, Decimal]]:
        """Go through the prices after `after` and up to `until`, in order."""

    def volume(self, symbol: str, start: datetime, end: datetime) -> Decimal:
        """Return how much traded from `start` to before `end`; zero when that is not known."""

    def is_synthetic(self, symbol: str, at: datetime) -> bool:
        """Say whether the price at `at` was made up."""

    def flags(self, symbol: str) -> Mapping[str, object]:
        """Return what differs about the asset from a plain tradable stock."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What a buyer gets and what a seller gets; zero means nobody is there."""

    bid: Decimal
    ask: Decimal
    at: datetime
    synthetic: bool = False


class Market:
    """Quotes of now and steps through time, quotes by hand taking precedence."""

    def __init__(self, feed: Feed, hours: Hours, announced: Iterable[CorporateAction] = ()) -> None:
        self.feed = feed
        self.hours = hours
        self.announced = tuple(sorted(announced, key=lambda action: action.begins))
        """The corporate actions that the price directory tells of, in the order in which they take effect."""
        self.symbols = frozenset(feed.symbols())

    def asset(self, account: Account, symbol: str) -> Asset | None:
        """Return what is known of an asset, None of one that has no prices."""
        if symbol not in self.symbols:
            return None
        return describe(symbol, self._facts(account, symbol))

    def halted(self, account: Account, symbol: str) -> bool:
        """Say whether trading in a symbol is halted; asked too often to describe the whole asset."""
        return bool(self._facts(account, symbol).get("halted"))

    def extended_day(self, account: Account, symbol: str, at: datetime) -> Session:
        """Return the trading day with its extended hours that `at` belongs to; between two days, the next.

        It begins overnight for what Alpaca marks `overnight_tradable`, if the account's owner has not put that off, and
        with the pre-market for all else.
        """
        day = self.hours.trading_day(at)
        marks = self._facts(account, symbol).get("attributes")
        overnight = isinstance(marks, list) and "overnight_tradable" in marks
        night = overnight and not account.configuration.disable_overnight_trading
        return Session(day.core.date, day.overnight.open if night else day.pre.open, day.post.close)

    def _facts(self, account: Account, symbol: str) -> dict[str, object]:
        return {**self.feed.flags(symbol), **account.asset_facts(symbol)}

    def symbol(self, name: str) -> str:
        """Return the symbol of a name, which may be an older form of it or an asset's id; else the name itself."""
        if name in self.symbols:
            return name
        known = canonical(name)
        if known in self.symbols:
            return known
        return next((symbol for symbol in self.symbols if asset_id(symbol) == name), name)

    def quote(self, account: Account, symbol: str, at: datetime) -> Quote | None:
        """Return the quote that holds at `at`, None when there is none."""
        by_hand = account.hand_quote(symbol)
        if by_hand is not None:
            return Quote(by_hand.bid, by_hand.ask, at)
        if symbol not in self.symbols:
            return None
        price = self.feed.price(symbol, at)
        made = self.feed.quote_time(symbol, at)
        if price is None or made is None:
            return None
        return self.quote_at_price(symbol, price, made)

    def quote_at_price(self, symbol: str, price: Decimal, at: datetime) -> Quote:
        """Return the quote that a price of the feed stands for."""
        return Quote(price, price + quote_tick(symbol, price), at, self.feed.is_synthetic(symbol, at))

    def quote_of_session(self, account: Account, symbol: str, at: datetime, *, extended: bool = False) -> Quote | None:
        """Return the quote at `at` if it can trade: the asset's market is open and the quote is of this session.

        With `extended`, what an order for extended hours may trade with; in the regular session there is no difference.
        """
        since = self.hours.of(symbol).quotes_from(at, extended=extended)
        quote = self.quote(account, symbol, at) if since else None
        return quote if since and quote and quote.at >= since else None

    def close_price(self, symbol: str, close: datetime) -> Decimal | None:
        """Return the last price before a close, such as `last_close` of the asset's hours; by hand does not count."""
        # At the very instant of the close the first price after it may stand already.
        return self.feed.price(symbol, close - INSTANT) if symbol in self.symbols else None

    def steps(
        self, account: Account, symbol: str, after: datetime, until: datetime, *, extended: bool = False
    ) -> Iterator[tuple[datetime, Quote]]:
        """Go through the quotes of a symbol that can trade, after `after` and up to `until`."""
        hours, by_hand = self.hours.of(symbol), account.hand_quote(symbol)
        if by_hand is not None:
            for at in _minutes(hours, after, until, extended=extended):
                yield at, Quote(by_hand.bid, by_hand.ask, at)
        elif symbol in self.symbols:
            for at, price in self.feed.steps(symbol, after, until):
                if hours.at(at) or (extended and hours.extended_at(at)):
                    yield at, Quote(price, price + quote_tick(symbol, price), at)


def _minutes(hours: Hours, after: datetime, until: datetime, *, extended: bool) -> Iterator[datetime]:
    at = after.replace(second=0, microsecond=0) + MINUTE
    while at <= until:
        if hours.at(at) or (extended and hours.extended_at(at)):
            yield at
            at += MINUTE
        else:
            following = hours.trading_day(at).overnight if extended else hours.next_after(at)
            at = max(at + MINUTE, following.open)
