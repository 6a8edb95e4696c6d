"""What orders for coins may be: types, times in force, increments, sizes.

From "Crypto Spot Trading", "Placing Orders" and what users were answered; `funds.py` has what pays for them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.money import text
from lib.paper_broker.exchange.combinations import check_extended_hours
from lib.paper_broker.exchange.records import Kind, OrderClass, TimeInForce
from lib.paper_broker.exchange.refusal import forbidden, malformed, unprocessable

if TYPE_CHECKING:
    from lib.paper_broker.exchange.assets import Asset
    from lib.paper_broker.exchange.ticket import Ticket

COST_MIN, COST_MAX = Decimal(10), Decimal(200_000)
GROUP_NAMES = {OrderClass.BRACKET: "otoco"}
TIMES_IN_FORCE = {
    Kind.MARKET: frozenset({TimeInForce.GTC, TimeInForce.IOC}),
    Kind.LIMIT: frozenset({TimeInForce.GTC, TimeInForce.IOC}),
    Kind.STOP_LIMIT: frozenset({TimeInForce.GTC}),
}


def check_coin(ticket: Ticket, asset: Asset) -> None:
    """Refuse an order for a coin whose parts do not go together, or whose quantity is too fine."""
    if ticket.order_class is not OrderClass.SIMPLE:
        name = GROUP_NAMES.get(ticket.order_class, ticket.order_class)
        raise unprocessable(f"crypto orders not allowed for advanced order_class: {name}")
    if ticket.kind not in TIMES_IN_FORCE:
        raise malformed("invalid order type for crypto order")
    if ticket.time_in_force not in TIMES_IN_FORCE[ticket.kind]:
        raise unprocessable("invalid crypto time_in_force")
    check_extended_hours(ticket)
    step = asset.min_trade_increment
    if ticket.qty is not None and step and ticket.qty % step:
        # No source for the wording.
        raise unprocessable(f"qty must be a multiple of {text(step)}")
    least = asset.min_order_size
    if ticket.qty is not None and least and ticket.qty < least:
        raise forbidden(f"order qty must be >= minimal qty of order {text(least)}")


def check_cost(cost: Decimal) -> None:
    """Refuse an order for a coin that is too small or too large."""
    if cost < COST_MIN:
        raise forbidden(f"cost basis must be >= minimal amount of order {text(COST_MIN)}")
    if cost > COST_MAX:
        # No source for the wording; the documents have the limit.
        raise forbidden(f"cost basis must be <= maximal amount of order {text(COST_MAX)}")
