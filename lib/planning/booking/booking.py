"""The one booking function: what the broker shows becomes rows, whoever holds the account.

Each trade is booked in one transaction of its own, so that a trade whose rows moved meanwhile holds up no
other. Money is the sum of the trade's own fills; a fill is unique by its activity id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from lib.domain.actions import Delete, Insert, RowChange, Update, Write
from lib.domain.facts import FillActivity, Problem, Snapshot
from lib.domain.hours import Hours
from lib.domain.limits import CONFIRM_MISSING
from lib.domain.money import ZERO, average_price, storable, text
from lib.domain.records import Fill, Order, Rows, Trade
from lib.domain.states import (
    FILLED,
    PENDING,
    REJECTED,
    UNSENT,
    ControlState,
    Role,
    TradeStatus,
)
from lib.planning.booking.chains import edit_noted, follow, new_parent, own_part, unless_lost
from lib.planning.booking.costs import cost_values
from lib.planning.booking.coverage import coverage_changes
from lib.planning.booking.dust import swept
from lib.planning.booking.results import exit_values, result
from lib.planning.booking.sync import Seen, find, index, new_values, refusal_to_adopt
from lib.planning.books import (
    TradeBook,
    books,
    bought_qty,
    broker_qty,
    covered_qty,
    entries,
    exits,
    fills_of,
    is_live,
    is_settled,
    live,
    owned_qty,
)
from lib.planning.deciding.amending import awaits_generation
from lib.planning.protecting.cancelling import CANCEL_ASKED
from lib.planning.protecting.halts import is_halted
from lib.planning.protecting.splits import cost_basis, entry_price_now
from lib.planning.terms import is_readable, total_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """The rows to write, the trades they belong to, and what a person should know of them."""

    writes: tuple[Write, ...] = ()
    problems: tuple[Problem, ...] = ()
    moved: frozenset[int] = frozenset()


def book(rows: Rows, snapshot: Snapshot, now: datetime, calendar: Sequence[Hours] = ()) -> Booking:
    """Bring orders, fills, journal and positions to what the snapshot shows; `calendar` counts uncovered seconds."""
    seen, activities = index(snapshot), by_order(snapshot.fills)
    writes: list[Write] = []
    problems: list[Problem] = []
    moved: set[int] = set()
    for trade_book in books(rows):
        orders, changes, wrong = sync_orders(trade_book.orders, seen, now)
        synced = replace(trade_book, orders=orders)
        problems.extend((*wrong, *_not_as_written(synced)))
        if any(p.code == "FOREIGN_ORDER_UNDER_OUR_ID" for p in wrong):
            changes.extend(_halt(rows, trade_book, now))
        links = follow(orders, seen)
        fills, inserts = ((), []) if links else new_fills(orders, synced.fills, activities)
        booked = replace(synced, fills=tuple(sorted((*synced.fills, *fills), key=lambda f: f.activity_id)))
        changes.extend((*links, *inserts))
        if not links:  # with its new order the trade is booked in the next round
            booked, dust = swept(booked, snapshot, now)
            journal, trade = _journal(booked, now)
            changes.extend((*dust, *journal))
            if changes:
                changes.extend(coverage_changes(replace(booked, trade=trade), snapshot, now, calendar))
        if changes:
            moved.add(trade_book.trade.id)
            writes.append(Write(changes=tuple(changes), why=_why(trade_book, booked), symbol=trade_book.trade.symbol))
    return Booking(writes=tuple(writes), problems=tuple(problems), moved=frozenset(moved))


def _not_as_written(trade_book: TradeBook) -> list[Problem]:
    """Name what no code of ours leaves behind: rows that were changed or taken away by hand."""
    trade = trade_book.trade
    wrong: dict[str, str] = {}
    if not entries(trade_book):
        wrong["ENTRY_ROW_GONE"] = "its entry order is not in order_execution"
    if trade.status == TradeStatus.CLOSED and owned_qty(trade_book) != 0:
        wrong["CLOSED_WITH_SHARES"] = f"it is CLOSED, but by its fills it owns {text(owned_qty(trade_book))} shares"
    if not is_readable(trade):
        wrong["WANTED_UNREADABLE"] = "what decisions asked of it cannot be read; its shares are covered as planned"
    return [
        Problem(code=code, message=f"trade {trade.id} {trade.symbol}: {message}", symbol=trade.symbol)
        for code, message in wrong.items()
    ]


def sync_orders(
    rows: Sequence[Order], seen: Seen, now: datetime
) -> tuple[tuple[Order, ...], list[RowChange], list[Problem]]:
    """Bring the orders of one trade, or one grid, to what the broker shows of them."""
    orders: list[Order] = []
    changes: list[RowChange] = []
    problems: list[Problem] = []
    for order in rows:
        values, wrong = _order_step(order, rows, seen, now)
        problems.extend(wrong)
        values |= new_parent(order, rows)
        if values:
            changes.append(Update(table="order_execution", id=order.id, version=order.version, values=values))
        orders.append(replace(order, **values) if values else order)
    return tuple(orders), changes, problems


def _order_step(order: Order, rows: Sequence[Order], seen: Seen, now: datetime) -> tuple[dict[str, Any], list[Problem]]:
    found = find(order, rows, seen)
    if found is None:
        return _absent(order, rows, now)
    refused = refusal_to_adopt(order, found)
    if refused is not None:
        return {}, [refused]
    parent = _parent(order, rows)
    shown = find(parent, (), seen) if parent is not None else None
    if parent is not None and shown is not None and refusal_to_adopt(parent, shown) is not None:
        return {}, []  # a leg of what is not ours is not ours
    found, lost = unless_lost(order, own_part(order, found, rows), rows, seen)
    values, problem = new_values(order, found, now)
    return values, [p for p in (problem, lost) if p is not None]


def _parent(leg: Order, rows: Sequence[Order]) -> Order | None:
    return None if leg.parent_id is None else next((o for o in rows if o.id == leg.parent_id), None)


def _absent(order: Order, rows: Sequence[Order], now: datetime) -> tuple[dict[str, Any], list[Problem]]:
    """Judge an order that the snapshot does not show.

    Gather looks up every unknown order by our id, so a `pending` one that is not here was answered with
    404. A leg goes with its parent.
    """
    if order.order_status == PENDING and order.parent_id is None and order.missing_at is None:
        return {"missing_at": now}, []
    parent = _parent(order, rows)
    if order.alpaca_order_id is not None and is_live(order) and (parent is None or is_live(parent)):
        message = f"{order.client_order_id}: the broker no longer knows the order {order.alpaca_order_id}"
        return {}, [Problem(code="ORDER_LOST", message=message, symbol=order.symbol)]
    return {}, []


def _halt(rows: Rows, trade_book: TradeBook, now: datetime) -> list[RowChange]:
    trade = trade_book.trade
    scope = f"symbol:{trade.account}:{trade.symbol}"
    if any(c.scope == scope and is_halted(c) for c in rows.controls):
        return []
    values = {
        "state": ControlState.HALTED,
        "reason": "an order that is not ours stands under one of our ids",
        "since": now,
    }
    known = next((c for c in rows.controls if c.scope == scope), None)
    if known is not None:
        return [Update(table="control", id=known.id, version=known.version, values=values)]
    return [Insert(table="control", values={"account": trade.account, "scope": scope, **values})]


def by_order(activities: Sequence[FillActivity]) -> Mapping[str, list[FillActivity]]:
    """Sort executions by the broker's id of their order."""
    found: dict[str, list[FillActivity]] = {}
    for activity in activities:
        found.setdefault(activity.order_id, []).append(activity)
    return found


