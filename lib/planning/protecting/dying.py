"""Cover that dies by its date: GTC orders after ninety days, trailing stops with the level they had reached.

A DAY order that has ended needs no rule of its own: its shares are uncovered and get the same order again, at the
evening look for the next session. Source of the ninety days: Alpaca, "Placing Orders", aged order policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from lib.domain.facts import Quote
from lib.domain.money import ONE, tick_down, tick_up
from lib.domain.records import Order
from lib.domain.states import Role
from lib.planning.books import TradeBook, entries, exits, live
from lib.planning.context import Context
from lib.planning.protecting.steps import tops, trades_now
from lib.planning.protecting.watching import closing_price, is_fraction
from lib.planning.terms import is_better, is_long, rests_at_target, stop_of, wanted

LIFE = timedelta(days=90)
RENEWED_BEFORE = timedelta(days=5)
NEW = timedelta(days=1)
"""Younger cover is never renewed: should a broker give dates of its own, there is no renewing without end."""

HUNDRED = Decimal(100)
CAUGHT_UP = Decimal("0.001")
"""How far, as a share of the price, the trail must have got beyond a plain stop before it takes its place."""


def dies_at(order: Order) -> datetime | None:
    """Return when the broker ends an order by itself; a DAY order's time is the broker's to say."""
    if order.expires_at is not None or order.time_in_force != "gtc":
        return order.expires_at
    return order.created_at + LIFE


def old_cover(book: TradeBook, context: Context) -> tuple[Order, str] | None:
    """Find cover that is to be renewed, in session, before the broker ends it."""
    if not trades_now(book.trade.symbol, context):
        return None
    for order in tops(book):
        ends = dies_at(order)
        if order.time_in_force != "gtc" or ends is None or context.now - order.created_at < NEW:
            continue
        if context.now >= ends - RENEWED_BEFORE:
            return order, f"the broker ends it on {ends:%Y-%m-%d}: renew it"
    return None


def trails(book: TradeBook) -> bool:
    """Say whether whole shares of the trade are covered by a stop that follows the price."""
    return book.trade.trail_percent is not None and not rests_at_target(book.trade)


def reached_level(book: TradeBook) -> Decimal | None:
    """Return the best level that a trailing stop of the trade has had; None if it has had none."""
    split_on = wanted(book.trade).split_on  # what was reached before it is in the trade's stop, at the new price
    levels = [
        o.stop_price
        for o in exits(book)
        if o.kind == "trailing_stop"
        and o.stop_price is not None
        and (split_on is None or o.created_at.date().isoformat() >= split_on)
    ]
    if split_on is not None:
        levels.append(stop_of(book.trade))
    if not levels:
        return None
    return max(levels) if is_long(book.trade) else min(levels)


def trail_or_level(book: TradeBook, quotes: Mapping[str, Quote], context: Context) -> Decimal | None:
    """Return None if the trail may start anew, else the level at which a plain stop must stand.

    A trailing stop starts at its distance from the market, wherever the last one had got. Where that is looser than
    the level reached, or nobody can tell, a plain stop holds the level; `caught_up` puts the trail back later. Shares
    that an entry brings while the first ones trail begin a trail of their own: beside a plain stop the rest of the
    entry could not stay.
    """
    level = reached_level(book)
    fills_on = live(entries(book)) and any(o.kind == "trailing_stop" for o in live(exits(book)))
    if level is None or fills_on:
        return None
    start = _start(book, quotes, context)
    if start is not None and is_better(start, level, book.trade):
        return None
    return tick_up(level) if is_long(book.trade) else tick_down(level)


def caught_up(book: TradeBook, quotes: Mapping[str, Quote], context: Context) -> tuple[Order, str] | None:
    """Find the plain stop of a trailing trade that the trail would by now be tighter than."""
    plain = [o for o in tops(book) if o.order_type == Role.STOP_LOSS and o.kind == "stop" and not is_fraction(o.qty)]
    if not plain or not trails(book):
        return None
    order, start = plain[-1], _start(book, quotes, context)
    if start is None or order.stop_price is None:
        return None
    ahead = order.stop_price * (ONE + CAUGHT_UP if is_long(book.trade) else ONE - CAUGHT_UP)
    return (order, "the trail has come up to it: let it trail again") if is_better(start, ahead, book.trade) else None


def _start(book: TradeBook, quotes: Mapping[str, Quote], context: Context) -> Decimal | None:
    """Return where a trailing stop sent now would stand."""
    trail, price = book.trade.trail_percent, closing_price(quotes.get(book.trade.symbol), book.trade, context)
    if trail is None or price is None or not trades_now(book.trade.symbol, context):
        return None
    share = trail / HUNDRED
    return price * (ONE - share if is_long(book.trade) else ONE + share)
