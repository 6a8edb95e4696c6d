"""What the broker shows of grids becomes rows: orders, fills, round trips, and the end of a start.

Each grid is booked in one transaction of its own. Rows that are gone (a database that was lost or cleaned) are made
again from the names of the orders, which tell grid, cell, side and number; what they hold is then folded as ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from lib.domain.actions import Insert, RowChange, Write
from lib.domain.bodies import is_coin
from lib.domain.facts import BrokerOrder, FillActivity, Problem, Refusal, Snapshot
from lib.domain.grids import OVER, GridStatus, Strategy
from lib.domain.limits import Limits
from lib.domain.money import ZERO, storable
from lib.domain.records import Order, Rows
from lib.domain.states import ENDED, REJECTED, UNSENT, Change
from lib.planning.booking.booking import by_order, new_fills, sync_orders
from lib.planning.booking.chains import follow
from lib.planning.booking.sync import Seen, facts_of, index
from lib.planning.books import was_sent_again
from lib.planning.deciding.exposure import is_open_trade
from lib.planning.deciding.sharing import neighbours
from lib.planning.grid.books import (
    GRID_ORDER,
    GridBook,
    GridRows,
    book_of,
    grid_rows,
    initial_orders,
    is_level,
    live_orders,
)
from lib.planning.grid.changes import pause_values, strategy_update
from lib.planning.grid.lots import Trip
from lib.planning.grid.reading import is_edited, status_of
from lib.planning.outside.owners import quantity_change
from lib.planning.protecting.halts import halt

NAME = re.compile(
    r"(?P<namespace>[^-]+)-g(?P<id>\d{1,18})-(?:start|close|c(?P<cell>-?\d{1,9}))-(?:buy|sell)-(?P<attempt>\d{1,9})"
)
"""What `lib.domain.ids.grid_id` writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridBooking:
    """The rows to write, the strategies they belong to, and what a person should know of them."""

    writes: tuple[Write, ...] = ()
    problems: tuple[Problem, ...] = ()
    moved: frozenset[int] = frozenset()


def strategy_named(client_order_id: str, namespace: str) -> int | None:
    """Return the grid that an order of ours belongs to by its name; None for any other order."""
    name = NAME.fullmatch(client_order_id)
    return int(name["id"]) if name is not None and name["namespace"] == namespace else None


def lost_since(rows: Rows) -> datetime | None:
    """Return from when on the broker's orders have to be read: some grid that has started has no row of an order.

    Most often it had nothing to buy and was started a moment ago; else its rows are gone.
    """
    started = [
        each.strategy.started_at
        for each in grid_rows(rows)
        if not each.orders and each.strategy.started_at is not None and status_of(each.strategy) not in OVER
    ]
    return min(started, default=None)


def book_grids(rows: Rows, snapshot: Snapshot, now: datetime, limits: Limits) -> GridBooking:
    """Bring the rows of all grids to what the snapshot shows."""
    mine = grid_rows(rows)
    if not mine:
        return GridBooking()
    seen, activities = index(snapshot), by_order(snapshot.fills)
    shown = (*snapshot.live, *snapshot.by_id.values(), *(o for o in snapshot.by_client_id.values() if o is not None))
    gone = unknown(rows, shown, {o.id: strategy_named(o.client_order_id, rows.account.namespace) for o in shown})
    writes: list[Write] = []
    problems: list[Problem] = []
    moved: set[int] = set()
    for each in mine:
        changes, wrong = _book(each, gone.get(each.strategy.id, ()), seen, activities, rows, now=now, limits=limits)
        problems.extend(wrong)
        if changes:
            moved.add(each.strategy.id)
            why = f"book grid {each.strategy.id} {each.strategy.symbol}"
            writes.append(Write(changes=tuple(changes), why=why, symbol=each.strategy.symbol))
    return GridBooking(writes=tuple(writes), problems=tuple(problems), moved=frozenset(moved))