def new_fills(
    orders: Sequence[Order], booked: Sequence[Fill], activities: Mapping[str, list[FillActivity]]
) -> tuple[tuple[Fill, ...], list[RowChange]]:
    """Return the executions of these orders that are not booked yet, as rows and as what inserts them."""
    known = {f.activity_id for f in booked}
    by_broker_id = {o.alpaca_order_id: o for o in orders if o.alpaca_order_id is not None}
    fills: list[Fill] = []
    changes: list[RowChange] = []
    own = [activity for broker_id in by_broker_id for activity in activities.get(broker_id, ())]
    for activity in sorted(own, key=lambda a: (a.transaction_time, a.id)):
        order = by_broker_id[activity.order_id]
        if activity.id in known:
            continue
        known.add(activity.id)
        values: dict[str, object] = {
            "account": order.account,
            "activity_id": activity.id,
            "order_id": order.id,
            "trade_id": order.trade_id,
            "symbol": activity.symbol,
            "side": activity.side,
            "qty": activity.qty,
            "price": activity.price,
            "transaction_time": activity.transaction_time,
        }
        changes.append(Insert(table="fill", values=values))
        fills.append(Fill(id=0, **values))  # type: ignore[arg-type]
    return tuple(fills), changes


def _journal(trade_book: TradeBook, now: datetime) -> tuple[list[RowChange], Trade]:
    """Derive the journal row and the position row from the trade's other rows; return the trade as it becomes too."""
    trade = trade_book.trade
    values = _entry_values(trade_book) | exit_values(trade_book) | cost_values(trade_book)
    status, said = _status(trade_book, now)
    note = edit_noted(said, trade_book)
    values["status"] = status
    if note is not None:
        values["note"] = note
    if status == TradeStatus.CLOSED and owned_qty(trade_book) == 0:
        values |= result(trade_book)
    changed = {name: value for name, value in values.items() if getattr(trade, name) != value}
    changes: list[RowChange] = []
    if changed:
        changes.append(Update(table="trade_journal", id=trade.id, version=trade.version, values=changed))
    if status == TradeStatus.CANCELLED and trade.status != TradeStatus.CANCELLED:
        changes.extend(_unsend(trade_book, now))
    return changes + _position(trade_book, status, now), replace(trade, **changed)  # type: ignore[arg-type]


