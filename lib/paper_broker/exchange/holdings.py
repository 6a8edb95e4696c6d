"""What the account holds, and how much of it its open orders have set aside.

An order that makes a position smaller, a sell of shares or a buy of what was sold short, sets aside what it may still
trade. A group counts once: its members stand for the same shares.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from lib.paper_broker.exchange.actions import factor
from lib.paper_broker.exchange.records import Position, Side, Status

if TYPE_CHECKING:
    from datetime import datetime

    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.market import Market
    from lib.paper_broker.exchange.records import Order, Releasing, Unbooked

ZERO = Decimal(0)


def booked_qty(book: Book, symbol: str) -> Decimal:
    """Return the shares that the position shows, below zero when it is short."""
    position = book.positions.get(symbol)
    return position.qty if position else ZERO


def closing_side(book: Book, symbol: str) -> Side:
    """Return the side of the orders that make the position smaller."""
    return Side.BUY if booked_qty(book, symbol) < 0 else Side.SELL


def closing(book: Book, symbol: str, *, without: Order | None = None) -> dict[Order, Decimal]:
    """Return the open orders that make the position smaller, and what each sets aside: one of each group.

    It is the one that may trade most; a leg that is held beside one that works counts as that one does. `without`
    leaves out an order that another is to replace.
    """
    side = closing_side(book, symbol)
    standing: dict[str, Order] = {}
    for order in book.live(symbol):
        if order.side is side and (without is None or order.id != without.id):
            place = place_of(book, order)
            standing[place] = max(standing.get(place, order), order, key=_weight)
    parts = {order: _part(book, order) for order in standing.values()}
    return {order: part for order, part in parts.items() if part}


def place_of(book: Book, order: Order) -> str:
    """Return the group in whose place an order stands.

    An order that is about to replace another stands in the other's place: the larger of the two counts.
    """
    old = _replaced(book, order)
    return place_of(book, old) if old else order.root_id


def _replaced(book: Book, order: Order) -> Order | None:
    old = book.order(order.replaces) if order.replaces else None
    return old if old is not None and old.live else None


def _weight(order: Order) -> tuple[bool, Decimal]:
    return order.status is not Status.HELD, order.remaining


def _part(book: Book, order: Order) -> Decimal:
    """Return what an order may trade; the exit of an entry that fills bit by bit stands for what has filled.

    That no other order may sell those shares has no source. It would be sold twice when the exit comes into force.
    """
    old = _replaced(book, order)
    if not (old or order).waiting:
        return order.remaining
    entry = book.order(order.parent_id) if order.parent_id else None
    return min(entry.filled_qty, order.remaining) if entry is not None else ZERO


def held_for_orders(book: Book, symbol: str, *, without: Order | None = None) -> Decimal:
    """Return the shares that open orders have set aside.

    With those traded that the position still shows, and those of canceled orders that are not free yet.
    """
    side = closing_side(book, symbol)
    traded_or_canceled: tuple[Unbooked | Releasing, ...] = (*book.account.unbooked, *book.account.releasing)
    parts = (part.qty for part in traded_or_canceled if part.symbol == symbol and part.side is side)
    return sum(closing(book, symbol, without=without).values(), ZERO) + sum(parts, ZERO)


def available_qty(book: Book, symbol: str, *, without: Order | None = None) -> Decimal:
    """Return the shares that a new order may close, whichever way the position goes."""
    return max(abs(booked_qty(book, symbol)) - held_for_orders(book, symbol, without=without), ZERO)


def last_price(book: Book, market: Market, symbol: str, at: datetime) -> Decimal | None:
    """Return what a share is worth at `at`: the bid, else the ask, of a quote from before a split divided by it."""
    quote = market.quote(book.account, symbol, at)
    price = (quote.bid or quote.ask or None) if quote else None
    return price / factor(book.account.acted, symbol, quote.at, at) if quote and price else None


def lastday_price(book: Book, market: Market, symbol: str, at: datetime) -> Decimal | None:
    """Return the price of the asset's latest close, as shares are now."""
    price, close = market.lastday_price(symbol, at), market.hours.of(symbol).last_close(at)
    return price / factor(book.account.acted, symbol, close, at) if price and close else None


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
