"""What holds after a clean order_monitor pass, and once everything has come to rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from lib.domain.bodies import is_coin
from lib.domain.facts import BrokerOrder
from lib.domain.grids import GridStatus
from lib.domain.hours import current
from lib.domain.money import ZERO, storable
from lib.domain.records import Order
from lib.domain.states import ENDED, FILLED, HELD, NOT_COVERING, PENDING, REPLACED, UNSENT, Change, TradeStatus
from lib.domain.wanted import read_wanted
from lib.invariants.always import in_its_direction, is_entry, orders_of
from lib.invariants.evidence import Evidence
from lib.planning.grid.reading import status_of, symbol_of

MONITOR = "order_monitor"
FEE_RATE_MAX, FEE_MAX = Decimal("0.0001"), Decimal("0.03")
"""What a fill of the account's owner may cost in regulatory fees, in no book of ours: a part, and cents."""

COIN_FEE_MAX = Decimal("0.005")
"""What a coin may lack of what was bought; twice the dearest tier."""


def every_share_covered(evidence: Evidence) -> Iterator[str]:
    """I2: after a clean pass live stops at the broker equal what the managed trades own there, or owe.

    `held` OCO legs, trailing stops and market exits count; what is being cancelled does not. Of a coin the position
    lacks the fee until that is booked, and what is not there needs no stop. In the night before a split
    nothing may rest.
    """
    for symbol, protectable, covering in cover_apart(evidence):
        yield f"{symbol}: {protectable} shares to protect, {covering} under a live stop"


def cover_apart(evidence: Evidence) -> Iterator[tuple[str, Decimal, Decimal]]:
    """I2 by symbol: the shares to protect, those under a live stop, where they differ; shorts are below zero."""
    owned: dict[str, Decimal] = {}
    night = current(evidence.calendar, evidence.now) is None
    waiting = {t.id for t in evidence.books.trades if night and read_wanted(t.wanted).split_due is not None}
    for position in evidence.books.positions:
        if position.trade_id in waiting:
            continue
        owned[position.symbol] = owned.get(position.symbol, ZERO) + position.qty
    covering: dict[str, Decimal] = {}
    for order in evidence.ours:
        if is_entry(order, evidence) or _is_of_grid(order, evidence):
            continue
        ending = {HELD} if order.status in NOT_COVERING else set()  # what it holds goes with it
        for member in (order, *order.legs):
            if member.status not in ENDED | NOT_COVERING | ending and member.kind in COVERING:
                rest = ((member.qty or ZERO) - member.filled_qty) * (1 if member.side == "sell" else -1)
                covering[member.symbol] = covering.get(member.symbol, ZERO) + rest
    for symbol in {*owned, *covering}:
        at_broker = evidence.ledger.positions.get(symbol)
        held = at_broker.qty if at_broker is not None else ZERO
        mine = owned.get(symbol, ZERO)
        protectable = min(mine, held, key=abs) if mine * held > 0 else ZERO
        if covering.get(symbol, ZERO) != protectable:
            yield symbol, protectable, covering.get(symbol, ZERO)


def _is_of_grid(order: BrokerOrder, evidence: Evidence) -> bool:
    row = evidence.row_at_broker.get(order.id)
    return row is not None and row.strategy_id is not None


COVERING = frozenset({"stop", "stop_limit", "trailing_stop", "market"})


def nothing_opposite(evidence: Evidence) -> Iterator[str]:
    """I3: after a clean pass no trade is left with a position against its direction, not even by the broker's doing."""
    trades = {t.id: t for t in evidence.books.trades}
    for position in evidence.books.positions:
        trade = trades.get(position.trade_id)
        if trade is not None and in_its_direction(trade, position.qty) < 0:
            yield f"trade {trade.id}, {trade.side}: {position.qty} shares of {position.symbol} are left"


