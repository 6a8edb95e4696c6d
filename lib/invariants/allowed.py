"""What holds of every entry that was sent: it was allowed, by control, limits, quote and the day's loss.

Limits may be changed by a person at any time, so only entries sent since they are known to be these are held against
them. Prices move between a check and this look: amounts get a tenth of room, counts get none.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from lib.domain.hours import Hours
from lib.domain.money import ZERO
from lib.domain.records import Control, Order, Position, Trade
from lib.domain.states import ENDED, EXIT_ROLES, ControlState, Role, TradeStatus
from lib.invariants.always import filled, opens
from lib.invariants.evidence import Evidence
from lib.planning.deciding.daily_loss import CODE as DAILY_LOSS
from lib.planning.deciding.exposure import LOSS_ACCEPTED, MARK_LASTS
from lib.planning.protecting.halts import in_words

CROSSING = timedelta(seconds=10)
"""A person's halt and an order on its way may cross."""

ROOM = Decimal("1.1")


def quote_was_good(evidence: Evidence) -> Iterator[str]:
    """I13: no entry was sent into a quote that was missing, zero, crossed or too old."""
    oldest = evidence.limits.quote_age_max + timedelta(minutes=1)  # the pass has a minute from look to order
    for trade in evidence.books.trades:
        bid, ask, at = trade.arrival_bid, trade.arrival_ask, trade.arrival_quote_time
        if bid is None and ask is None and at is None:
            continue  # adopted: nobody saw the quote it was sent into
        if not bid or not ask or at is None or not ZERO < bid <= ask:
            yield f"trade {trade.id}: its entry was sent into a quote of {bid} to {ask}"
        elif trade in _new_trades(evidence) and trade.created_at - at > oldest:
            yield f"trade {trade.id}: its entry was sent at {trade.created_at} into a quote of {at}"


def halts_kept(evidence: Evidence) -> Iterator[str]:
    """I20: nothing that adds exposure was sent under REDUCING, HALTED or FROZEN."""
    for control in evidence.books.controls:
        yield from (f"{o.client_order_id} was sent while {in_words(control)}" for o in _sent_under(control, evidence))


def loss_kept(evidence: Evidence) -> Iterator[str]:
    """I30: no entry was sent once the day had lost too much."""
    for control in evidence.books.controls:
        if (control.reason or "").startswith(DAILY_LOSS):
            yield from (f"{o.client_order_id} was sent after {control.reason}" for o in _sent_under(control, evidence))
    yield from _sent_into_loss(evidence)


def _sent_under(control: Control, evidence: Evidence) -> Iterator[Order]:
    """Return the entries that were sent after a control that is still in force; what the user edits is the user's."""
    if control.state == ControlState.ACTIVE or control.since is None:
        return
    symbol = control.scope.rpartition(":")[2] if control.scope.startswith("symbol:") else None
    for order in evidence.books.orders:
        if (
            opens(order, evidence)
            and order.replaces is None
            and symbol in {None, order.symbol}
            and order.submitted_at is not None
            and order.submitted_at > control.since + CROSSING
        ):
            yield order


def _sent_into_loss(evidence: Evidence) -> Iterator[str]:
    """Count again what the day came to for the entries that were sent on it, while the rows are as they were then."""
    new, before = _new_trades(evidence), evidence.ledger.last_equity or evidence.ledger.equity
    hours = _session_of(evidence, new)
    if hours is None or before is None or _accepted(evidence, hours) or _sold_in_part(evidence):
        return
    looked = [r.finished_at for r in evidence.books.runs if r.stage != "order_executor"]
    first = min(t.created_at for t in new)
    if any(at > first for at in looked):
        return  # a monitor has booked and valued since
    ended = (t.actual_pnl for t in evidence.books.trades if t.exit_time is not None and t.exit_time >= hours.open)
    marks = (p.unrealized_pnl for p in evidence.books.positions if _is_fresh(p, first, evidence))
    result = sum((value for value in (*ended, *marks) if value is not None), ZERO)
    limit = evidence.limits.daily_loss_max * before
    if result <= -limit * ROOM:
        yield f"trade {new[0].id}: its entry was sent with {result} lost in the session, the limit is {limit}"


