"""What a trade came to: the sum of its own fills, and why it ended.

Money is exact and of fills alone, never of planned prices, never of the broker's averages. Shares that a split brought
or took, a fee taken in coins and what is too little to sell have no price: they are no sale, and end no trade.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from lib.domain.money import ZERO, average_price, notional, storable
from lib.domain.records import Order, QuantityChange, Trade
from lib.domain.states import EXIT_REASON_OF_CHANGE, EXIT_REASON_OF_ROLE, EXIT_ROLES, Change, ExitReason, Role
from lib.planning.books import TradeBook, exits, fills_of
from lib.planning.terms import closing_verb, sign, wanted

DOLLARS = "USD"
"""The `commission_asset` of a fee in money."""

UNPRICED = frozenset({Change.SPLIT, Change.RENAME, Change.FEE_IN_KIND, Change.DUST})
"""Causes that end no trade, unless something was paid for the shares."""


def exit_values(book: TradeBook) -> dict[str, object]:
    sales = _sales(book)
    if not sales:
        return {}
    return {"exit_qty": sum((qty for qty, _ in sales), ZERO), "exit_price": average_price(sales)}


def result(book: TradeBook) -> dict[str, object]:
    """Sum the trade's own fills; the reason is that of the last thing that left."""
    bought = notional((f.qty, f.price) for f in fills_of(book, Role.ENTRY))
    gross = storable(sign(book.trade) * (notional(_sales(book)) - bought))
    ends = sorted(_ends(book), key=lambda end: (end[0], end[2]))
    if not ends:
        return {}
    fees = fees_of(book)
    return {
        "actual_pnl": gross,
        "fees": fees,
        "fees_final": bool(book.trade.fees_final),
        "net_pnl": storable(gross - fees),
        "exit_time": ends[-1][0],
        "exit_reason": [reason for _, reason, _ in ends if reason is not None][-1],
        "exit_evidence": ", ".join(end[2] for end in ends),
    }


def fees_of(book: TradeBook) -> Decimal:
    """Sum the dollars that the broker charged on the trade's fills, as far as it has posted them.

    What it took in coins is no part: they were paid for, and were never sold, so the result has them already.
    """
    return sum((f.fee for f in book.fills if f.fee is not None and f.commission_asset in {None, DOLLARS}), ZERO)


def gained_since(book: TradeBook, entry: Decimal, since: datetime) -> Decimal:
    """Return what the shares that left a trade since then made beyond `entry`, the average price of one."""
    return sum((sign(book.trade) * qty * (price - entry) for qty, price in _sales(book, since)), ZERO)


def _ends(book: TradeBook) -> list[tuple[datetime, ExitReason | None, str]]:
    """List when, why and by what evidence shares left the trade; what took back a share too many has no reason."""
    orders = {o.id: o for o in exits(book)}
    closes = closing_verb(book.trade)
    own = [
        (f.transaction_time, _exit_reason(orders[f.order_id], book.trade) if f.side == closes else None, f.activity_id)
        for f in book.fills
        if f.order_id in orders
    ]
    elsewhere = [
        (c.at, EXIT_REASON_OF_CHANGE.get(c.cause, ExitReason.MANUAL_EXIT), c.activity_id or c.evidence or "")
        for c in _left(book)
        if c.price is not None or c.cause not in UNPRICED
    ]
    return own + elsewhere


def _exit_reason(order: Order, trade: Trade) -> ExitReason:
    """Name the reason of an exit; a target that a CLOSE moved to its limit takes no planned profit."""
    role, want = Role(order.order_type), wanted(trade)
    moved = want.close_price is not None and role is Role.TAKE_PROFIT and order.limit_price == want.close_price
    if want.close_by is not None and (role is Role.EXIT or moved):
        return ExitReason.DECISION_EXIT
    return EXIT_REASON_OF_ROLE[role]


def _sales(book: TradeBook, since: datetime | None = None) -> list[tuple[Decimal, Decimal]]:
    """List (qty, price) of everything that left the trade: own exits, then what was traded elsewhere."""
    closes = closing_verb(book.trade)
    fills = [f for f in fills_of(book, *EXIT_ROLES) if since is None or f.transaction_time >= since]
    left = [c for c in _left(book) if since is None or c.at >= since]
    own = [(f.qty if f.side == closes else -f.qty, f.price) for f in fills]
    return own + [(abs(c.delta), c.price) for c in left if c.price is not None]


def _left(book: TradeBook) -> list[QuantityChange]:
    """Return the changes that made the trade smaller."""
    return [c for c in book.changes if sign(book.trade) * c.delta < 0]
