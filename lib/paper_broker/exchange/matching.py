"""When an order elects, at what price it fills, and how much of it.

Fills are at the quote, whatever the limit: Alpaca's paper gives no better price than the far side and no worse one. The
size of the quote does not matter. A sell stop that elects becomes a market order, so a gap goes through it.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.money import tick_down, tick_up, whole_down
from lib.paper_broker.exchange import chance
from lib.paper_broker.exchange.admission import buy_stop_cap
from lib.paper_broker.exchange.records import WORKING, Kind, Side

if TYPE_CHECKING:
    from datetime import datetime

    from lib.paper_broker.exchange.market import Quote
    from lib.paper_broker.exchange.records import Order
    from lib.paper_broker.exchange.rules import Rules

HUNDRED = Decimal(100)


def works(order: Order, at: datetime) -> bool:
    """Say whether an order is in the market at `at`."""
    return order.status in WORKING and order.works_from <= at


def elect(order: Order, quote: Quote, at: datetime) -> Order:
    """Follow the market with a trailing stop, and elect a stop that the market has reached."""
    if order.elected_at is not None or order.kind not in (Kind.STOP, Kind.TRAILING_STOP):
        return order
    price = quote.bid if order.side is Side.SELL else quote.ask
    if not price:
        return order
    if order.kind is Kind.TRAILING_STOP:
        order = trail(order, price)
    stop = order.stop_price
    if stop is None or (price > stop if order.side is Side.SELL else price < stop):
        return order
    return replace(order, elected_at=at, updated_at=at)


def trail(order: Order, price: Decimal) -> Order:
    """Move a trailing stop after a price that is better than its high-water mark."""
    selling = order.side is Side.SELL
    if order.hwm is not None and (price <= order.hwm if selling else price >= order.hwm):
        return order
    gap = order.trail_price if order.trail_price is not None else price * (order.trail_percent or HUNDRED) / HUNDRED
    stop = tick_down(price - gap) if selling else tick_up(price + gap)
    return replace(order, hwm=price, stop_price=stop)


def fill_price(order: Order, quote: Quote) -> Decimal | None:
    """Return the price at which an order can trade now, None when it cannot."""
    price = quote.bid if order.side is Side.SELL else quote.ask
    if not price:
        return None
    if order.kind is Kind.LIMIT:
        limit = order.limit_price or price
        return price if (price >= limit if order.side is Side.SELL else price <= limit) else None
    if order.kind is Kind.MARKET:
        return price
    if order.elected_at is None:
        return None
    capped = order.side is Side.BUY and order.kind is Kind.STOP and order.stop_price is not None
    return None if capped and order.stop_price and price > buy_stop_cap(order.stop_price) else price


def fill_size(order: Order, plan_key: str, rules: Rules, seed: int) -> Decimal:
    """Return how much of an order that can trade does trade this time."""
    plan = rules.fill_plan.get(plan_key, ())
    if order.evaluations < len(plan):
        return min(plan[order.evaluations], order.remaining)
    key = (seed, order.client_order_id, order.evaluations)
    whole = order.remaining == whole_down(order.remaining)
    # A fraction of a share is not split; of one share or more, whole or not, at least one is left and one is filled.
    shares = int(order.remaining) if whole else int(order.remaining) + 1
    if shares <= 1 or not chance.happens(rules.partial_fill_rate, "partial", *key):
        return order.remaining
    return Decimal(1 + chance.below(shares - 1, "size", *key))