def results_are_the_brokers(evidence: Evidence) -> Iterator[str]:
    """I4: the result of a closed trade is the sum of the broker's own fills, to the last digit."""
    flows: dict[int | None, Decimal] = {}
    for activity in evidence.ledger.fills:
        order = evidence.row_at_broker.get(activity.order_id)
        if order is not None:
            flow = activity.qty * activity.price * (1 if activity.side == "sell" else -1)
            flows[order.trade_id] = flows.get(order.trade_id, ZERO) + flow
    prices = {f.id: f.price for f in evidence.ledger.fills}
    since = evidence.ledger.since
    for trade in evidence.books.trades:
        if trade.status != TradeStatus.CLOSED or (since is not None and trade.created_at < since):
            continue
        elsewhere = evidence.changes_by_trade.get(trade.id, ())
        if any(c.activity_id is None for c in elsewhere):
            continue  # closed at the last known price: the broker has no fill to compare with
        cash = flows.get(trade.id, ZERO)
        cash -= sum((c.delta * prices.get(c.activity_id or "", c.price or ZERO) for c in elsewhere), ZERO)
        if trade.actual_pnl != storable(cash):
            yield f"trade {trade.id}: the journal says {trade.actual_pnl}, the broker's fills {cash}"


def quantities_agree(evidence: Evidence) -> Iterator[str]:
    """I5: open trades, grids and the external bucket are what the broker holds."""
    yield from (f"{symbol}: {words}" for symbol, words in quantities_apart(evidence))