def _book(
    each: GridRows,
    gone: Iterable[BrokerOrder],
    seen: Seen,
    activities: Mapping[str, list[FillActivity]],
    rows: Rows,
    *,
    now: datetime,
    limits: Limits,
) -> tuple[list[RowChange], list[Problem]]:
    made = [Insert(table="order_execution", values=row_of(each.strategy, order)) for order in gone]
    if made:
        return list(made), []  # with its orders the grid is booked in the next round
    orders, changes, problems = sync_orders(each.orders, seen, now)
    if any(p.code == "FOREIGN_ORDER_UNDER_OUR_ID" for p in problems):
        scope = f"symbol:{each.strategy.account}:{orders[0].symbol}"
        reason = "an order that is not ours stands under one of our ids"
        changes.extend(halt(rows.controls, each.strategy.account, scope, reason, now))
    if each.strategy.stopped_at is not None and status_of(each.strategy) is GridStatus.STOPPED:
        changes.extend(_late(each, orders, rows, now))
    links = follow(orders, seen)
    if links:
        return [*changes, *links, *_changed_outside(each.strategy, orders)], problems
    fills, inserts = new_fills(orders, each.fills, activities)
    sorted_fills = sorted((*each.fills, *fills), key=lambda f: (f.transaction_time, f.activity_id))
    after = replace(each, orders=orders, fills=tuple(sorted_fills))
    changes.extend(inserts)
    book = book_of(after, limits)
    if isinstance(book, GridBook) and is_level(book):
        changes.extend(_trips(book, rows.round_trips))
        changes.extend(_status(book, rows))
    return changes, problems


def unknown(
    rows: Rows, shown: Iterable[BrokerOrder], named: Mapping[str, int | None]
) -> Mapping[int, list[BrokerOrder]]:
    """Return the orders that are named after a grid and have no row, by grid and in the order they were sent.

    `named` tells the grid of each, by the broker's id of the order; none for any other order.
    """
    names = {o.client_order_id for o in rows.orders} | {o.alpaca_order_id for o in rows.orders}
    found: dict[int, list[BrokerOrder]] = {}
    for order in {o.id: o for o in shown}.values():
        if order.client_order_id in names or order.id in names or order.qty is None or order.submitted_at is None:
            continue
        strategy = named.get(order.id)
        if strategy is not None:
            found.setdefault(strategy, []).append(order)
    return {strategy: sorted(orders, key=_number) for strategy, orders in found.items()}


def _number(order: BrokerOrder) -> int:
    return int(order.client_order_id.rpartition("-")[2])


def row_of(strategy: Strategy, order: BrokerOrder) -> dict[str, object]:
    """Return the row of an order as the broker shows it; its frozen body is lost, and never needed again."""
    name = NAME.fullmatch(order.client_order_id)
    assert name is not None
    return {
        "account": strategy.account,
        "trade_id": None,
        "strategy_id": strategy.id,
        "cell": None if name["cell"] is None else int(name["cell"]),
        "attempt": int(name["attempt"]),
        "client_order_id": order.client_order_id,
        "order_type": GRID_ORDER,
        "kind": order.kind,
        "side": order.side,
        "symbol": order.symbol,
        "qty": order.qty,
        "time_in_force": order.time_in_force,
        "limit_price": order.limit_price,
        "created_at": order.submitted_at,
        "submitted_at": order.submitted_at,
        "acknowledged_at": order.submitted_at,
        "ended_at": (order.ended_at or order.filled_at or order.submitted_at) if order.status in ENDED else None,
        **facts_of(order),
    }


def _changed_outside(strategy: Strategy, orders: Iterable[Order]) -> list[RowChange]:
    """Pause a grid whose order somebody edited in the broker's app: its prices are no longer those of its levels."""
    if status_of(strategy) is not GridStatus.RUNNING:
        return []
    edited = [o.client_order_id for o in orders if o.order_status == "replaced"]
    reason = f"GRID_EDITED: {edited[-1]} was changed outside this system; approve the grid again to place its own"
    return [strategy_update(strategy, pause_values(reason))]


