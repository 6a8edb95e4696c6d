"""A backfill's rules: the rows as the broker's history has them, what that changes, and what no row knows.

The ordinary booking does the work. It never takes back an end that a row already has, so it is given the rows with the
broker's own words in their orders and without what was concluded from them, and it concludes all of it anew. Only
where the result differs from what is stored is anything written: rows that were right are not touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any

from lib.domain.actions import Delete, Insert, Ref, RowChange, Update, Write
from lib.domain.facts import BrokerOrder, FillActivity, Problem, Snapshot
from lib.domain.ids import is_ours
from lib.domain.money import ZERO, text
from lib.domain.records import Control, Fill, Order, Position, Rows, Trade
from lib.domain.results import Difference
from lib.domain.states import ENDED, PENDING_NEW, TradeStatus
from lib.planning.booking.booking import book
from lib.planning.booking.chains import own_part, unless_lost
from lib.planning.booking.sync import Seen, find, index, new_values, refusal_to_adopt
from lib.planning.books import TradeBook, booked_qty, books, entries, is_settled, owned_qty

LINKS_MAX = 100
"""Edits of one order that are followed at once; what is beyond them is left to the next round."""

NEW_IDS = 10**15
"""Rows that are not stored yet are numbered from here, so that they sort behind all that are."""

TABLES: Mapping[str, tuple[str, type[Any]]] = {
    "order_execution": ("orders", Order),
    "fill": ("fills", Fill),
    "trade_journal": ("trades", Trade),
    "position_tracking": ("positions", Position),
    "control": ("controls", Control),
}
"""Which records of `Rows` stand for which table, in the order in which new rows name each other."""

RESULTS = ("exit_price", "exit_qty", "exit_time", "exit_reason", "exit_evidence", "actual_pnl", "net_pnl")
UNCOMPARED = frozenset({"id", "version", "missing_at"})
"""`missing_at` is the durable half of a rule that needs two looks: order_monitor's, not history's."""

ORDER_COLUMNS = frozenset({"order_id", "parent_id", "replaces", "stop_loss_order_id", "take_profit_order_id"})
"""Columns that name an order by the id of its row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """All that changes of one trade, in one transaction, and value by value."""

    write: Write
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What has to change, and what a person should know."""

    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]
    others: tuple[BrokerOrder, ...]  # orders of other hands


def rebuild(rows: Rows, snapshot: Snapshot, since: datetime, now: datetime) -> Rebuilt:
    """Work out what the broker's history makes of `rows`; `snapshot.live` holds every order of it since `since`."""
    seen = index(snapshot)
    shown = replace(
        rows,
        trades=tuple(map(_forgotten, rows.trades)),
        orders=(
            *(order for each in books(rows) for order in _as_shown(each, seen, now)),
            *(order for order in rows.orders if order.trade_id is None),  # of grids: a pass books them
        ),
    )
    booking = book(shown, snapshot, now)
    for _ in range(LINKS_MAX):
        if not booking.writes:
            break
        shown = after(shown, [change for write in booking.writes for change in write.changes])
        booking = book(shown, snapshot, now)
    told = _unless_unknowable(rows, shown)
    unknown, others = _not_in_rows(told, snapshot.live)
    problems = (*booking.problems, *_wanting(told, seen, snapshot.fills, since), *unknown)
    return Rebuilt(
        steps=tuple(_steps(rows, told)),
        problems=tuple({(p.code, p.message): p for p in problems}.values()),
        others=others,
    )


def _forgotten(trade: Trade) -> Trade:
    """Return a trade without its end, so that its books decide again how far it has come."""
    if trade.status == TradeStatus.CLOSED:
        nothing: dict[str, Any] = dict.fromkeys(RESULTS)
        trade = replace(trade, **nothing)
    if trade.status in {TradeStatus.CLOSED, TradeStatus.POSITION}:
        return replace(trade, status=TradeStatus.ORDERED)
    return trade


def _as_shown(trade_book: TradeBook, seen: Seen, now: datetime) -> tuple[Order, ...]:
    """Return a trade's orders with the broker's words in them, whatever the rows say."""
    orders: list[Order] = []
    for order in trade_book.orders:
        found = find(order, trade_book.orders, seen)
        if found is None or refusal_to_adopt(order, found) is not None:
            orders.append(order)
            continue
        earlier = (*orders, *(o for o in trade_book.orders if o.id >= order.id))
        fresh = replace(order, order_status=PENDING_NEW, filled_qty=ZERO)
        part, _ = unless_lost(fresh, own_part(order, found, earlier), trade_book.orders, seen)
        fresh = replace(fresh, ended_at=_ended_at(order, part, seen))
        if order.acknowledged_at is None:  # when it was told is lost; when the broker had it is not
            fresh = replace(fresh, acknowledged_at=found.submitted_at)
        values: Mapping[str, Any] = new_values(fresh, part, now)[0]
        orders.append(replace(fresh, **values))
    return tuple(orders)