def quantities_apart(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """I5 by symbol.

    The user's coins are in no book, and the fee that a coin lacks is booked at the end of the day.
    """
    expected: dict[str, Decimal] = {}
    for position in evidence.books.positions:
        expected[position.symbol] = expected.get(position.symbol, ZERO) + position.qty
    for change in evidence.changes_by_trade.get(None, ()):
        expected[change.symbol] = expected.get(change.symbol, ZERO) + change.delta
    working = {g.id for g in evidence.books.grids if status_of(g) is not GridStatus.STOPPED}
    traded = {o.id for o in evidence.books.orders if o.strategy_id in working}
    for fill in evidence.books.fills:
        if fill.order_id in traded:
            signed = fill.qty if fill.side == "buy" else -fill.qty
            expected[fill.symbol] = expected.get(fill.symbol, ZERO) + signed
    for symbol in {*expected, *evidence.ledger.positions}:
        held = evidence.ledger.positions.get(symbol)
        actual = held.qty if held is not None else ZERO
        if is_coin(symbol):
            bought = sum((f.qty for f in evidence.books.fills if f.symbol == symbol and f.side == "buy"), ZERO)
            if expected.get(symbol, ZERO) - actual > bought * COIN_FEE_MAX:
                yield symbol, f"the books say {expected.get(symbol, ZERO)}, the broker holds {actual}"
        elif expected.get(symbol, ZERO) != actual:
            yield symbol, f"the books say {expected.get(symbol, ZERO)}, the broker holds {actual}"


def orders_agree(evidence: Evidence) -> Iterator[str]:
    """I6: one row for each order of ours at the broker, one order for each row but those never sent."""
    at_broker = {o.id: o for parent in evidence.ledger.orders for o in (parent, *parent.legs)}
    rows, since = evidence.row_at_broker, evidence.ledger.since
    yield from (f"{o.client_order_id} is at the broker and in no row" for o in evidence.ours if o.id not in rows)
    for row in evidence.books.orders:
        if row.order_status == PENDING:
            yield f"{row.client_order_id} is still of unknown outcome"
        elif row.alpaca_order_id is None and row.order_status not in {UNSENT, "rejected"}:
            yield f"{row.client_order_id} is {row.order_status} without an order at the broker"
        elif row.alpaca_order_id is not None:
            shown = at_broker.get(row.alpaca_order_id)
            if shown is None and (row.order_status == REPLACED or _not_asked_for(row, since)):
                continue  # a leg that was edited is under no parent any more
            if shown is not None:
                shown = replace(shown, filled_qty=shown.filled_qty - _filled_before(row, evidence))
            if shown is None or shown.status != row.order_status or shown.filled_qty != row.filled_qty:
                seen = "nothing" if shown is None else f"{shown.status} {shown.filled_qty}"
                yield f"{row.client_order_id} is {row.order_status} {row.filled_qty}, the broker shows {seen}"


def _not_asked_for(row: Order, since: datetime | None) -> bool:
    return since is not None and row.order_status in ENDED and (row.submitted_at or row.created_at) < since


def _filled_before(row: Order, evidence: Evidence) -> Decimal:
    """Sum what the earlier orders of a chain filled: the broker counts it in the later ones too."""
    if row.replaces is None:
        return ZERO
    earlier = [o for o in evidence.orders_by_trade.get(row.trade_id, ()) if o.id == row.replaces]
    return sum((o.filled_qty + _filled_before(o, evidence) for o in earlier), ZERO)


def ends_are_known(evidence: Evidence) -> Iterator[str]:
    """L2: what ended at the broker before two clean passes of order_monitor has ended in its row."""
    clean = sorted(r.started_at for r in evidence.books.runs if r.stage == MONITOR and r.outcome == "done")[-2:]
    if len(clean) < 2:
        return
    at_broker = {o.id: o for parent in evidence.ledger.orders for o in (parent, *parent.legs)}
    for row in evidence.books.orders:
        shown = at_broker.get(row.alpaca_order_id or "")
        if shown is None or row.order_status in ENDED or shown.status not in ENDED:
            continue
        at = shown.filled_at if shown.status == FILLED else shown.ended_at
        if at is not None and at + evidence.clocks_apart < clean[0]:
            yield f"{row.client_order_id} is {row.order_status}, at the broker it was {shown.status} at {at}"


def nothing_left_over(evidence: Evidence) -> Iterator[str]:
    """L2: a trade that has ended has no live order, at the broker or in the rows."""
    for trade in evidence.books.trades:
        if trade.status in {TradeStatus.CLOSED, TradeStatus.CANCELLED}:
            for order in orders_of(evidence, trade):
                if order.order_status not in ENDED:
                    yield f"trade {trade.id} is {trade.status}, {order.client_order_id} is {order.order_status}"


def fills_are_booked(evidence: Evidence) -> Iterator[str]:
    """I5: each fill in a symbol of ours, since its first trade or grid, is booked as our order's, or as elsewhere's."""
    booked = {f.activity_id for f in evidence.books.fills} | {c.activity_id for c in evidence.books.changes}
    begins: dict[str, datetime] = {}
    for trade in sorted(evidence.books.trades, key=lambda t: t.created_at, reverse=True):
        begins[trade.symbol] = trade.created_at
    for grid in evidence.books.grids:
        if grid.started_at is not None and status_of(grid) is not GridStatus.STOPPED:
            begins[symbol_of(grid)] = min(grid.started_at, begins.get(symbol_of(grid), grid.started_at))
    for change in evidence.books.changes:
        if change.cause == Change.OPENING and change.symbol in begins:  # what was traded before is in what was held
            begins[change.symbol] = max(begins[change.symbol], change.at)
    for fill in evidence.ledger.fills:
        since = begins.get(fill.symbol)
        if since is not None and fill.transaction_time > since + evidence.clocks_apart and fill.id not in booked:
            yield f"{fill.symbol}: the fill {fill.id}, {fill.side} {fill.qty} at {fill.price}, is in no row"


def nothing_stays_empty(evidence: Evidence) -> Iterator[str]:
    """L2: a trade without shares has ended, unless an order of it still lives or another entry is to go out."""
    trades = {t.id: t for t in evidence.books.trades}
    for position in evidence.books.positions:
        trade = trades.get(position.trade_id)
        if trade is None or position.qty != 0 or any(o.order_status not in ENDED for o in orders_of(evidence, trade)):
            continue
        send_by = read_wanted(trade.wanted).send_by
        if send_by is None or send_by < evidence.now:
            yield f"trade {trade.id} has no shares left and is still {trade.status}"


def cash_adds_up(evidence: Evidence) -> Iterator[str]:
    """I4 for the account: cash at the start, the broker's fills and the fees booked add up to the cash there is."""
    start, now = evidence.ledger.cash_start, evidence.ledger.cash
    if start is None or now is None:
        return
    if any(is_coin(f.symbol) for f in evidence.ledger.fills):
        return  # the fees of coins are no fills
    flow = sum((f.qty * f.price * (1 if f.side == "sell" else -1) for f in evidence.ledger.fills), ZERO)
    fees = sum((f.fee for f in evidence.books.fills if f.fee is not None), ZERO)
    booked = {f.activity_id for f in evidence.books.fills}
    foreign = [f for f in evidence.ledger.fills if f.id not in booked]
    theirs = sum((f.qty * f.price * FEE_RATE_MAX + FEE_MAX for f in foreign), ZERO)
    if not start + flow - fees - theirs <= now <= start + flow - fees:
        yield f"cash is {now}; {start}, fills of {flow} and fees of {fees} make {start + flow - fees}"
