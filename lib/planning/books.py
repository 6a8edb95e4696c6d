"""One trade with everything that belongs to it, and the sums over it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from lib.domain.money import ZERO
from lib.domain.records import Fill, Order, Position, QuantityChange, Rows, Trade
from lib.domain.states import ENDED, EXIT_ROLES, RESOLVING, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeBook:
    """A trade, its orders oldest first, its fills and quantity changes, and its position row if it has one."""

    trade: Trade
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()
    changes: tuple[QuantityChange, ...] = ()
    position: Position | None = None


def books(rows: Rows) -> tuple[TradeBook, ...]:
    """Sort the rows of a pass by trade, oldest trade first."""
    return tuple(
        TradeBook(
            trade=trade,
            orders=tuple(sorted((o for o in rows.orders if o.trade_id == trade.id), key=lambda o: o.id)),
            fills=tuple(sorted((f for f in rows.fills if f.trade_id == trade.id), key=lambda f: f.activity_id)),
            changes=tuple(c for c in rows.changes if c.trade_id == trade.id),
            position=next((p for p in rows.positions if p.trade_id == trade.id), None),
        )
        for trade in sorted(rows.trades, key=lambda t: t.id)
    )


def entries(book: TradeBook) -> tuple[Order, ...]:
    """Return the trade's entry orders."""
    return tuple(o for o in book.orders if o.order_type == Role.ENTRY)


def exits(book: TradeBook) -> tuple[Order, ...]:
    """Return the trade's protective and closing orders, legs included."""
    return tuple(o for o in book.orders if o.order_type in EXIT_ROLES)


def is_live(order: Order) -> bool:
    """Say whether an order may still fill; a status that nobody knows counts as live."""
    return order.order_status not in ENDED


def was_sent_again(order: Order) -> bool:
    """Say whether an order went out twice under its id; the earlier copy may arrive after the later was refused."""
    return order.submitted_at is not None and order.submitted_at > order.created_at


def fills_of(book: TradeBook, *roles: Role) -> list[Fill]:
    """Return the trade's booked fills of orders of the given roles."""
    ids = {o.id for o in book.orders if o.order_type in roles}
    return [f for f in book.fills if f.order_id in ids]


def live(orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Keep the orders that may still fill."""
    return tuple(o for o in orders if is_live(o))


def booked_qty(book: TradeBook, order: Order) -> Decimal:
    """Sum the booked fills of one order."""
    return sum((f.qty for f in book.fills if f.order_id == order.id), ZERO)


def is_settled(book: TradeBook) -> bool:
    """Say whether for each order the booked fills add up to what the broker says was filled."""
    return all(booked_qty(book, order) == order.filled_qty for order in book.orders)


def owned_qty(book: TradeBook) -> Decimal:
    """Shares the trade owns, by the best knowledge of each order: its status or its fills, whichever is ahead.

    Protection goes by this; money goes by fills alone.
    """
    bought = sum((max(booked_qty(book, o), o.filled_qty) for o in entries(book)), ZERO)
    sold = sum((max(booked_qty(book, o), o.filled_qty) for o in exits(book)), ZERO)
    return bought - sold + sum((c.delta for c in book.changes), ZERO)


def covered_qty(orders: tuple[Order, ...]) -> Decimal:
    """Shares that a live order would close at the stop: stops, `held` legs, trailing stops, market exits.

    An order whose outcome is unknown or that is being cancelled covers nothing.
    """
    return sum(
        (
            o.qty - o.filled_qty
            for o in orders
            if o.order_type in {Role.STOP_LOSS, Role.EXIT} and is_live(o) and o.order_status not in RESOLVING
        ),
        ZERO,
    )


def generation(book: TradeBook) -> int:
    """Return the number of the trade's next exit order."""
    return 1 + sum(1 for o in exits(book) if o.parent_id is None)
