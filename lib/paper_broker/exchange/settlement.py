"""What an execution does to cash and positions.

Cash moves at once; shares are shown by the position at once or when the booking lag is over.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.money import ZERO
from lib.paper_broker.exchange import holdings
from lib.paper_broker.exchange.postings import moved
from lib.paper_broker.exchange.records import Activity, Position, Unbooked
from lib.paper_broker.exchange.rules import seconds

if TYPE_CHECKING:
    from datetime import datetime

    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.engine import Exchange


def settle(book: Book, activity: Activity, lag_s: Decimal) -> None:
    """Move the cash of an execution, and its shares at once or when the lag is over."""
    # A coin's fee is taken from what comes in.
    qty, amount = moved(activity)
    book.account = replace(book.account, cash=book.account.cash + amount)
    fill = Unbooked(
        due=activity.at + seconds(lag_s),
        symbol=activity.symbol,
        side=activity.side,
        qty=abs(qty),
        price=activity.price,
    )
    if lag_s:
        book.account = replace(book.account, unbooked=(*book.account.unbooked, fill))
    else:
        _book(book, fill)


def next_instant(exchange: Exchange) -> datetime | None:
    """Return when the next fill is booked."""
    return min((fill.due for fill in exchange.book.account.unbooked), default=None)


def pass_instant(exchange: Exchange, at: datetime) -> None:
    """Show in the positions the fills whose lag is over."""
    book = exchange.book
    due = [fill for fill in book.account.unbooked if fill.due <= at]
    if due:
        later = tuple(fill for fill in book.account.unbooked if fill.due > at)
        book.account = replace(book.account, unbooked=later)
        for fill in due:
            _book(book, fill)


def _book(book: Book, fill: Unbooked) -> None:
    held = book.positions.get(fill.symbol) or Position(symbol=fill.symbol, qty=ZERO, cost=ZERO)
    book.set_position(holdings.traded(held, fill.side, fill.qty, fill.price))