def _ended_at(order: Order, found: BrokerOrder, seen: Seen) -> datetime | None:
    """Return when an order ended by the broker's times, of which an order that was replaced has its heir's beginning.

    None is left to the booking: the broker tells, or nothing but the present is known.
    """
    if found.status not in ENDED or found.ended_at is not None or found.filled_at is not None:
        return None
    heir = seen.by_id.get(found.replaced_by or "")
    return order.ended_at or (heir.submitted_at if heir is not None else None)


def after(rows: Rows, changes: Iterable[RowChange]) -> Rows:
    """Return the rows as they are once the changes are written."""
    held: dict[str, dict[int, Any]] = {
        table: {row.id: row for row in getattr(rows, name)} for table, (name, _) in TABLES.items()
    }
    new_ids = {table: count(max((NEW_IDS, *(key + 1 for key in rows_by_id)))) for table, rows_by_id in held.items()}
    for change in changes:
        if change.table not in TABLES:
            continue  # the ledger of cover says what was, and is not told anew
        of_table, record = held[change.table], TABLES[change.table][1]
        if isinstance(change, Insert):
            new_id = next(new_ids[change.table])
            versioned = {"version": 1} if "version" in record.__slots__ else {}
            of_table[new_id] = record(id=new_id, **versioned, **change.values)
        elif isinstance(change, Update):
            row_id: Any = change.id
            of_table[row_id] = replace(of_table[row_id], **change.values)
        else:
            del of_table[change.id]
    told: dict[str, Any] = {name: tuple(held[table].values()) for table, (name, _) in TABLES.items()}
    return replace(rows, **told)


def _unless_unknowable(rows: Rows, told: Rows) -> Rows:
    """Keep the stored end of a trade whose books do not add up: a result that was summed once beats half a sum."""
    stored = {trade.id: trade for trade in rows.trades}
    trades = {trade.id: trade for trade in told.trades}
    kept: set[int] = set()
    for each in books(told):
        trade = stored[each.trade.id]
        closed = trade.status == TradeStatus.CLOSED
        if not entries(each) or (closed and not is_settled(each)):
            kept.add(trade.id)
        elif closed and owned_qty(each) == 0 and each.trade.status != TradeStatus.CLOSED:
            kept.add(trade.id)  # an exit of it is live still: the next order_monitor pass cancels it
        elif closed and each.trade.status == TradeStatus.CLOSED and trade.note is not None:
            trades[trade.id] = replace(each.trade, note=trade.note)
    positions = [p for p in told.positions if p.trade_id not in kept]
    return replace(
        told,
        trades=tuple(stored[key] if key in kept else trade for key, trade in trades.items()),
        positions=(*positions, *(p for p in rows.positions if p.trade_id in kept)),
    )


@dataclass(frozen=True, slots=True)
class _Changed:
    """One row before and after, and the values that are new; one side is None for a row that is new or goes."""

    table: str
    was: Any
    becomes: Any
    values: Mapping[str, object]

    @property
    def row(self) -> Any:
        return self.was if self.becomes is None else self.becomes

    @property
    def trade_id(self) -> int | None:
        found: int | None = self.row.id if self.table == "trade_journal" else getattr(self.row, "trade_id", None)
        return found

    @property
    def name(self) -> str:
        """How a person knows the row."""
        names = {"order_execution": "client_order_id", "fill": "activity_id", "control": "scope"}
        return str(getattr(self.row, names.get(self.table, "symbol")))


def _changed(before: Rows, told: Rows) -> Iterable[_Changed]:
    for table, (name, record) in TABLES.items():
        old, new = ({row.id: row for row in getattr(rows, name)} for rows in (before, told))
        columns = [f.name for f in fields(record) if f.name not in UNCOMPARED]
        for key in sorted(old.keys() | new.keys()):
            was, becomes = old.get(key), new.get(key)
            values = {c: getattr(becomes, c) for c in columns} if becomes is not None else {}
            if was is not None:
                values = {c: value for c, value in values.items() if getattr(was, c) != value}
            if values or becomes is None:
                yield _Changed(table, was, becomes, values)


def _steps(before: Rows, told: Rows) -> Iterable[Step]:
    of_trades: dict[object, list[_Changed]] = {}
    for each in _changed(before, told):
        of_trades.setdefault(each.name if each.trade_id is None else each.trade_id, []).append(each)
    for changed in of_trades.values():
        first = changed[0]
        symbol = getattr(first.row, "symbol", None)
        whose = f"the halt of {first.name}" if first.trade_id is None else f"trade {first.trade_id} {symbol}"
        # A row that is new may be named by one that is not.
        changes = sorted(map(_row_change, changed), key=lambda change: not isinstance(change, Insert))
        yield Step(
            write=Write(changes=tuple(changes), why=f"rebuild {whose} from the broker's history", symbol=symbol),
            differences=tuple(difference for each in changed for difference in _differences(each)),
        )


def _row_change(changed: _Changed) -> RowChange:
    if changed.becomes is None:
        return Delete(table=changed.table, id=changed.was.id, version=changed.was.version)
    values = {column: _ref(column, value) for column, value in changed.values.items()}
    if changed.was is not None:
        return Update(table=changed.table, id=changed.was.id, version=changed.was.version, values=values)
    known = {column: value for column, value in values.items() if value is not None}
    return Insert(table=changed.table, values=known, ref=f"{changed.table}-{changed.becomes.id}")


