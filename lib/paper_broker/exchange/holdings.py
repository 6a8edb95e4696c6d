"""What the account holds, and how much of it its open orders have set aside.

An order that makes a position smaller, a sell of shares or a buy of what was sold short, sets aside what it may still
trade. A group counts once: its members stand for the same shares.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.money import ONE, ZERO, tick_down, tick_up
from lib.paper_broker.exchange.actions import earlier, factor
from lib.paper_broker.exchange.records import OrderClass, Position, Side, Status

if TYPE_CHECKING:
    from datetime import datetime

    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.market import Market, Quote
    from lib.paper_broker.exchange.records import Order, Releasing, Unbooked


def booked_qty(book: Book, symbol: str) -> Decimal:
    """Return the shares that the position shows, below zero when it is short."""
    position = book.positions.get(symbol)
    return position.qty if position else ZERO


def closing_side(book: Book, symbol: str) -> Side:
    """Return the side of the orders that make the position smaller."""
    return Side.BUY if booked_qty(book, symbol) < 0 else Side.SELL


def closing(book: Book, symbol: str, *, without: Order | None = None) -> list[tuple[Order, Decimal]]:
    """Return the open orders that make the position smaller, and what each sets aside: one of each group.

    It is the one that may trade most; a leg that is held beside one that works counts as that one does. `without`
    leaves out an order that another is to replace.
    """
    side = closing_side(book, symbol)
    standing: dict[str, Order] = {}
    for order in book.live(symbol):
        if order.side is side and (without is None or order.id != without.id):
            place = place_of(book, order)
            standing[place] = max(standing.get(place, order), order, key=lambda one: _weight(book, one))
    parts = ((order, _part(book, order)) for order in standing.values())
    return [(order, part) for order, part in parts if part]


def place_of(book: Book, order: Order) -> str:
    """Return the group in whose place an order stands.

    An order that is about to replace another stands in the other's place: the larger of the two counts.
    """
    old = _replaced(book, order)
    return place_of(book, old) if old else order.root_id


def open_qty(book: Book, order: Order) -> Decimal:
    """Return what an order may still trade; one that is about to replace another goes on from where that one stands."""
    old = _replaced(book, order)
    if old is None:
        return order.remaining
    return old.remaining if old.order_class is not OrderClass.SIMPLE else order.qty - old.filled_qty


def _replaced(book: Book, order: Order) -> Order | None:
    old = book.order(order.replaces) if order.replaces else None
    return old if old is not None and old.live else None


def _weight(book: Book, order: Order) -> tuple[bool, Decimal]:
    return order.status is not Status.HELD, open_qty(book, order)


def _part(book: Book, order: Order) -> Decimal:
    """Return what an order may trade; the exit of an entry that fills bit by bit stands for what has filled.

    That no other order may sell those shares has no source. It would be sold twice when the exit comes into force.
    """
    part = open_qty(book, order)
    if not (_replaced(book, order) or order).waiting:
        return part
    entry = book.order(order.parent_id) if order.parent_id else None
    return min(entry.filled_qty, part) if entry is not None else ZERO


def held_for_orders(book: Book, symbol: str, *, without: Order | None = None) -> Decimal:
    """Return the shares that open orders have set aside.

    With those traded that the position still shows, and those of canceled orders that are not free yet.
    """
    side = closing_side(book, symbol)
    traded_or_canceled: tuple[Unbooked | Releasing, ...] = (*book.account.unbooked, *book.account.releasing)
    parts = (part.qty for part in traded_or_canceled if part.symbol == symbol and part.side is side)
    return sum((part for _, part in closing(book, symbol, without=without)), ZERO) + sum(parts, ZERO)


def available_qty(book: Book, symbol: str, *, without: Order | None = None) -> Decimal:
    """Return the shares that a new order may close, whichever way the position goes."""
    return max(abs(booked_qty(book, symbol)) - held_for_orders(book, symbol, without=without), ZERO)


def quote(book: Book, market: Market, symbol: str, at: datetime) -> Quote | None:
    """Return the quote that orders are checked against at `at`; one from before a split is divided by it."""
    known = market.quote(book.account, symbol, at)
    shares = factor(book.account.acted, symbol, known.at, at) if known else ONE
    if known is None or shares == ONE:
        return known
    return replace(known, bid=tick_down(known.bid / shares), ask=tick_up(known.ask / shares))


def last_price(book: Book, market: Market, symbol: str, at: datetime) -> Decimal | None:
    """Return what a share is worth at `at`: the bid, else the ask, of a quote from before a split divided by it.

    A new name that has no price of its own yet is worth what the old one was at the close.
    """
    known = market.quote(book.account, symbol, at)
    if known is None:
        return lastday_price(book, market, symbol, at)
    price = known.bid or known.ask
    return price / factor(book.account.acted, symbol, known.at, at) if price else None


def lastday_price(book: Book, market: Market, symbol: str, at: datetime) -> Decimal | None:
    """Return the price of the asset's latest close, of a coin at midnight UTC, as names and shares are now."""
    close = market.hours.of(symbol).last_close(at)
    if close is None:
        return None
    name, shares = earlier(book.account.acted, symbol, close, at)
    price = market.close_price(name, close)
    return price / shares if price else None


def owned(book: Book) -> dict[str, Position]:
    """Return what the account really holds: its positions, and the fills that they do not show yet."""
    held = dict(book.positions)
    for fill in book.account.unbooked:
        known = held.get(fill.symbol) or Position(symbol=fill.symbol, qty=ZERO, cost=ZERO)
        held[fill.symbol] = traded(known, fill.side, fill.qty, fill.price)
    return {symbol: position for symbol, position in sorted(held.items()) if position.qty}


def traded(held: Position, side: Side, qty: Decimal, price: Decimal) -> Position:
    """Return a position after an execution."""
    change = qty if side is Side.BUY else -qty
    left = held.qty + change
    if held.qty * change >= 0:
        cost = held.cost + change * price
    elif left * held.qty >= 0:
        # What makes a position smaller leaves its average entry price as it is.
        cost = held.cost * left / held.qty
    else:
        cost = left * price
    return Position(symbol=held.symbol, qty=left, cost=cost)
