"""When an order elects, at what price it fills, and how much of it.

Fills are at the quote, whatever the limit: Alpaca's paper gives no better price than the far side and no worse one. The
size of the quote does not matter. A sell stop that elects becomes a market order, so a gap goes through it; a stop
limit becomes a limit order, so a gap leaves it behind.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from lib.domain.money import ONE, ZERO, tick_down, tick_up, whole_down
from lib.paper_broker.exchange import chance
from lib.paper_broker.exchange.assets import COIN_STEP, AssetClass
from lib.paper_broker.exchange.funds import buy_stop_cap
from lib.paper_broker.exchange.records import STOPS, WORKING, Kind, Side, TimeInForce
from lib.paper_broker.exchange.ticket import QTY_STEP

if TYPE_CHECKING:
    from datetime import datetime

    from lib.paper_broker.exchange.market import Quote
    from lib.paper_broker.exchange.records import Order
    from lib.paper_broker.exchange.rules import Rules

HUNDRED = Decimal(100)


def works(order: Order, at: datetime) -> bool:
    """Say whether an order is in the market at `at`; one for the closing auction is not before the close."""
    return order.status in WORKING and order.works_from <= at and order.time_in_force is not TimeInForce.CLS


def elect(order: Order, quote: Quote, at: datetime) -> Order:
    """Follow the market with a trailing stop, and elect a stop that the market has reached."""
    if order.elected_at is not None or order.kind not in STOPS:
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
    if not price or (order.kind in STOPS and order.elected_at is None):
        return None
    limit = _limit(order)
    if limit is None:
        return price
    return price if (price >= limit if order.side is Side.SELL else price <= limit) else None


def _limit(order: Order) -> Decimal | None:
    if order.kind is Kind.STOP and order.side is Side.BUY and order.stop_price is not None:
        return buy_stop_cap(order.stop_price)
    return order.limit_price


def sized(order: Order, price: Decimal) -> Order:
    """Give an order for an amount of money the quantity that the money buys at this price.

    What is left is less than the smallest step of a quantity. A sell keeps to the shares that it set aside when it was
    taken (no source): at a lower price it sells no others.
    """
    if order.notional is None:
        return order
    money = order.notional - order.filled_notional
    qty = order.filled_qty + (money / price).quantize(QTY_STEP, rounding=ROUND_FLOOR)
    return replace(order, qty=min(qty, order.qty) if order.side is Side.SELL else qty)


def fill_size(order: Order, plan_key: str, rules: Rules, seed: int) -> Decimal:
    """Return how much of an order that can trade does trade this time."""
    size = _drawn_size(order, plan_key, rules, seed)
    # Less than everything is nothing to a fill-or-kill order.
    return ZERO if order.time_in_force is TimeInForce.FOK and size < order.remaining else size


def _drawn_size(order: Order, plan_key: str, rules: Rules, seed: int) -> Decimal:
    plan = rules.fill_plan.get(plan_key, ())
    if order.evaluations < len(plan):
        return min(plan[order.evaluations], order.remaining)
    key = (seed, order.client_order_id, order.evaluations)
    step = COIN_STEP if order.asset_class is AssetClass.CRYPTO else ONE
    # A fraction of a share is not split; of one share or more, whole or not, at least one is left and one is filled.
    steps = whole_down(order.remaining / step)
    parts = int(steps if steps * step == order.remaining else steps + 1)
    if parts <= 1 or not chance.happens(rules.partial_fill_rate, "partial", *key):
        return order.remaining
    return step * (1 + chance.below(parts - 1, "size", *key))