def _entry_values(trade_book: TradeBook) -> dict[str, object]:
    bought = fills_of(trade_book, Role.ENTRY)
    if not bought:
        return {}
    pairs = [(f.qty, f.price) for f in bought]
    return {
        "actual_qty": sum((f.qty for f in bought), ZERO),
        "actual_entry": average_price(pairs),
        "entry_time": bought[0].transaction_time,
    }


def _status(trade_book: TradeBook, now: datetime) -> tuple[TradeStatus, str | None]:
    trade = trade_book.trade
    bought = bought_qty(trade_book) > 0
    entry_ended = not live(entries(trade_book)) and not awaits_generation(trade_book, now)
    if trade.status in set(TradeStatus):
        known = TradeStatus(trade.status)
    else:  # a word of somebody's: the books say what it was
        known = TradeStatus.POSITION if bought else TradeStatus.ORDERED
    if known is TradeStatus.CLOSED or not entries(trade_book):
        return known, None
    if bought:
        if entry_ended and owned_qty(trade_book) == 0 and is_settled(trade_book) and not live(exits(trade_book)):
            return TradeStatus.CLOSED, _entry_note(trade_book)
        return TradeStatus.POSITION, _entry_note(trade_book) if entry_ended else None
    if known is TradeStatus.ORDERED:
        if entry_ended:
            return TradeStatus.CANCELLED, _with_reason(_why_cancelled(entries(trade_book)[-1]), trade)
        if _never_arrived(entries(trade_book)[-1], now):
            return TradeStatus.CANCELLED, "never sent: the broker has no such order and the entry window has closed"
    return known, None


