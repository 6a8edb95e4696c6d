"""What holds after every step, whatever failed on the way."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from lib.domain.bodies import Body, differences, readable
from lib.domain.facts import BrokerOrder
from lib.domain.grids import GridKind
from lib.domain.ids import entry_generation, is_ours
from lib.domain.money import ZERO, NotMoney
from lib.domain.records import Order, QuantityChange, Trade
from lib.domain.states import ENDED, EXIT_ROLES, Change, Role, Side, TradeStatus
from lib.domain.wanted import read_wanted
from lib.invariants.evidence import Evidence

OF_GRID = re.compile(r"[^-]+-g(?P<id>\d{1,18})-")
"""How the name of an order of a grid begins."""


def one_entry_a_decision(evidence: Evidence) -> Iterator[str]:
    """I1: the broker never has two live entries of one decision; no entry that was not asked for was ever sent."""
    asked = {str(t.decision_id): read_wanted(t.wanted).generation for t in evidence.books.trades}
    living: dict[str, int] = {}
    for order in evidence.ours:
        head, mark, _ = order.client_order_id.partition("-entry-")
        if not mark:
            continue
        number = entry_generation(order.client_order_id)
        if number is None or number > max(asked.get(head.rpartition("-d")[2], 1), 1):
            yield f"{order.client_order_id} is at the broker, and no decision asked for it"
        living[head] = living.get(head, 0) + (order.status not in ENDED)
    yield from (f"{head} has {count} live entries at the broker" for head, count in living.items() if count > 1)


def no_exit_opens(evidence: Evidence) -> Iterator[str]:
    """I3: no exit of ours took a position through zero, and our live exits never exceed what is held.

    An OCO counts once. That both its legs filled is the broker's doing, and allowed here: what a clean pass of
    order_monitor has to make of it is `nothing_opposite`. What the user sells short in the app is the user's.
    """
    exits = [o for o in evidence.ours if not is_entry(o, evidence)]
    yield from _opened_by(exits, evidence)
    yield from (f"{symbol}: {words}" for symbol, words in exits_beyond_held(evidence))


def exits_beyond_held(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """I3, its half that needs no history, by symbol: our live exits never exceed what is held."""
    exits = [o for o in evidence.ours if not is_entry(o, evidence)]
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
            yield symbol, f"live exits {side} {qty} against {held} held"


def _opened_by(exits: Iterable[BrokerOrder], evidence: Evidence) -> Iterator[str]:
    """Count each position through its fills, and what changed it without one, and name the exits that opened it."""
    judged = {o.id for order in exits if not both_legs_filled(order) for o in (order, *order.legs)}
    steps = [
        (f.transaction_time, f.symbol, f.qty if f.side == "buy" else -f.qty, f.order_id) for f in evidence.ledger.fills
    ]
    steps += [(c.at, c.symbol, c.delta, "") for c in evidence.books.changes if c.cause != Change.FOREIGN_FILL]
    since = evidence.ledger.since
    owned: dict[str, Decimal] = {}
    if since is not None:  # what was there before is what is there now, less what moved it since
        steps = [step for step in steps if step[0] >= since]
        owned = {symbol: held.qty for symbol, held in evidence.ledger.positions.items()}
        for _, symbol, delta, _ in steps:
            owned[symbol] = owned.get(symbol, ZERO) - delta
    for _, symbol, delta, order_id in sorted(steps, key=lambda step: step[0]):
        before = owned.get(symbol, ZERO)
        after = owned[symbol] = before + delta
        if order_id in judged and (abs(after) > abs(before) or after * before < 0):
            yield f"{symbol}: an exit of ours took the position from {before} to {after}"


def no_trade_too_big(evidence: Evidence) -> Iterator[str]:
    """I7: no trade opened more than planned, but for an entry that was edited."""
    for trade in evidence.books.trades:
        opened = filled(evidence, trade, (Role.ENTRY,))
        total = read_wanted(trade.wanted).total
        planned = trade.planned_qty if total is None else total
        if opened > planned and not _entry_edited(evidence, trade):
            yield f"trade {trade.id} opened {opened} of {planned} wanted"


def no_trade_oversold(evidence: Evidence) -> Iterator[str]:
    """I8: no trade closed more than it had; that both legs of an OCO filled is the broker's doing."""
    doubled = {o.id for o in evidence.ours if both_legs_filled(o)}
    for trade in evidence.books.trades:
        had = filled(evidence, trade, (Role.ENTRY,))
        had += sum((in_its_direction(trade, c.delta) for c in _gains(evidence, trade)), ZERO)
        closed = closed_qty(evidence, trade)
        if closed > had and not any(o.alpaca_order_id in doubled for o in orders_of(evidence, trade)):
            yield f"trade {trade.id} closed {closed} of {had} that it had"


def _entry_edited(evidence: Evidence, trade: Trade) -> bool:
    return any(o.order_type == Role.ENTRY and o.replaces is not None for o in orders_of(evidence, trade))


def _gains(evidence: Evidence, trade: Trade) -> list[QuantityChange]:
    """Return what made a trade larger without a fill of its own: a split."""
    mine = evidence.changes_by_trade.get(trade.id, ())
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
        any(in_its_direction(trade, c.delta) < 0 for c in evidence.changes_by_trade.get(trade.id, ()))
        or any(o.filled_qty > 0 and o.order_type in EXIT_ROLES for o in orders_of(evidence, trade))
        or filled(evidence, trade, EXIT_ROLES) > 0
    )


