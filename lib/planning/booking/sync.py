"""What the broker shows of our orders, as new values for their rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lib.domain.bodies import differences, readable
from lib.domain.facts import BrokerOrder, Problem, Snapshot
from lib.domain.records import Order
from lib.domain.states import BROKER_LIVE, ENDED, PENDING, Move, Role, order_move


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The orders of a snapshot by the broker's id and by ours; targeted reads win over the list."""

    by_id: Mapping[str, BrokerOrder] = field(default_factory=dict)
    by_client_id: Mapping[str, BrokerOrder] = field(default_factory=dict)


def index(snapshot: Snapshot) -> Seen:
    """Index a snapshot's orders, legs included."""
    looked_up = tuple(order for order in snapshot.by_client_id.values() if order is not None)
    by_id: dict[str, BrokerOrder] = {}
    by_client_id: dict[str, BrokerOrder] = {}
    for order in _with_legs((*snapshot.live, *looked_up, *snapshot.by_id.values())):
        by_id[order.id] = order
        by_client_id[order.client_order_id] = order
    return Seen(by_id=by_id, by_client_id=by_client_id)


def _with_legs(orders: Iterable[BrokerOrder]) -> Iterable[BrokerOrder]:
    for order in orders:
        yield order
        yield from order.legs


def find(order: Order, orders: Iterable[Order], seen: Seen) -> BrokerOrder | None:
    """Find what the broker shows of a row: by its id, by our id, or as the leg of its parent."""
    if order.alpaca_order_id is not None:
        return seen.by_id.get(order.alpaca_order_id)
    if order.parent_id is None:
        return seen.by_client_id.get(order.client_order_id)
    parent = next((o for o in orders if o.id == order.parent_id), None)
    shown = find(parent, (), seen) if parent is not None else None
    return shown.legs[0] if shown is not None and shown.legs else None


def refusal_to_adopt(order: Order, found: BrokerOrder) -> Problem | None:
    """Say why an order found under our id may not be ours: its numbers differ from the frozen ones."""
    if order.alpaca_order_id is not None or order.payload is None:
        return None
    body = readable(order.payload)
    wrong = differences(body, found) if body is not None else ("everything, for what we froze cannot be read",)
    if not wrong:
        return None
    return Problem(
        code="FOREIGN_ORDER_UNDER_OUR_ID",
        message=f"{order.client_order_id}: the broker's order differs from ours in {', '.join(wrong)}; "
        f"{order.symbol} is halted, nothing was adopted",
        symbol=order.symbol,
    )


def new_values(order: Order, found: BrokerOrder, now: datetime) -> tuple[dict[str, object], Problem | None]:
    """Return the columns of `order` that the broker's view changes, and what is wrong with that view.

    A live word for an order known to have ended is an old read and changes nothing; a step that no table
    knows changes nothing either and is a problem. An order that the broker has not shown before begins here,
    whatever became of its other copy: of two that were sent under one id, the first may arrive last.
    """
    move = order_move(PENDING if order.alpaca_order_id is None else order.order_status, found.status)
    if move is Move.UNKNOWN:
        return {}, Problem(
            code="IMPOSSIBLE_TRANSITION",
            message=f"{order.client_order_id} went from {order.order_status} to {found.status}; trade quarantined",
            symbol=order.symbol,
        )
    if move is Move.STALE or found.filled_qty < order.filled_qty:
        return {}, None
    values = facts_of(found) | {"expires_at": own_end(order, found.expires_at)}
    if order.acknowledged_at is None:
        values["acknowledged_at"] = now
    if found.status in ENDED and order.ended_at is None:
        values["ended_at"] = found.ended_at or found.filled_at or now
    if order.parent_id is not None and found.qty is not None:
        values["qty"] = found.qty  # the broker resizes legs when their sibling fills in part
    changed = {name: value for name, value in values.items() if getattr(order, name) != value}
    unknown = None
    if found.status not in BROKER_LIVE | ENDED:
        unknown = Problem(
            code="UNKNOWN_STATUS",
            message=f"{order.client_order_id} has the status {found.status!r}, which nobody knew; it counts as live",
            symbol=order.symbol,
        )
    return changed, unknown


def own_end(order: Order, at_broker: datetime | None) -> datetime | None:
    """Return when an order is to end: a GTC entry ends when its intent says, of which the broker knows nothing."""
    kept = order.order_type == Role.ENTRY and order.time_in_force == "gtc" and order.expires_at is not None
    return order.expires_at if kept else at_broker


def facts_of(found: BrokerOrder) -> dict[str, object]:
    """Return the columns that an order row takes from the broker."""
    values: dict[str, object] = {
        "alpaca_order_id": found.id,
        "order_status": found.status,
        "filled_qty": found.filled_qty,
        "filled_avg_price": found.filled_avg_price,
        "filled_at": found.filled_at,
        "expires_at": found.expires_at,
    }
    if found.kind == "trailing_stop":
        values["stop_price"] = found.stop_price  # follows the high water mark
    return values