def _entry_note(trade_book: TradeBook) -> str | None:
    """Tell of an entry that was not filled whole; None keeps the note that is there."""
    bought, planned = bought_qty(trade_book), total_of(trade_book.trade)
    if bought >= planned or entries(trade_book)[-1].order_status == FILLED:  # whole, or as it was edited
        return None
    said = f"bought {text(bought)} of {text(planned)}: the rest of the entry was {entries(trade_book)[-1].order_status}"
    return _with_reason(said, trade_book.trade)


def _with_reason(said: str, trade: Trade) -> str:
    """Add why the system asked for the entry's end, which the trade's note has kept since the request."""
    note = trade.note or ""
    if note.startswith(f"{said}: {CANCEL_ASKED}"):
        return note
    return f"{said}: {note}" if note.startswith(CANCEL_ASKED) else said


def _why_cancelled(entry: Order) -> str:
    if entry.reject_reason:
        return f"the broker refused the entry: {entry.reject_reason}"
    if entry.order_status == REJECTED:
        return "the broker refused the entry after it had taken it"
    if entry.order_status == UNSENT:
        return "never sent"
    return f"the entry was {entry.order_status} without a fill"


def _never_arrived(entry: Order, now: datetime) -> bool:
    """Say whether an entry of unknown outcome is confirmed absent and may not be sent any more."""
    return (
        entry.order_status == PENDING
        and entry.missing_at is not None
        and now - entry.missing_at >= CONFIRM_MISSING
        and entry.expires_at is not None
        and now > entry.expires_at
    )


def _unsend(trade_book: TradeBook, now: datetime) -> list[RowChange]:
    return [
        Update(
            table="order_execution",
            id=order.id,
            version=order.version,
            values={"order_status": UNSENT, "ended_at": now},
        )
        for order in entries(trade_book)
        if order.order_status == PENDING
    ]


def _position(trade_book: TradeBook, status: TradeStatus, now: datetime) -> list[RowChange]:
    known = trade_book.position
    if status == TradeStatus.CLOSED and owned_qty(trade_book) != 0:
        return []
    if status != TradeStatus.POSITION:
        return [] if known is None else [Delete(table="position_tracking", id=known.id, version=known.version)]
    qty = broker_qty(trade_book)
    price = entry_price_now(trade_book) or _told_price(trade_book)
    values: dict[str, object] = {
        "qty": qty,
        "avg_entry_price": price,
        "cost_basis": cost_basis(trade_book, qty, price),
        "covered_qty": covered_qty(trade_book.orders),
        "stop_loss_order_id": _newest(trade_book, Role.STOP_LOSS),
        "take_profit_order_id": _newest(trade_book, Role.TAKE_PROFIT),
    }
    if known is not None:
        changed = {name: value for name, value in values.items() if getattr(known, name) != value}
        if not changed:
            return []
        return [Update(table="position_tracking", id=known.id, version=known.version, values=changed)]
    first_value: dict[str, object] = {
        "account": trade_book.trade.account,
        "trade_id": trade_book.trade.id,
        "symbol": trade_book.trade.symbol,
        "current_price": price,
        "market_value": storable(price * qty),
        "unrealized_pnl": ZERO,
        "last_updated": now,
        "stale": False,
    }
    return [Insert(table="position_tracking", values=first_value | values)]


def _told_price(trade_book: TradeBook) -> Decimal:
    """Return what the broker says of the entry's price while its ledger lags: shown, never booked."""
    told = [o.filled_avg_price for o in entries(trade_book) if o.filled_avg_price is not None]
    return told[-1] if told else ZERO


def _newest(trade_book: TradeBook, role: Role) -> int | None:
    ids = [o.id for o in trade_book.orders if o.order_type == role and is_live(o)]
    return ids[-1] if ids else None


def _why(before: TradeBook, after: TradeBook) -> str:
    new = len(after.fills) - len(before.fills)
    fills = f"{new} new fill{'s' if new != 1 else ''}, " if new else ""
    return f"book {fills}trade {before.trade.id} {before.trade.symbol}"
