"""The exchange: orders in, time on, fills out.

Time is walked, never jumped: `advance` goes through every price step of every symbol with a live order, and through
openings, expiries and cancels in between, so that each fill carries the instant at which it happened. With no live
order there is nothing to walk.
"""

from __future__ import annotations

import heapq
from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from lib.paper_broker.exchange import admission, holdings, matching
from lib.paper_broker.exchange.records import (
    LIVE,
    Activity,
    HandQuote,
    Kind,
    Order,
    OrderClass,
    Status,
    TimeInForce,
)
from lib.paper_broker.exchange.refusal import unprocessable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from decimal import Decimal

    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.market import Market, Quote
    from lib.paper_broker.exchange.rules import Rules
    from lib.paper_broker.exchange.ticket import Ticket

NEW_YORK = ZoneInfo("America/New_York")
GTC_LIFE = timedelta(days=90)


class Exchange:
    """One book, walked up to `now`."""

    def __init__(self, book: Book, market: Market, rules: Rules, now: datetime) -> None:
        self.book = book
        self.market = market
        self.rules = rules
        # A caller whose clock stands behind another's acts at the latest instant anybody has seen.
        self.now = max(now, book.last)
        self._instant: datetime | None = None
        self._instant_of = -1

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
                self._evaluate(book.live_ids(symbol), quote, at)
            self._pass_instants(self.now)
            book.last = self.now

    def _steps(self) -> Iterator[tuple[datetime, str, Quote]]:
        account, last = self.book.account, self.book.last

        def of(symbol: str) -> Iterator[tuple[datetime, str, Quote]]:
            return ((at, symbol, quote) for at, quote in self.market.steps(account, symbol, last, self.now))

        symbols = self.book.live_symbols()
        return heapq.merge(*map(of, symbols), key=lambda step: step[:2]) if len(symbols) != 1 else of(symbols[0])

    def _pass_instants(self, until: datetime) -> None:
        """Do what is due by the clock alone, in order of time: bookings, cancels, expiries, openings."""
        while True:
            at = self._next_instant()
            if at is None or at > until:
                return
            holdings.book_due(self.book, at)
            for order in self.book.live():
                if order.cancel_at is not None and order.cancel_at <= at:
                    self._end(order, Status.CANCELED, at)
                elif order.expires_at <= at:
                    self._end(order, Status.EXPIRED, at)
                elif order.status is Status.ACCEPTED and order.works_from <= at:
                    self.book.put(replace(order, status=Status.NEW, updated_at=at))

    def _next_instant(self) -> datetime | None:
        # Asked at each price step, and nearly always the same.
        if self._instant_of != self.book.revision:
            self._instant, self._instant_of = self._find_next_instant(), self.book.revision
        return self._instant

    def _find_next_instant(self) -> datetime | None:
        instants = [fill.due for fill in self.book.account.unbooked]
        for order in self.book.live():
            instants.append(order.expires_at)
            if order.cancel_at is not None:
                instants.append(order.cancel_at)
            if order.status is Status.ACCEPTED:
                instants.append(order.works_from)
        return min(instants, default=None)

    # Orders in, orders out

    def submit(self, ticket: Ticket) -> list[Order]:
        """Take an order, its legs after it, as they stand before the market has seen them; or refuse it."""
        admission.check(self.book, self.market, self.rules, ticket, self.now)
        orders = self._group(ticket) if ticket.order_class is OrderClass.OCO else [self._order(ticket)]
        for order in orders:
            self.book.put(order)
        quote = self.market.quote_of_session(self.book.account, ticket.symbol, self.now)
        if quote is not None:
            self._evaluate([order.id for order in orders], quote, self.now)
        return orders

    def set_quote(self, symbol: str, quote: HandQuote | None) -> None:
        """Set a quote by hand, or give the symbol back to the feed, and let its orders see it."""
        others = {name: held for name, held in self.book.account.by_hand if name != symbol}
        if quote is not None:
            others[symbol] = quote
        self.book.account = replace(self.book.account, by_hand=tuple(sorted(others.items())))
        shown = self.market.quote_of_session(self.book.account, symbol, self.now)
        if shown is not None:
            self._evaluate(self.book.live_ids(symbol), shown, self.now)

    def cancel(self, order: Order) -> None:
        """Take a cancel of an order and its whole group; it may be done only later."""
        if order.status is Status.CANCELED:
            return
        if order.status is Status.PENDING_CANCEL:
            raise unprocessable("order pending cancel")
        if order.status not in LIVE:
            raise unprocessable(f'order is already in "{order.status}" state')
        members = [member for member in self.book.group(order) if member.live]
        done_at = self._cancel_done_at(members[0])
        for member in members:
            if done_at <= self.now:
                self._end(member, Status.CANCELED, self.now)
            else:
                pending = replace(member, status=Status.PENDING_CANCEL, cancel_at=done_at, updated_at=self.now)
                self.book.put(pending)

    def _cancel_done_at(self, order: Order) -> datetime:
        hours = self.market.hours
        if hours.at(self.now):
            return self.now + timedelta(microseconds=int(self.rules.cancel_latency_s * 1_000_000))
        # Outside the session nobody answers for what the venue has had since an earlier one.
        return self.now if order.status is Status.ACCEPTED else hours.next_after(self.now).open

    def _order(self, ticket: Ticket) -> Order:
        book, now, hours = self.book, self.now, self.market.hours
        session = hours.lives_in(now)
        order_id, seq = book.next_id("order")
        quote = self.market.quote(book.account, ticket.symbol, now)
        order = Order(
            id=order_id,
            seq=seq,
            client_order_id=ticket.client_order_id or _uuid(order_id, "client"),
            symbol=ticket.symbol,
            side=ticket.side,
            kind=ticket.kind,
            order_class=ticket.order_class,
            time_in_force=ticket.time_in_force,
            position_intent=ticket.position_intent or admission.inferred_intent(book, ticket),
            qty=ticket.qty,
            status=Status.NEW if session.open <= now else Status.ACCEPTED,
            created_at=now,
            updated_at=now,
            works_from=max(session.open, now),
            expires_at=session.close if ticket.time_in_force is TimeInForce.DAY else now + GTC_LIFE,
            limit_price=ticket.limit_price,
            stop_price=ticket.stop_price,
            trail_price=ticket.trail_price,
            trail_percent=ticket.trail_percent,
            reserve_price=admission.reserve_price(ticket, quote),
        )
        price = holdings.last_price(book, self.market, ticket.symbol, now)
        return matching.trail(order, price) if order.kind is Kind.TRAILING_STOP and price else order

    def _group(self, ticket: Ticket) -> list[Order]:
        """Make an OCO: the parent is the take-profit limit, its leg the stop, held beside it."""
        parent = self._order(replace(ticket, limit_price=ticket.take_profit_price))
        leg_id, seq = self.book.next_id("order")
        leg = replace(
            parent,
            id=leg_id,
            seq=seq,
            client_order_id=_uuid(leg_id, "client"),
            kind=Kind.STOP,
            status=Status.HELD,
            limit_price=None,
            stop_price=ticket.stop_loss_price,
            parent_id=parent.id,
        )
        return [replace(parent, leg_ids=(leg_id,)), leg]

    # Fills

    def _evaluate(self, order_ids: Iterable[str], quote: Quote, at: datetime) -> None:
        for order_id in order_ids:
            # An earlier order of the same step may have ended this one.
            order = self.book.order(order_id)
            if order is not None and order.live and matching.works(order, at):
                self._show(order, quote, at)

    def _show(self, order: Order, quote: Quote, at: datetime) -> None:
        elected = matching.elect(order, quote, at)
        if elected is not order:
            if elected.elected_at is not None and elected.status is Status.HELD:
                elected = replace(elected, status=Status.NEW)
            self.book.put(elected)
        price = matching.fill_price(elected, quote)
        if price is not None:
            size = matching.fill_size(elected, self._plan_key(elected), self.rules, self.book.account.seed)
            self._execute(replace(elected, evaluations=elected.evaluations + 1), size, price, at)

    def _plan_key(self, order: Order) -> str:
        parent = self.book.order(order.parent_id) if order.parent_id else None
        return f"{parent.client_order_id}:stop" if parent else order.client_order_id

    def _execute(self, order: Order, qty: Decimal, price: Decimal, at: datetime) -> None:
        if not qty:
            self.book.put(order)
            return
        filled = order.filled_qty + qty
        done = filled == order.qty
        partly = order.status if order.status is Status.PENDING_CANCEL else Status.PARTIALLY_FILLED
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
        holdings.settle(self.book, activity, self.rules.booking_lag_s)
        self._resize_siblings(order, at)

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
        )

    def _resize_siblings(self, order: Order, at: datetime) -> None:
        """Keep the group to the shares that are left: what one member fills, the others no longer may."""
        for sibling in self._siblings(order):
            if order.status is Status.FILLED:
                self._end(sibling, Status.CANCELED, at)
            else:
                self.book.put(replace(sibling, qty=sibling.filled_qty + order.remaining, updated_at=at))

    def _siblings(self, order: Order) -> Iterable[Order]:
        return [member for member in self.book.group(order) if member.id != order.id and member.live]

    def _end(self, order: Order, status: Status, at: datetime) -> None:
        canceled_at = at if status is Status.CANCELED else None
        expired_at = at if status is Status.EXPIRED else None
        ended = replace(
            order, status=status, updated_at=at, canceled_at=canceled_at, expired_at=expired_at, cancel_at=None
        )
        self.book.put(ended)


def _uuid(order_id: str, what: str) -> str:
    return str(uuid5(UUID(order_id), what))