def intent_first(evidence: Evidence) -> Iterator[str]:
    """I14: every order that we sent to the broker was stored before it."""
    for order, row in _sent_by_us(evidence):
        if row is None or row.payload is None:
            yield f"{order.client_order_id} is at the broker without a stored intent"
        elif order.submitted_at is not None and row.created_at > order.submitted_at + evidence.clocks_apart:
            yield f"{order.client_order_id} was stored at {row.created_at}, after it was sent at {order.submitted_at}"


def as_frozen(evidence: Evidence) -> Iterator[str]:
    """I18: every order at the broker is what was frozen with its intent, unless it was edited in the app."""
    for order, row in _sent_by_us(evidence):
        if row is None or row.payload is None or any(o.replaces is not None for o in (order, *order.legs)):
            continue
        body = readable(row.payload)
        wrong = ("all: it cannot be read",) if body is None else _differences(body, order)
        if wrong:
            yield f"{order.client_order_id} differs from its frozen body in {', '.join(wrong)}"


def _differences(body: Body, order: BrokerOrder) -> tuple[str, ...]:
    try:
        return differences(body, order)
    except (KeyError, NotMoney):
        return ("all: a part of it is missing",)


def _sent_by_us(evidence: Evidence) -> Iterator[tuple[BrokerOrder, Order | None]]:
    rows = {o.client_order_id: o for o in evidence.books.orders}
    for order in evidence.ours:
        if is_ours(order.client_order_id, evidence.books.namespace):
            yield order, rows.get(order.client_order_id)


def entries_in_window(evidence: Evidence) -> Iterator[str]:
    """I22: entries reach the broker only inside the entry window of a session."""
    apart = evidence.clocks_apart
    for order in evidence.ours:
        at = order.submitted_at
        if "-entry-" not in order.client_order_id or at is None or not evidence.calendar:
            continue
        if not any(h.entry_open - apart <= at <= h.entry_close + apart for h in evidence.calendar):
            yield f"{order.client_order_id} was sent at {at}, outside every entry window"


def times_in_order(evidence: Evidence) -> Iterator[str]:
    """I19: an order is created, then filled; a trade is decided, sent, acknowledged; ordered, entered, closed."""
    apart = evidence.clocks_apart
    for order in evidence.books.orders:
        if order.filled_at is not None and order.filled_at < order.created_at - apart:
            yield f"{order.client_order_id} was filled before it was created"
    for trade in evidence.books.trades:
        if not _in_order((trade.created_at, trade.entry_time, trade.exit_time), apart):
            yield f"trade {trade.id}: created, entered and closed out of order"
        steps = (trade.decided_at, trade.entry_submitted_at, trade.entry_acknowledged_at, trade.protected_at)
        if not _in_order(steps, apart):
            yield f"trade {trade.id}: decided, sent, acknowledged and protected out of order"


def _in_order(times: Iterable[datetime | None], apart: timedelta) -> bool:
    known = [t for t in times if t is not None]
    return all(earlier <= later + apart for earlier, later in itertools.pairwise(known))


def filled(evidence: Evidence, trade: Trade, roles: Collection[str]) -> Decimal:
    """Sum the booked fills of a trade's orders of the given roles."""
    mine = (o for o in orders_of(evidence, trade) if o.order_type in roles)
    return sum((f.qty for o in mine for f in evidence.fills_by_order.get(o.id, ())), ZERO)


def closed_qty(evidence: Evidence, trade: Trade) -> Decimal:
    """Sum what the booked fills of a trade's exits closed, less what was taken back because it was too much."""
    closes = "buy" if trade.side == Side.SHORT else "sell"
    exits = (o for o in orders_of(evidence, trade) if o.order_type in EXIT_ROLES)
    fills = (f for o in exits for f in evidence.fills_by_order.get(o.id, ()))
    return sum((f.qty if f.side == closes else -f.qty for f in fills), ZERO)


def in_its_direction(trade: Trade, qty: Decimal) -> Decimal:
    """Return a quantity of the broker's counting as the trade has it: a short of ten has ten."""
    return -qty if trade.side == Side.SHORT else qty


def is_entry(order: BrokerOrder, evidence: Evidence) -> bool:
    """Say whether an order of ours opens: by its row, else by the order that it replaced, else by its name."""
    row = evidence.row_at_broker.get(order.id)
    if row is not None:
        return opens(row, evidence)
    grid = OF_GRID.match(order.client_order_id)
    if grid is not None:
        return order.side == _opening_side(int(grid["id"]), evidence)
    older = evidence.listed.get(order.replaces or "")
    return "-entry-" in order.client_order_id if older is None else is_entry(older, evidence)


def opens(row: Order, evidence: Evidence) -> bool:
    """Say whether an order's row is one that adds to a position, of a trade or of a grid."""
    if row.strategy_id is not None:
        return row.side == _opening_side(row.strategy_id, evidence)
    return row.order_type == Role.ENTRY


def _opening_side(strategy_id: int, evidence: Evidence) -> str:
    """Return the side that opens lots of a grid: of a reverse one it is selling."""
    kinds = {g.id: (g.kind or "").strip().upper() for g in evidence.books.grids}
    return "sell" if kinds.get(strategy_id) == GridKind.REVERSE else "buy"


def both_legs_filled(order: BrokerOrder) -> bool:
    """Say whether target and stop of an OCO filled more than its shares between them."""
    told = [(o.qty or ZERO) for o in (order, *order.legs)]
    return bool(order.legs) and sum((o.filled_qty for o in (order, *order.legs)), ZERO) > max(told)


def orders_of(evidence: Evidence, trade: Trade) -> Sequence[Order]:
    """Return the order rows of a trade."""
    return evidence.orders_by_trade.get(trade.id, ())
