"""Prices as corporate actions leave them.

Recorded prices are raw: they fall at a split by themselves. Made-up ones do not know of it, so they are divided here;
and a new name goes on with the old one's prices unless it has its own.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from lib.domain.money import ONE, ZERO, tick_down, tick_size
from lib.paper_broker.exchange.actions import ActionKind, CorporateAction
from lib.paper_broker.exchange.market import Feed, Market

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from lib.paper_broker.exchange.records import Account

MARKETS_KEPT = 16


class ActedFeed:
    """A feed with new names, its made-up prices divided at splits."""

    def __init__(self, inner: Feed, actions: tuple[CorporateAction, ...]) -> None:
        self.inner = inner
        own = frozenset(inner.symbols())
        self._renames = {
            action.new_symbol: action
            for action in actions
            if action.kind is ActionKind.NAME_CHANGE and action.new_symbol and action.new_symbol not in own
        }
        self._splits = tuple(action for action in actions if self._made_up(action))

    def symbols(self) -> tuple[str, ...]:
        """Return every symbol that has prices, new names among them."""
        return tuple(sorted({*self.inner.symbols(), *self._renames}))

    def price(self, symbol: str, at: datetime) -> Decimal | None:
        """Return the last price at `at`, None before the first."""
        made = self.quote_time(symbol, at)
        price = self.inner.price(self._old(symbol), at) if made else None
        return self._divided(symbol, made, price) if made and price is not None else None

    def quote_time(self, symbol: str, at: datetime) -> datetime | None:
        """Return when the quote that holds at `at` was made; a new name has none before its day."""
        rename = self._renames.get(symbol)
        if rename is not None and at < rename.begins:
            return None
        return self.inner.quote_time(self._old(symbol), at)

    def steps(self, symbol: str, after: datetime, until: datetime) -> Iterator[tuple[datetime, Decimal]]:
        """Go through the prices after `after` and up to `until`, in order."""
        rename = self._renames.get(symbol)
        for at, price in self.inner.steps(self._old(symbol), after, until):
            if rename is None or at >= rename.begins:
                yield at, self._divided(symbol, at, price)

    def volume(self, symbol: str, start: datetime, end: datetime) -> Decimal:
        """Return how much traded from `start` to before `end`; zero when that is not known."""
        return self.inner.volume(self._old(symbol), start, end)

    def is_synthetic(self, symbol: str, at: datetime) -> bool:
        """Say whether the price at `at` was made up."""
        return self.inner.is_synthetic(self._old(symbol), at)

    def flags(self, symbol: str) -> Mapping[str, object]:
        """Return what differs about the asset from a plain tradable stock."""
        return self.inner.flags(self._old(symbol))

    def _names(self, symbol: str) -> tuple[str, ...]:
        """Return a symbol and the names it had before, the oldest last."""
        names: tuple[str, ...] = (symbol,)
        while (rename := self._renames.get(names[-1])) is not None and rename.symbol not in names:
            names = (*names, rename.symbol)
        return names

    def _old(self, symbol: str) -> str:
        return self._names(symbol)[-1]

    def _made_up(self, action: CorporateAction) -> bool:
        return action.shares != ONE and self.is_synthetic(action.symbol, action.begins)

    def _divided(self, symbol: str, at: datetime, price: Decimal) -> Decimal:
        shares = ONE
        names = self._names(symbol) if self._splits else ()
        for split in self._splits:
            if split.symbol in names and split.begins <= at:
                shares *= split.shares
        return price if shares == ONE else max(tick_down(price / shares), tick_size(ZERO))


def market_of(market: Market, account: Account) -> Market:
    """Return the market with the prices that the known actions leave; what was announced stays with it."""
    return _acted(market, account.announced)


@lru_cache(maxsize=MARKETS_KEPT)
def _acted(market: Market, announced: tuple[CorporateAction, ...]) -> Market:
    # Kept, so that what was worked out of a market's past is found again.
    actions = (*market.announced, *announced)
    if not any(action.kind is ActionKind.NAME_CHANGE or action.shares != ONE for action in actions):
        return market
    feed = market.feed.inner if isinstance(market.feed, ActedFeed) else market.feed
    return Market(ActedFeed(feed, actions), market.hours, market.announced)