def _ref(column: str, value: object) -> object:
    is_new = column in ORDER_COLUMNS and isinstance(value, int) and value >= NEW_IDS
    return Ref(f"order_execution-{value}") if is_new else value


def _differences(changed: _Changed) -> Iterable[Difference]:
    place = partial(
        Difference,
        table=changed.table,
        row=changed.name,
        trade_id=changed.trade_id,
        symbol=getattr(changed.row, "symbol", ""),
    )
    if changed.was is None or changed.becomes is None:
        old, new = (None if row is None else _in_words(changed.table, row) for row in (changed.was, changed.becomes))
        yield place(column="", old=old, new=new)
        return
    for column, value in changed.values.items():
        yield place(column=column, old=getattr(changed.was, column), new=value)


def _in_words(table: str, row: Any) -> str:
    if table == "fill":
        return f"{row.side} {text(row.qty)} at {text(row.price)}, {row.transaction_time:%Y-%m-%d %H:%M:%S} UTC"
    if table == "order_execution":
        return f"{row.side} {text(row.qty)} {row.kind}, {row.order_status}, filled {text(row.filled_qty)}"
    if table == "position_tracking":
        return f"{text(row.qty)} shares at {text(row.avg_entry_price)}"
    return str(row.state)


def _wanting(told: Rows, seen: Seen, activities: Sequence[FillActivity], since: datetime) -> Iterable[Problem]:
    """Name what the broker does not have, or has otherwise, and what is missing in its ledger."""
    ledger = {activity.id: activity for activity in activities}
    for each in books(told):
        whose = f"trade {each.trade.id} {each.trade.symbol}"
        for order in each.orders:
            symbol, name, gap = order.symbol, order.client_order_id, order.filled_qty - booked_qty(each, order)
            if gap > 0 and order.order_status in ENDED:
                message = (
                    f"{whose}: {name} filled {text(order.filled_qty)}, the broker's ledger lacks {text(gap)} of it"
                )
                yield Problem(code="FILLS_MISSING", message=message, symbol=symbol)
            known = order.alpaca_order_id is None or order.alpaca_order_id in seen.by_id
            if order.created_at >= since and not known:
                message = f"{name}: the broker no longer knows the order {order.alpaca_order_id}"
                yield Problem(code="ORDER_LOST", message=message, symbol=symbol)
        for fill in each.fills:
            at_broker = ledger.get(fill.activity_id)
            if at_broker is None and fill.transaction_time > since:
                message = f"{whose}: the fill {fill.activity_id} is not in the broker's ledger; the row stays as it is"
                yield Problem(code="FILL_DIFFERS", message=message, symbol=fill.symbol)
            elif at_broker is not None and (at_broker.qty, at_broker.price) != (fill.qty, fill.price):
                message = (
                    f"{whose}: the fill {fill.activity_id} is {text(fill.qty)} at {text(fill.price)} in its row, "
                    f"{text(at_broker.qty)} at {text(at_broker.price)} in the broker's ledger; the row stays as it is"
                )
                yield Problem(code="FILL_DIFFERS", message=message, symbol=fill.symbol)


def _not_in_rows(told: Rows, orders: Iterable[BrokerOrder]) -> tuple[tuple[Problem, ...], tuple[BrokerOrder, ...]]:
    """Part the orders that no row knows: those that were sent by this system, with what took their place, and others'.

    Rows of ours that were sent may carry an older namespace than the account's.
    """
    sent = (o.client_order_id.partition("-")[0] for o in told.orders if o.payload is not None)
    namespaces = {told.account.namespace, *told.namespaces, *sent}
    ours = {o.alpaca_order_id for o in told.orders} | {o.client_order_id for o in told.orders}
    problems: list[Problem] = []
    others: list[BrokerOrder] = []
    for order in orders:
        is_known = order.id in ours or order.client_order_id in ours
        if not (is_known or order.replaces in ours or any(is_ours(order.client_order_id, n) for n in namespaces)):
            others.append(order)
            continue
        ours |= {order.id, *(leg.id for leg in order.legs)}
        if not is_known:
            qty = text(order.qty) if order.qty is not None else "?"
            message = (
                f"{order.client_order_id}: {order.side} {qty} {order.symbol} {order.kind}, {order.status}, "
                f"filled {text(order.filled_qty)}: sent by this system, but no row knows it"
            )
            for leg in order.legs:
                at = f" at {text(leg.stop_price)}" if leg.stop_price is not None else ""
                filled = f"{text(leg.filled_qty)} of {text(leg.qty)}" if leg.qty is not None else text(leg.filled_qty)
                message += f"; its leg, {leg.kind}{at}, was {leg.status} {filled}"
            problems.append(Problem(code="UNKNOWN_ORDER", message=message, symbol=order.symbol))
    return tuple(problems), tuple(others)
