"""What the exchange knows of prices: a feed of them, and quotes set by hand.

The quote rule: a recorded price is the best bid, and the best ask is one tick above it. A quote set by hand holds
until it is cleared, whatever the feed says; its steps are the whole minutes of the session.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lib.domain.money import tick_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from decimal import Decimal

    from lib.paper_broker.exchange.hours import Hours
    from lib.paper_broker.exchange.records import Account

MINUTE = timedelta(minutes=1)


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


@runtime_checkable
class LabelledFeed(Feed, Protocol):
    """A feed that can say where a price comes from, and what is special about an asset."""

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

    def __init__(self, feed: Feed, hours: Hours) -> None:
        self.feed = feed
        self.hours = hours
        self.symbols = frozenset(feed.symbols())
        self._labels = feed if isinstance(feed, LabelledFeed) else None

    def is_synthetic(self, symbol: str, at: datetime) -> bool:
        """Say whether the feed made up the price at `at`."""
        return self._labels is not None and self._labels.is_synthetic(symbol, at)

    def flags(self, symbol: str) -> Mapping[str, object]:
        """Return what differs about the asset from a plain tradable stock."""
        return self._labels.flags(symbol) if self._labels else {}

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
        return Quote(price, price + tick_size(price), made, self.is_synthetic(symbol, at))

    def quote_of_session(self, account: Account, symbol: str, at: datetime) -> Quote | None:
        """Return the quote at `at` if it can trade: the market is open and the quote is of this session."""
        session = self.hours.at(at)
        quote = self.quote(account, symbol, at) if session else None
        return quote if session and quote and quote.at >= session.open else None

    def steps(
        self, account: Account, symbol: str, after: datetime, until: datetime
    ) -> Iterator[tuple[datetime, Quote]]:
        """Go through the quotes of a symbol that can trade, after `after` and up to `until`."""
        by_hand = account.hand_quote(symbol)
        if by_hand is not None:
            for at in self._minutes(after, until):
                yield at, Quote(by_hand.bid, by_hand.ask, at)
        elif symbol in self.symbols:
            for at, price in self.feed.steps(symbol, after, until):
                if self.hours.at(at):
                    yield at, Quote(price, price + tick_size(price), at)

    def _minutes(self, after: datetime, until: datetime) -> Iterator[datetime]:
        at = after.replace(second=0, microsecond=0) + MINUTE
        while at <= until:
            if self.hours.at(at):
                yield at
                at += MINUTE
            else:
                at = max(at + MINUTE, self.hours.next_after(at).open)