def _late(each: GridRows, orders: Iterable[Order], rows: Rows, now: datetime) -> list[RowChange]:
    """Give the user what an order filled after its grid had stopped, as what was kept; coins are in no book."""
    filled = [(new, new.filled_qty - old.filled_qty) for old, new in zip(each.orders, orders, strict=True)]
    return [
        quantity_change(
            rows,
            order.symbol,
            qty if order.side == "buy" else -qty,
            Change.TRANSFER,
            now,
            evidence=f"{order.client_order_id} filled after its grid had stopped",
        )
        for order, qty in filled
        if qty > 0 and not is_coin(order.symbol)
    ]


def _trips(book: GridBook, written: frozenset[tuple[str, str]]) -> list[RowChange]:
    """Return the rows of exits that have none yet; an edited row would pair them by numbers that nobody approved."""
    if is_edited(book.strategy):
        return []
    told = {closed for _, closed in written}
    return [
        Insert(table="round_trip", values=trip_row(book, trip)) for trip in book.ledger.trips if trip.exit not in told
    ]


def trip_row(book: GridBook, trip: Trip) -> dict[str, object]:
    """Return the row of a round trip."""
    return {
        "account": book.strategy.account,
        "strategy_id": book.strategy.id,
        "symbol": book.grid.symbol,
        "cell": trip.cell,
        "entry_fill": trip.entry,
        "exit_fill": trip.exit,
        "qty": trip.qty,
        "entry_price": trip.entry_price,
        "exit_price": trip.exit_price,
        "gross": storable(trip.gross),
        "fees": storable(trip.fees),
        "net": storable(trip.net),
        "pnl_bps": storable(trip.pnl_bps),
        "opened_at": trip.opened_at,
        "closed_at": trip.closed_at,
        "hold_s": int((trip.closed_at - trip.opened_at).total_seconds()),
        "policy": trip.policy,
    }


def _status(book: GridBook, rows: Rows) -> list[RowChange]:
    """End a start: once the initial order is over, the grid runs by what it brought; without any, it is refused.

    One that was refused and fills after all runs too, unless its symbol has been given to another meanwhile.
    """
    status, began = status_of(book.strategy), book.strategy.started_at
    initial = [o for o in initial_orders(book, book.grid) if began is None or o.created_at >= began]
    values: dict[str, object]
    if status is GridStatus.REJECTED and book.ledger.inventory != 0:
        others = neighbours(filter(is_open_trade, rows.trades), rows.grids).get(book.grid.symbol, ())
        values = {"status": GridStatus.RUNNING, "reason": "its first order filled after all"}
        if others:
            values = pause_values(f"SYMBOL_BUSY: {values['reason']}, {book.grid.symbol} belongs to {others[0].name}")
    elif status is not GridStatus.STARTING or any(o in live_orders(book) for o in initial):
        return []
    elif not initial or _filled(initial) > 0:
        values = {"status": GridStatus.RUNNING, "reason": None}
    elif _may_start_again(initial[-1]):
        values = {"status": GridStatus.WAITING, "reason": _why(initial[-1]), "start_price": None, "started_at": None}
    else:
        values = {"status": GridStatus.REJECTED, "reason": _why(initial[-1])}
    return [strategy_update(book.strategy, values)]


def _may_start_again(order: Order) -> bool:
    """Say whether a first order was turned away unread; of one sent twice the earlier copy may yet arrive."""
    return (order.reject_reason or "").startswith(Refusal.RATE_LIMIT) and not was_sent_again(order)


def _filled(orders: Iterable[Order]) -> Decimal:
    return sum((o.filled_qty for o in orders), ZERO)


def _why(order: Order) -> str:
    if order.reject_reason:
        return f"BROKER: the broker refused the first order: {order.reject_reason}"
    if order.order_status == REJECTED:
        return "BROKER: the broker refused the first order after it had taken it"
    if order.order_status == UNSENT:
        return "UNSENT: the first order never reached the broker"
    return f"BROKER: the first order was {order.order_status} without a fill"
