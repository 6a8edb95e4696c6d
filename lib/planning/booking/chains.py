"""Chains: an order of ours that the user edits in the broker's app goes on as another order of the broker's.

The old one ends `replaced` and names the new one, which gets a row of its own for the same trade and role, and is from
then on an order like any other. Both are written at once, one link a round: the new row begins with what never changes
and the next look brings it up to date, be it that it has ended or was edited again. Until the new order can be read,
the old one counts as being replaced: still open, covering nothing.

The broker counts along a chain: quantity and fills of the new order begin with what the earlier ones filled. Activities
name the order that did fill, so a row keeps its own part, and no share is counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lib.domain.actions import Insert
from lib.domain.facts import BrokerOrder, Problem
from lib.domain.money import ZERO, text
from lib.domain.records import Order
from lib.domain.states import ENDED, PENDING_NEW, PENDING_REPLACE, REPLACED, Role
from lib.planning.booking.sync import Seen, find, own_end
from lib.planning.books import TradeBook

NAMES: Mapping[str, str] = {Role.ENTRY: "entry", Role.STOP_LOSS: "stop", Role.TAKE_PROFIT: "target", Role.EXIT: "exit"}


def own_part(order: Order, found: BrokerOrder, orders: Iterable[Order]) -> BrokerOrder:
    """Take off what earlier orders of the chain filled: the row keeps what the order did itself."""
    if order.replaces is None:
        return found
    earlier = ZERO
    wanted: int | None = order.replaces
    for older in sorted(orders, key=lambda o: o.id, reverse=True):
        if older.id == wanted:
            earlier += older.filled_qty
            wanted = older.replaces
    qty = found.qty - earlier if found.qty is not None else None
    return replace(found, qty=qty, filled_qty=max(found.filled_qty - earlier, ZERO))


def unless_lost(
    order: Order, found: BrokerOrder, orders: Iterable[Order], seen: Seen
) -> tuple[BrokerOrder, Problem | None]:
    """Let an order that was replaced stay open while the one in its place is neither in a row nor readable."""
    heir = found.replaced_by
    if found.status != REPLACED or order.order_status in ENDED or heir is None or heir in seen.by_id:
        return found, None
    if any(o.alpaca_order_id == heir for o in orders):
        return found, None
    message = f"{order.client_order_id}: the broker does not know the order {heir} that it put in its place"
    return replace(found, status=PENDING_REPLACE), Problem(code="ORDER_LOST", message=message, symbol=order.symbol)


def follow(orders: Sequence[Order], seen: Seen) -> tuple[Insert, ...]:
    """Return a row for each order that took the place of one of a trade's, or a grid's, and has none yet.

    It has to name the old order itself: in older reports the target of a stop that filled ends `replaced` by the
    stop, and that is no edit.
    """
    known = {o.alpaca_order_id for o in orders}
    new: list[Insert] = []
    for order in orders:
        found = find(order, orders, seen) if order.order_status == REPLACED else None
        heir = seen.by_id.get(found.replaced_by) if found is not None and found.replaced_by is not None else None
        if found is not None and heir is not None and heir.replaces == found.id and heir.id not in known:
            new.append(Insert(table="order_execution", values=_row(order, heir, orders)))
    return tuple(new)


def _row(old: Order, heir: BrokerOrder, orders: Iterable[Order]) -> dict[str, object]:
    since = heir.submitted_at or old.created_at
    qty = own_part(replace(old, replaces=old.id), heir, orders).qty
    return {
        "account": old.account,
        "trade_id": old.trade_id,
        "strategy_id": old.strategy_id,
        "cell": old.cell,
        "attempt": old.attempt,
        "client_order_id": heir.client_order_id,
        "order_type": old.order_type,
        "kind": heir.kind,
        "side": heir.side,
        "symbol": old.symbol,
        "qty": old.qty if qty is None else qty,
        "time_in_force": heir.time_in_force,
        "order_status": PENDING_NEW,
        "parent_id": old.parent_id,
        "limit_price": heir.limit_price,
        "stop_price": heir.stop_price,
        "trail_percent": heir.trail_percent,
        "alpaca_order_id": heir.id,
        "replaces": old.id,
        "expires_at": own_end(old, heir.expires_at),
        "created_at": since,
        "submitted_at": since,
    }


def new_parent(order: Order, orders: Iterable[Order]) -> dict[str, object]:
    """Return the parent of a leg whose parent was replaced; the broker moves legs so too."""
    if order.parent_id is None:
        return {}
    heir = next((o for o in orders if o.replaces == order.parent_id), None)
    return {} if heir is None else {"parent_id": heir.id}


def edit_noted(note: str | None, book: TradeBook) -> str | None:
    """Add to a trade's note how an order of it was changed last; None keeps the note that is there."""
    asked = {o.id for o in book.orders if o.replace_requested_at is not None}
    edited = [o for o in book.orders if o.replaces is not None]
    if not edited:
        return note
    said = _in_words(edited[-1], "moved" if edited[-1].replaces in asked else "changed outside this system")
    kept = note if note is not None else book.trade.note
    if kept is None or kept.endswith(said):
        return kept or said
    return f"{kept}; {said}"


def _in_words(order: Order, how: str) -> str:
    """Say what an order was changed to, in numbers that stay: legs are resized, trailing stops move."""
    level = order.limit_price if order.limit_price is not None else order.stop_price
    if order.trail_percent is not None:
        to = f" to a trail of {text(order.trail_percent)} %"
    else:
        to = f" to {text(level)}" if level is not None else ""
    qty = f", {text(order.qty)} shares" if order.order_type == Role.ENTRY else ""
    return f"{NAMES.get(order.order_type, 'order')} {how}{to}{qty}"
