"""What holds after every step, whatever failed on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from lib.domain.bodies import differences, thaw
from lib.domain.facts import BrokerOrder
from lib.domain.hours import in_entry_window
from lib.domain.ids import is_ours
from lib.domain.money import ZERO
from lib.domain.records import Order, QuantityChange, Trade
from lib.domain.states import ENDED, EXIT_ROLES, Change, Role, Side, TradeStatus
from lib.domain.wanted import read_wanted
from lib.invariants.evidence import Evidence


def one_entry_a_decision(evidence: Evidence) -> Iterator[str]:
    """I1: the broker never has two live entries of one decision; no entry that was not asked for was ever sent."""
    asked = {t.decision_id: read_wanted(t.wanted).generation for t in evidence.books.trades}
    living: dict[str, int] = {}
    for order in ours(evidence):
        head, mark, number = order.client_order_id.partition("-entry-")
        if not mark:
            continue
        decision = int(head.rpartition("-d")[2])
        if int(number) > max(asked.get(decision, 1), 1):
            yield f"{order.client_order_id} is at the broker, and no decision asked for it"
        living[head] = living.get(head, 0) + (order.status not in ENDED)
    yield from (f"{head} has {count} live entries at the broker" for head, count in living.items() if count > 1)


def no_exit_opens(evidence: Evidence) -> Iterator[str]:
    """I3: no exit of ours took a position through zero, and our live exits never exceed what is held.

    An OCO counts once. That both its legs filled is the broker's doing, and allowed here: what a clean pass of
    order_monitor has to make of it is `nothing_opposite`. What the user sells short in the app is the user's.
    """
    exits = [o for o in ours(evidence) if not is_entry(o, evidence)]
    yield from _opened_by(exits, evidence)
    closing: dict[tuple[str, str], Decimal] = {}
    for order in exits:
        family = (order, *order.legs)
        if any(o.status not in ENDED for o in family):  # what one fills the other no longer may
            rest = max((o.qty or ZERO) for o in family) - sum((o.filled_qty for o in family), ZERO)
            closing[order.symbol, order.side] = closing.get((order.symbol, order.side), ZERO) + rest
    for (symbol, side), qty in closing.items():
        position = evidence.ledger.positions.get(symbol)
        held = position.qty if position is not None else ZERO
        if qty > max(held if side == "sell" else -held, ZERO):
            yield f"{symbol}: live exits {side} {qty} against {held} held"


def _opened_by(exits: Iterable[BrokerOrder], evidence: Evidence) -> Iterator[str]:
    """Count each position through its fills, and what changed it without one, and name the exits that opened it."""
    judged = {o.id for order in exits if not both_legs_filled(order) for o in (order, *order.legs)}
    steps = [
        (f.transaction_time, f.symbol, f.qty if f.side == "buy" else -f.qty, f.order_id) for f in evidence.ledger.fills
    ]
    steps += [(c.at, c.symbol, c.delta, "") for c in evidence.books.changes if c.cause != Change.FOREIGN_FILL]
    owned: dict[str, Decimal] = {}
    for _, symbol, delta, order_id in sorted(steps, key=lambda step: step[0]):
        before = owned.get(symbol, ZERO)
        after = owned[symbol] = before + delta
        if order_id in judged and (abs(after) > abs(before) or after * before < 0):
            yield f"{symbol}: an exit of ours took the position from {before} to {after}"


def no_trade_too_big(evidence: Evidence) -> Iterator[str]:
    """I7, I8: no trade opened more than planned, but for an entry that was edited; none closed more than it had."""
    doubled = {o.id for o in ours(evidence) if both_legs_filled(o)}
    for trade in evidence.books.trades:
        opened, closed = filled(evidence, trade, [Role.ENTRY]), closed_qty(evidence, trade)
        edited = any(o.order_type == Role.ENTRY and o.replaces is not None for o in orders_of(evidence, trade))
        total = read_wanted(trade.wanted).total
        planned = trade.planned_qty if total is None else total
        if opened > planned and not edited:
            yield f"trade {trade.id} opened {opened} of {planned} wanted"
        had = opened + sum((in_its_direction(trade, c.delta) for c in _gains(evidence, trade)), ZERO)
        if closed > had and not any(o.alpaca_order_id in doubled for o in orders_of(evidence, trade)):
            yield f"trade {trade.id} closed {closed} of {had} that it had"


def _gains(evidence: Evidence, trade: Trade) -> list[QuantityChange]:
    """Return what made a trade larger without a fill of its own: a split."""
    mine = [c for c in evidence.books.changes if c.trade_id == trade.id]
    return [c for c in mine if in_its_direction(trade, c.delta) > 0]


def limits_kept(evidence: Evidence) -> Iterator[str]:
    """I9: no fill is worse than its limit."""
    kinds = {"limit", "stop_limit"}
    limits = {o.id: o for o in evidence.books.orders if o.limit_price is not None and o.kind in kinds}
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
        if position is not None and in_its_direction(trade, position.qty) <= 0 and not _may_be_empty(evidence, trade):
            yield f"trade {trade.id}, {trade.side}: position row with {position.qty} shares"
        result = (trade.exit_reason, trade.exit_time, trade.actual_pnl, trade.net_pnl, trade.exit_price)
        if trade.status == TradeStatus.CLOSED and None in result:
            yield f"trade {trade.id} is CLOSED without a whole result"


def _may_be_empty(evidence: Evidence, trade: Trade) -> bool:
    """Say whether all that a trade had may have left: in the app, or by an exit whose order or fills are ahead."""
    return (
        any(c.trade_id == trade.id and in_its_direction(trade, c.delta) < 0 for c in evidence.books.changes)
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
    """Return the broker's orders that were sent under our ids, and those that took the place of one in the app.

    Before a restore the namespace was another one: what a row knows is ours under any name.
    """
    listed = {o.id: o for o in evidence.ledger.orders}
    known = {o.alpaca_order_id for o in evidence.books.orders}
    mine = {o.id for o in listed.values() if is_ours(o.client_order_id, evidence.books.namespace) or o.id in known}
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


def closed_qty(evidence: Evidence, trade: Trade) -> Decimal:
    """Sum what the booked fills of a trade's exits closed, less what was taken back because it was too much."""
    ids = {o.id for o in orders_of(evidence, trade) if o.order_type in EXIT_ROLES}
    closes = "buy" if trade.side == Side.SHORT else "sell"
    return sum((f.qty if f.side == closes else -f.qty for f in evidence.books.fills if f.order_id in ids), ZERO)


def in_its_direction(trade: Trade, qty: Decimal) -> Decimal:
    """Return a quantity of the broker's counting as the trade has it: a short of ten has ten."""
    return -qty if trade.side == Side.SHORT else qty


def is_entry(order: BrokerOrder, evidence: Evidence) -> bool:
    """Say whether an order of ours opens: by its row, else by the order that it replaced, else by its name."""
    row = next((o for o in evidence.books.orders if o.alpaca_order_id == order.id), None)
    if row is not None:
        return row.order_type == Role.ENTRY
    older = next((o for o in evidence.ledger.orders if o.id == order.replaces), None)
    return "-entry-" in order.client_order_id if older is None else is_entry(older, evidence)


def both_legs_filled(order: BrokerOrder) -> bool:
    """Say whether target and stop of an OCO filled more than its shares between them."""
    told = [(o.qty or ZERO) for o in (order, *order.legs)]
    return bool(order.legs) and sum((o.filled_qty for o in (order, *order.legs)), ZERO) > max(told)


def orders_of(evidence: Evidence, trade: Trade) -> list[Order]:
    """Return the order rows of a trade."""
    return [o for o in evidence.books.orders if o.trade_id == trade.id]
