"""The exchange: orders in, time on, fills out.

Time is walked, never jumped: `advance` goes through every price step of every symbol with a live order, and through
openings, expiries and cancels in between, so that each fill carries the instant at which it happened. With no live
order there is nothing to walk.
"""

from __future__ import annotations

import heapq
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

from lib.paper_broker.exchange import (
    acted,
    admission,
    cancelling,
    corporate,
    fees,
    lifecycle,
    matching,
    opening,
    replacing,
    settlement,
)
from lib.paper_broker.exchange.hours import INSTANT, NEW_YORK
from lib.paper_broker.exchange.market import Quote
from lib.paper_broker.exchange.records import Activity, HandQuote, Order, Role, Status, TimeInForce
from lib.paper_broker.exchange.rules import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from decimal import Decimal

    from lib.paper_broker.exchange.amendment import Amendment
    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.market import Market
    from lib.paper_broker.exchange.rules import Rules
    from lib.paper_broker.exchange.ticket import Ticket

ASKED_TO_END = frozenset({Status.PENDING_CANCEL, Status.PENDING_REPLACE})
TIMERS = (settlement, fees, lifecycle, replacing, corporate)
"""What the clock alone makes happen: each says when it next has something to do, and does it.

Fees go out before what trades at the same instant: that belongs to the next day's.
"""


