"""Cover that ended without our asking: cancelled in the app, or by the broker. It is placed again, and counted."""

from __future__ import annotations

from datetime import datetime, timedelta

from lib.domain.bodies import is_coin
from lib.domain.facts import Problem
from lib.domain.limits import STOP_LOST_MAX
from lib.domain.money import ZERO
from lib.domain.records import Order
from lib.domain.states import CANCELLED, EXPIRED, REJECTED, Role
from lib.planning.books import TradeBook, exits, is_live
from lib.planning.context import Context
from lib.planning.protecting.dying import dies_at

COIN_SESSION = timedelta(days=1)
BY_ITS_DATE = timedelta(days=1)
"""The broker may end an aged GTC order some hours before the instant it names."""


def lost_cover(book: TradeBook, context: Context) -> int:
    """Count the stops of a trade that were lost since the last session opened; of coins in the last 24 hours."""
    since = _session_start(book, context)
    parents = {o.parent_id for o in exits(book)}
    cover = [o for o in exits(book) if (o.order_type == Role.STOP_LOSS and o.parent_id is None) or o.id in parents]
    return sum(_is_lost(o, book, since) for o in cover)


def is_past_limit(book: TradeBook, context: Context) -> bool:
    """Say whether a trade has lost so many stops that placing another is not the whole answer."""
    return lost_cover(book, context) >= STOP_LOST_MAX


def lost_problem(book: TradeBook, context: Context) -> tuple[Problem, ...]:
    """Tell of a trade whose stops do not stay, in each pass to the end of the session."""
    count, trade = lost_cover(book, context), book.trade
    if count < STOP_LOST_MAX:
        return ()
    done = "it is closed at market" if context.limits.stop_lost == "flatten" else "each was placed again"
    message = f"trade {trade.id} {trade.symbol}: {count} stops ended in this session without our asking; {done}"
    return (Problem(code="STOP_LOST", message=message, symbol=trade.symbol),)


def _session_start(book: TradeBook, context: Context) -> datetime:
    yesterday = context.now - COIN_SESSION
    if is_coin(book.trade.symbol):
        return yesterday
    return max((hours.open for hours in context.calendar if hours.open <= context.now), default=yesterday)


def _is_lost(order: Order, book: TradeBook, since: datetime) -> bool:
    """Say whether an order with its legs ended unfilled, neither because we asked for it nor by its date."""
    family = [o for o in book.orders if order.id in {o.id, o.parent_id}]
    if order.alpaca_order_id is None or order.ended_at is None or order.ended_at < since:
        return False
    if any(is_live(o) or o.cancel_requested_at is not None for o in family):
        return False
    if order.order_status not in {CANCELLED, EXPIRED, REJECTED} or sum((o.filled_qty for o in family), ZERO) > 0:
        return False
    is_day, ends = order.time_in_force == "day", dies_at(order)
    if is_day and order.order_status == EXPIRED:
        return False
    return ends is None or order.ended_at < (ends if is_day else ends - BY_ITS_DATE)
