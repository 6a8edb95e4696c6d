"""What holds after every step, whatever failed on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from lib.domain.bodies import differences, thaw
from lib.domain.facts import BrokerOrder
from lib.domain.hours import in_entry_window
from lib.domain.ids import is_ours
from lib.domain.money import ZERO
from lib.domain.records import Order, Trade
from lib.domain.states import ENDED, EXIT_ROLES, Role, TradeStatus
from lib.invariants.evidence import Evidence


def one_entry_a_decision(evidence: Evidence) -> Iterator[str]:
    """I1: the broker never had two entries of one decision."""
    entries: dict[str, int] = {}
    for order in ours(evidence):
        head, mark, _ = order.client_order_id.partition("-entry-")
        if mark:
            entries[head] = entries.get(head, 0) + 1
    yield from (f"{head} has {count} entries at the broker" for head, count in entries.items() if count > 1)


def no_short(evidence: Evidence) -> Iterator[str]:
    """I3: no sale of ours opened a short, and our live sells never exceed what is held (an OCO counts once).

    What the user sells short in the app is the user's.
    """
    mine = {member.id for order in ours(evidence) for member in (order, *order.legs)}
    owned: dict[str, Decimal] = {}
    for fill in evidence.ledger.fills:
        owned[fill.symbol] = owned.get(fill.symbol, ZERO) + (fill.qty if fill.side == "buy" else -fill.qty)
        if fill.side == "sell" and fill.order_id in mine and owned[fill.symbol] < 0:
            yield f"{fill.symbol}: a sale of ours left it short {-owned[fill.symbol]}"
    selling: dict[str, Decimal] = {}
    for order in ours(evidence):
        family = [o for o in (order, *order.legs) if o.status not in ENDED]
        if order.side == "sell" and family:
            rest = max((o.qty or ZERO) - o.filled_qty for o in family)
            selling[order.symbol] = selling.get(order.symbol, ZERO) + rest
    for symbol, qty in selling.items():
        position = evidence.ledger.positions.get(symbol)
        held = position.qty if position is not None else ZERO
        if qty > max(held, ZERO):
            yield f"{symbol}: live sells of {qty} against {held} held"


def no_trade_too_big(evidence: Evidence) -> Iterator[str]:
    """I7, I8: no trade bought more than planned, but for an entry that was edited; none sold more than it bought."""
    for trade in evidence.books.trades:
        bought = filled(evidence, trade, [Role.ENTRY])
        sold = filled(evidence, trade, EXIT_ROLES)
        edited = any(o.order_type == Role.ENTRY and o.replaces is not None for o in orders_of(evidence, trade))
        if bought > trade.planned_qty and not edited:
            yield f"trade {trade.id} bought {bought} of {trade.planned_qty} planned"
        if sold > bought:
            yield f"trade {trade.id} sold {sold} of {bought} bought"


def limits_kept(evidence: Evidence) -> Iterator[str]:
    """I9: no fill is worse than its limit."""
    limits = {o.id: o for o in evidence.books.orders if o.limit_price is not None and o.kind == "limit"}
    for fill in evidence.books.fills:
        order = limits.get(fill.order_id)
        if order is None or order.limit_price is None:
            continue
        worse = fill.price > order.limit_price if order.side == "buy" else fill.price < order.limit_price
        if worse:
            yield f"{order.client_order_id}: filled at {fill.price}, limit {order.limit_price}"


def rows_agree(evidence: Evidence) -> Iterator[str]:
    """I11: POSITION has a position row with shares, CLOSED has a result and no position row."""
    held = {p.trade_id: p for p in evidence.books.positions}
    for trade in evidence.books.trades:
        position = held.get(trade.id)
        if (trade.status == TradeStatus.POSITION) != (position is not None):
            yield f"trade {trade.id} is {trade.status}, its position row is {'there' if position else 'missing'}"
        if position is not None and position.qty <= 0 and not _may_be_empty(evidence, trade):
            yield f"trade {trade.id}: position row with {position.qty} shares"
        result = (trade.exit_reason, trade.exit_time, trade.actual_pnl, trade.net_pnl, trade.exit_price)
        if trade.status == TradeStatus.CLOSED and None in result:
            yield f"trade {trade.id} is CLOSED without a whole result"


def _may_be_empty(evidence: Evidence, trade: Trade) -> bool:
    """Say whether all that a trade had may have left: in the app, or by an exit whose order or fills are ahead."""
    return (
        any(c.trade_id == trade.id and c.delta < 0 for c in evidence.books.changes)
        or any(
            o.trade_id == trade.id and o.filled_qty > 0 and o.order_type in EXIT_ROLES for o in evidence.books.orders
        )
        or filled(evidence, trade, EXIT_ROLES) > 0
    )


def intent_first(evidence: Evidence) -> Iterator[str]:
    """I14, I18: every order that we sent to the broker was stored before it, and is what was frozen."""
    rows = {o.client_order_id: o for o in evidence.books.orders}
    for order in ours(evidence):
        if not is_ours(order.client_order_id, evidence.books.namespace):
            continue
        row = rows.get(order.client_order_id)
        if row is None or row.payload is None:
            yield f"{order.client_order_id} is at the broker without a stored intent"
            continue
        if order.submitted_at is not None and row.created_at > order.submitted_at:
            yield f"{order.client_order_id} was stored at {row.created_at}, after it was sent at {order.submitted_at}"
        edited = any(o.replaces is not None for o in (order, *order.legs))
        wrong = () if edited else differences(thaw(row.payload), order)
        if wrong:
            yield f"{order.client_order_id} differs from its frozen body in {', '.join(wrong)}"


def entries_in_window(evidence: Evidence) -> Iterator[str]:
    """I22: entries reach the broker only inside the entry window of a session."""
    for order in ours(evidence):
        at = order.submitted_at
        if "-entry-" not in order.client_order_id or at is None or not evidence.calendar:
            continue
        if not any(in_entry_window(hours, at) for hours in evidence.calendar):
            yield f"{order.client_order_id} was sent at {at}, outside every entry window"


def times_in_order(evidence: Evidence) -> Iterator[str]:
    """I19: an order is created, then filled; a trade is decided, sent, acknowledged; ordered, entered, closed."""
    for order in evidence.books.orders:
        if order.filled_at is not None and order.filled_at < order.created_at:
            yield f"{order.client_order_id} was filled before it was created"
    for trade in evidence.books.trades:
        times = [t for t in (trade.created_at, trade.entry_time, trade.exit_time) if t is not None]
        if times != sorted(times):
            yield f"trade {trade.id}: created, entered and closed out of order"
        steps = (trade.decided_at, trade.entry_submitted_at, trade.entry_acknowledged_at, trade.protected_at)
        times = [t for t in steps if t is not None]
        if times != sorted(times):
            yield f"trade {trade.id}: decided, sent, acknowledged and protected out of order"


def ours(evidence: Evidence) -> Iterable[BrokerOrder]:
    """Return the broker's orders that were sent under our ids, and those that took the place of one in the app."""
    listed = {o.id: o for o in evidence.ledger.orders}
    mine = {o.id for o in listed.values() if is_ours(o.client_order_id, evidence.books.namespace)}
    heirs = mine
    while heirs:
        named = {listed[each].replaced_by for each in heirs}
        heirs = {o.id for o in listed.values() if o.id in named and o.replaces in heirs}
        mine = mine | heirs
    return [o for o in listed.values() if o.id in mine]


def filled(evidence: Evidence, trade: Trade, roles: Iterable[str]) -> Decimal:
    """Sum the booked fills of a trade's orders of the given roles."""
    ids = {o.id for o in orders_of(evidence, trade) if o.order_type in set(roles)}
    return sum((f.qty for f in evidence.books.fills if f.order_id in ids), ZERO)


def orders_of(evidence: Evidence, trade: Trade) -> list[Order]:
    """Return the order rows of a trade."""
    return [o for o in evidence.books.orders if o.trade_id == trade.id]
