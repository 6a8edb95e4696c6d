"""What the account holds, has set aside, and is worth.

An open sell sets aside the shares it may still sell, an open buy the cash it may still cost; a group counts once.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from lib.paper_broker.exchange.records import Activity, Order, Position, Side, Unbooked

if TYPE_CHECKING:
    from datetime import datetime

    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.market import Market

ZERO = Decimal(0)


def booked_qty(book: Book, symbol: str) -> Decimal:
    """Return the shares that the position shows."""
    position = book.positions.get(symbol)
    return position.qty if position else ZERO


def selling(book: Book, symbol: str) -> list[Order]:
    """Return the open sells of a symbol, each group by its parent alone."""
    return [order for order in book.live(symbol) if order.side is Side.SELL and order.parent_id is None]


def held_for_orders(book: Book, symbol: str) -> Decimal:
    """Return the shares that open sells have set aside, and those sold that the position still shows."""
    unbooked = (fill.qty for fill in book.account.unbooked if fill.symbol == symbol and fill.side is Side.SELL)
    return sum((group_remaining(book, order) for order in selling(book, symbol)), ZERO) + sum(unbooked, ZERO)


def group_remaining(book: Book, root: Order) -> Decimal:
    """Return what a group may still trade: its members stand for the same shares."""
    return max(member.remaining for member in book.group(root) if member.live)


def available_qty(book: Book, symbol: str) -> Decimal:
    """Return the shares that a new order may sell."""
    return max(booked_qty(book, symbol) - held_for_orders(book, symbol), ZERO)


def reserved_cash(book: Book) -> Decimal:
    """Return the cash that open buys have set aside."""
    buys = (order for order in book.live() if order.side is Side.BUY)
    return sum((order.remaining * order.reserve_price for order in buys), ZERO)


def buying_power(book: Book) -> Decimal:
    """Return the cash that a new buy may cost."""
    return max(book.account.cash - reserved_cash(book), ZERO)


def settle(book: Book, activity: Activity, lag_s: Decimal) -> None:
    """Move the cash of an execution, and its shares at once or when the lag is over."""
    amount = activity.qty * activity.price
    cash = book.account.cash + (amount if activity.side is Side.SELL else -amount)
    book.account = replace(book.account, cash=cash)
    fill = Unbooked(
        due=activity.at + timedelta(microseconds=int(lag_s * 1_000_000)),
        symbol=activity.symbol,
        side=activity.side,
        qty=activity.qty,
        price=activity.price,
    )
    if lag_s:
        book.account = replace(book.account, unbooked=(*book.account.unbooked, fill))
    else:
        _book(book, fill)


def book_due(book: Book, until: datetime) -> None:
    """Show in the positions the fills whose lag is over."""
    due = [fill for fill in book.account.unbooked if fill.due <= until]
    if due:
        later = tuple(fill for fill in book.account.unbooked if fill.due > until)
        book.account = replace(book.account, unbooked=later)
        for fill in due:
            _book(book, fill)


def _book(book: Book, fill: Unbooked) -> None:
    held = book.positions.get(fill.symbol) or Position(symbol=fill.symbol, qty=ZERO, cost=ZERO)
    if fill.side is Side.BUY:
        book.set_position(replace(held, qty=held.qty + fill.qty, cost=held.cost + fill.qty * fill.price))
        return
    left = held.qty - fill.qty
    # Selling leaves the average entry price as it is.
    book.set_position(replace(held, qty=left, cost=held.cost * left / held.qty if left else ZERO))


def last_price(book: Book, market: Market, symbol: str, at: datetime) -> Decimal | None:
    """Return what a share is worth at `at`: the bid, else the ask."""
    quote = market.quote(book.account, symbol, at)
    return (quote.bid or quote.ask or None) if quote else None


def market_value(book: Book, market: Market, now: datetime) -> Decimal:
    """Return what the positions are worth; one without any price counts at cost."""
    return sum((_value(position, last_price(book, market, symbol, now)) for symbol, position in _sorted(book)), ZERO)


def last_equity(book: Book, market: Market, now: datetime) -> Decimal:
    """Return what the account was worth at the last close: today's executions are taken back."""
    close = market.hours.last_close(now)
    cash = book.account.cash
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    for symbol, position in book.positions.items():
        held[symbol] = position.qty
    for fill in book.account.unbooked:
        held[fill.symbol] += fill.qty if fill.side is Side.BUY else -fill.qty
    for activity in book.latest_activities():
        if close is not None and activity.at < close:
            break
        bought = activity.qty if activity.side is Side.BUY else -activity.qty
        held[activity.symbol] -= bought
        cash += bought * activity.price
    if close is None:
        return cash
    prices = ((qty, market.feed.price(symbol, close)) for symbol, qty in sorted(held.items()) if qty)
    return cash + sum((qty * price for qty, price in prices if price is not None), ZERO)


def _value(position: Position, price: Decimal | None) -> Decimal:
    return position.cost if price is None else position.qty * price


def _sorted(book: Book) -> list[tuple[str, Position]]:
    return sorted(book.positions.items())