class Exchange:
    """One book, walked up to `now`."""

    def __init__(self, book: Book, market: Market, rules: Rules, now: datetime) -> None:
        self.book = book
        self.market = acted.market_of(market, book.account)
        self.rules = rules
        # A caller whose clock stands behind another's acts at the latest instant anybody has seen.
        self.now = max(now, book.last)
        book.list_lag = seconds(rules.list_lag_s)
        self._instant: datetime | None = None
        self._instant_of = -1
        # Symbols of which the extended hours are walked too.
        self._wide: frozenset[str] = frozenset()

    # Time

    def advance(self) -> None:
        """Walk from the book's last instant to now."""
        book = self.book
        if self.now > book.last:
            for at, symbol, quote in self._steps():
                self._pass_instants(at)
                if not book.live_symbols():
                    break
                book.walked += 1
                around = symbol in self._wide and not self.market.hours.of(symbol).at(at)
                # A split on the way has divided a quote by hand.
                by_hand = book.account.hand_quote(symbol)
                now_quoted = Quote(by_hand.bid, by_hand.ask, at) if by_hand else quote
                self._evaluate(book.live_ids(symbol), now_quoted, at, around=around)
            self._pass_instants(self.now)
            book.last = self.now

    def _steps(self) -> Iterator[tuple[datetime, str, Quote]]:
        account, last = self.book.account, self.book.last
        symbols = [symbol for symbol in self.book.live_symbols() if not self.market.halted(account, symbol)]
        self._wide = frozenset(symbol for symbol in symbols if self._trades_around(symbol))

        def of(symbol: str) -> Iterator[tuple[datetime, str, Quote]]:
            steps = self.market.steps(account, symbol, last, self.now, extended=symbol in self._wide)
            return ((at, symbol, quote) for at, quote in steps)

        return heapq.merge(*map(of, symbols), key=lambda step: step[:2]) if len(symbols) != 1 else of(symbols[0])

    def _trades_around(self, symbol: str) -> bool:
        return any(order.extended_hours for order in self.book.live(symbol))

    def _pass_instants(self, until: datetime) -> None:
        """Do what is due by the clock alone, in order of time."""
        while (at := self._next_instant()) is not None and at <= until:
            for timer in TIMERS:
                timer.pass_instant(self, at)

    def _next_instant(self) -> datetime | None:
        # Asked at each price step, and nearly always the same.
        if self._instant_of != self.book.revision:
            instants = (timer.next_instant(self) for timer in TIMERS)
            self._instant = min((at for at in instants if at is not None), default=None)
            self._instant_of = self.book.revision
        return self._instant

    # Orders in, orders out

    def submit(self, ticket: Ticket) -> list[Order]:
        """Take an order, its legs after it, as they stand before the market has seen them; or refuse it."""
        admission.check(self.book, self.market, self.rules, ticket, self.now)
        return self.enter(opening.make_orders(self, ticket))

    def enter(self, orders: list[Order]) -> list[Order]:
        """Put orders into the book and let the market see them; return them as they were before it did."""
        for order in orders:
            self.book.put(order)
        self.arrive([order.id for order in orders], self.now)
        return orders

    def arrive(self, order_ids: list[str], at: datetime) -> None:
        """Let the market see orders that reach it; what has to fill at once and did not is over.

        That goes for one sent outside the session as well, when nothing fills at once (no source; it is not refused).
        """
        first = self.book.order(order_ids[0])
        if first is None or first.status is Status.PENDING_NEW:
            return
        self._look(first.symbol, order_ids, at)
        for order in self.book.orders(order_ids):
            if order.live and order.time_in_force in admission.AT_ONCE:
                lifecycle.cancel_now(self, [order], at)

    def set_quote(self, symbol: str, quote: HandQuote | None) -> None:
        """Set a quote by hand, or give the symbol back to the feed, and let its orders see it."""
        self.book.account = self.book.account.with_hand_quote(symbol, quote)
        self._look(symbol, self.book.live_ids(symbol), self.now)

    def set_facts(self, symbol: str, facts: Mapping[str, object] | None) -> None:
        """Say by hand what is special about an asset, or take it all back, and let its orders see what that changes."""
        self.book.account = self.book.account.with_asset_facts(symbol, facts)
        self._look(symbol, self.book.live_ids(symbol), self.now)

    def cancel(self, order: Order) -> None:
        """Take a cancel of an order and its whole group; it may be done only later."""
        cancelling.cancel(self, order)

    def replace(self, order: Order, wanted: Amendment) -> Order:
        """Take a replacement of an order; return the order that takes its place, as yet unseen by the market."""
        return replacing.replace_order(self, order, wanted)

    def meet_close(self, order: Order, at: datetime) -> None:
        """Let an order for the closing auction see the last quote of the session that closes at `at`."""
        market, account = self.market, self.book.account
        quote = market.quote_of_session(account, order.symbol, at - INSTANT)
        if quote is not None and not market.halted(account, order.symbol):
            self._show(order, quote, at)

    def _look(self, symbol: str, order_ids: Iterable[str], at: datetime) -> None:
        market, account = self.market, self.book.account
        around = self._trades_around(symbol) and not market.hours.of(symbol).at(at)
        quote = market.quote_of_session(account, symbol, at, extended=around)
        if quote is not None and not market.halted(account, symbol):
            self._evaluate(order_ids, quote, at, around=around)

    # Fills

    def _evaluate(self, order_ids: Iterable[str], quote: Quote, at: datetime, *, around: bool) -> None:
        """Show orders a quote; `around` the regular session, only those for extended hours."""
        for order_id in order_ids:
            # An earlier order of the same step may have ended this one.
            order = self.book.order(order_id)
            if order is None or not matching.works(order, at) or (around and not self._works_around(order, at)):
                continue
            self._show(order, quote, at)
            if order.time_in_force is TimeInForce.OPG:
                self._end_opening(order_id, at)

    def _works_around(self, order: Order, at: datetime) -> bool:
        return order.extended_hours and self.market.extended_day(self.book.account, order.symbol, at).open <= at

    def _end_opening(self, order_id: str, at: datetime) -> None:
        """End an order for the opening auction, which has seen its only quote: what did not fill expires."""
        order = self.book.order(order_id)
        if order is not None and order.live:
            lifecycle.end(self.book, order, Status.EXPIRED, at)

    def _show(self, order: Order, quote: Quote, at: datetime) -> None:
        elected = matching.elect(order, quote, at)
        if elected is not order:
            if elected.elected_at is not None and elected.status is Status.HELD:
                elected = replace(elected, status=Status.NEW)
            self.book.put(elected)
        price = matching.fill_price(elected, quote)
        if price is not None:
            sized = matching.sized(elected, price)
            size = matching.fill_size(sized, self._plan_key(sized), self.rules, self.book.account.seed)
            self._execute(replace(sized, evaluations=sized.evaluations + 1), size, price, at)

    def _plan_key(self, order: Order) -> str:
        parent = self.book.order(order.parent_id) if order.parent_id else None
        if parent is None:
            return order.client_order_id
        return f"{parent.client_order_id}:{'stop' if order.role is Role.STOP_LOSS else 'target'}"

    def _execute(self, order: Order, qty: Decimal, price: Decimal, at: datetime) -> None:
        if not qty:
            self.book.put(order)
            return
        filled = order.filled_qty + qty
        done = filled == order.qty
        partly = order.status if order.status in ASKED_TO_END else Status.PARTIALLY_FILLED
        order = replace(
            order,
            filled_qty=filled,
            filled_notional=order.filled_notional + qty * price,
            status=Status.FILLED if done else partly,
            filled_at=at if done else None,
            updated_at=at,
        )
        self.book.put(order)
        activity = self._activity(order, qty, price, at)
        self.book.add_activity(activity)
        settlement.settle(self.book, activity, self.rules.booking_lag_s)
        fees.charge(self.book, activity, self.rules)
        fees.expect(self.book, activity, self.rules)
        lifecycle.filled(self, order, at)

    def _activity(self, order: Order, qty: Decimal, price: Decimal, at: datetime) -> Activity:
        identity, seq = self.book.next_id("activity")
        # Alpaca stamps the id in New York time, to the millisecond.
        stamp = at.astimezone(NEW_YORK).strftime("%Y%m%d%H%M%S%f")[:17]
        return Activity(
            id=f"{stamp}::{identity}",
            seq=seq,
            order_id=order.id,
            symbol=order.symbol,
            side=order.side,
            qty=qty,
            price=price,
            at=at.astimezone(UTC),
            cum_qty=order.filled_qty,
            leaves_qty=order.remaining,
            fee=fees.of(order, qty, price, at, self.rules),
        )
