"""One trade with everything that belongs to it, and the sums over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, TypeVar

from lib.domain.money import ZERO
from lib.domain.records import Coverage, Fill, Order, Position, QuantityChange, Rows, Trade
from lib.domain.states import ENDED, EXIT_ROLES, HELD, NOT_COVERING, PENDING_CANCEL, Role
from lib.planning.terms import closing_verb, sign, signed


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeBook:
    """A trade, its orders oldest first, its fills and quantity changes, its position row if it has one.

    `coverage` is the interval of the ledger of cover that is on.
    """

    trade: Trade
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()
    changes: tuple[QuantityChange, ...] = ()
    position: Position | None = None
    coverage: Coverage | None = None


class _OfTrade(Protocol):
    @property
    def trade_id(self) -> int | None: ...


_Row = TypeVar("_Row", bound=_OfTrade)


def books(rows: Rows) -> tuple[TradeBook, ...]:
    """Sort the rows of a pass by trade, oldest trade first; each row is looked at once, however many trades."""
    orders = _by_trade(sorted(rows.orders, key=lambda o: o.id))
    fills = _by_trade(sorted(rows.fills, key=lambda f: f.activity_id))
    changes = _by_trade(rows.changes)
    positions = _by_trade(rows.positions)
    coverage = _by_trade(each for each in rows.coverage if each.to_time is None)
    return tuple(
        TradeBook(
            trade=trade,
            orders=tuple(orders.get(trade.id, ())),
            fills=tuple(fills.get(trade.id, ())),
            changes=tuple(changes.get(trade.id, ())),
            position=next(iter(positions.get(trade.id, ())), None),
            coverage=next(iter(coverage.get(trade.id, ())), None),
        )
        for trade in sorted(rows.trades, key=lambda t: t.id)
    )


def _by_trade(rows: Iterable[_Row]) -> Mapping[int | None, list[_Row]]:
    found: dict[int | None, list[_Row]] = {}
    for row in rows:
        found.setdefault(row.trade_id, []).append(row)
    return found


def by_symbol(all_books: Iterable[TradeBook]) -> Mapping[str, tuple[TradeBook, ...]]:
    """Sort trades by symbol, each symbol's in the order given."""
    found: dict[str, list[TradeBook]] = {}
    for book in all_books:
        found.setdefault(book.trade.symbol, []).append(book)
    return {symbol: tuple(mine) for symbol, mine in found.items()}


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


def bought_qty(book: TradeBook) -> Decimal:
    """Shares that the entries brought, by the fills or the status of each, whichever is ahead of the other.

    Shares are owned before the ledger says so: a trade that has some must not be lost from sight because it lags.
    """
    return sum((max(booked_qty(book, o), o.filled_qty) for o in entries(book)), ZERO)


def owned_qty(book: TradeBook) -> Decimal:
    """Shares the trade owns or owes, by the best knowledge of each order: its status or its fills, whichever is ahead.

    Counted in the trade's own direction: a short trade of ten has ten. Protection goes by this; money by fills alone.
    """
    closes = closing_verb(book.trade)
    closed = sum((max(booked_qty(book, o), o.filled_qty) * (1 if o.side == closes else -1) for o in exits(book)), ZERO)
    return bought_qty(book) - closed + sign(book.trade) * sum((c.delta for c in book.changes), ZERO)


def broker_qty(book: TradeBook) -> Decimal:
    """Return what the trade has, as the broker counts it: below zero for a short one."""
    return signed(owned_qty(book), book.trade)


def covers(order: Order) -> bool:
    """Say whether an exit would close its shares at the stop: stops do, and what goes at market; a target does not."""
    if order.order_type == Role.TAKE_PROFIT:
        return order.kind == "market"
    return order.order_type in {Role.STOP_LOSS, Role.EXIT}


def covering(orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Keep what would close shares at the stop: live stops, `held` legs, trailing stops, market exits.

    An order whose outcome is unknown or that is being cancelled covers nothing, nor does the `held` leg of such an
    exit; one that is being replaced does.
    """
    ending = {o.id for o in orders if o.order_type in EXIT_ROLES and o.order_status == PENDING_CANCEL}
    standing = (o for o in orders if is_live(o) and o.order_status not in NOT_COVERING)
    return tuple(o for o in standing if covers(o) and not (o.order_status == HELD and o.parent_id in ending))


def covered_qty(orders: tuple[Order, ...]) -> Decimal:
    """Sum the shares under what covers."""
    return sum((o.qty - o.filled_qty for o in covering(orders)), ZERO)


def generation(book: TradeBook) -> int:
    """Return the number of the trade's next exit order."""
    return 1 + sum(1 for o in exits(book) if o.parent_id is None)