def _is_fresh(position: Position, at: datetime, evidence: Evidence) -> bool:
    quoted = position.quote_time
    return not position.stale and quoted is not None and at - quoted <= max(evidence.limits.quote_age_max, MARK_LASTS)


def _accepted(evidence: Evidence, hours: Hours) -> bool:
    """Say whether a person took the day's loss upon himself."""
    return any(
        LOSS_ACCEPTED in (c.reason or "").lower() and c.since is not None and c.since >= hours.open
        for c in evidence.books.controls
    )


def _sold_in_part(evidence: Evidence) -> bool:
    return any(t.status == TradeStatus.POSITION and filled(evidence, t, EXIT_ROLES) > 0 for t in evidence.books.trades)


def counts_kept(evidence: Evidence) -> Iterator[str]:
    """I24: no more entries in a session, or of one symbol in it, than the limits allow."""
    new, limits = _new_trades(evidence), evidence.limits
    hours = _session_of(evidence, new)
    if hours is None:
        return
    today = [t for t in evidence.books.trades if hours.open <= t.created_at < hours.close]
    if len(today) > limits.orders_per_day_max:
        yield f"{len(today)} entries in this session, the limit is {limits.orders_per_day_max}"
    for symbol in sorted({t.symbol for t in new}):
        count = sum(t.symbol == symbol for t in today)
        if count > limits.orders_per_symbol_max:
            yield f"{count} entries in {symbol} in this session, the limit is {limits.orders_per_symbol_max}"


def _session_of(evidence: Evidence, new: list[Trade]) -> Hours | None:
    """Return the session in which the newest entries were sent."""
    if not new:
        return None
    newest = max(t.created_at for t in new)
    return next((hours for hours in evidence.calendar if hours.open <= newest < hours.close), None)


def limits_kept(evidence: Evidence) -> Iterator[str]:
    """I29: entries cost no more than an entry may, trades are no more than may be open, and what is at stake is within
    its limits, orders of unknown outcome counted as filled.
    """
    limits, new = evidence.limits, _new_trades(evidence)
    ids = {t.id for t in new}
    for order in evidence.books.orders:
        if order.trade_id not in ids or order.order_type != Role.ENTRY or order.replaces is not None:
            continue
        cost = order.qty * (order.limit_price or ZERO)
        if cost > limits.order_notional_max:
            yield f"{order.client_order_id} costs {cost}, the limit is {limits.order_notional_max}"
    is_open = [t for t in evidence.books.trades if t.status in {TradeStatus.ORDERED, TradeStatus.POSITION}]
    if new and len(is_open) > limits.open_trades_max:
        yield f"{len(is_open)} trades are open, the limit is {limits.open_trades_max}"
    if new and evidence.ledger.equity is not None:
        yield from _at_stake(evidence, new, evidence.ledger.equity)


def _at_stake(evidence: Evidence, new: list[Trade], equity: Decimal) -> Iterator[str]:
    stakes: dict[str, Decimal] = {}
    for order in evidence.books.orders:
        if order.order_type == Role.ENTRY and order.order_status not in ENDED:
            rest = (order.qty - order.filled_qty) * (order.limit_price or ZERO)
            stakes[order.symbol] = stakes.get(order.symbol, ZERO) + rest
    for held in evidence.books.positions:
        price = min(held.avg_entry_price, held.current_price or held.avg_entry_price)
        stakes[held.symbol] = stakes.get(held.symbol, ZERO) + abs(held.qty) * price
    limits = evidence.limits
    for symbol in sorted({t.symbol for t in new}):
        if stakes.get(symbol, ZERO) > limits.position_share_max * equity * ROOM:
            most = limits.position_share_max * equity
            yield f"{stakes[symbol]} are at stake in {symbol}, the limit is {most}"
    total = sum(stakes.values(), ZERO)
    if total > limits.gross_exposure_max * equity * ROOM:
        yield f"{total} are at stake in all, the limit is {limits.gross_exposure_max * equity}"


def _new_trades(evidence: Evidence) -> list[Trade]:
    """Return the trades whose first entry was sent under limits that are known."""
    since = evidence.sent_since
    return [] if since is None else [t for t in evidence.books.trades if t.created_at >= since]
