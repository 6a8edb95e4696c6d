"""Prices of orders against the market and against each other: stops, take-profits, and where a group's legs may lie.

The base price is the market's, and for a stop also the limit of what stands before it: the entry of a bracket or OTO,
the take-profit of an OCO ("Placing Orders"; a user's OTO with a limit entry was answered with that limit). A cent is
the distance at any price, below a dollar too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.domain.money import CENT, text
from lib.paper_broker.exchange.records import FIXED_STOPS, Kind, OrderClass, Side
from lib.paper_broker.exchange.refusal import unprocessable

if TYPE_CHECKING:
    from decimal import Decimal

    from lib.paper_broker.exchange.market import Quote
    from lib.paper_broker.exchange.ticket import Ticket

TARGET, STOP = "take_profit.limit_price", "stop_loss.stop_price"


def check_stop(kind: Kind, side: Side, stop_price: Decimal | None, quote: Quote | None) -> None:
    """Refuse a stop that is already breached: it is not triggered, it is refused. Stop limits are taken to be alike."""
    if kind not in FIXED_STOPS or stop_price is None or quote is None:
        return
    price = quote.bid if side is Side.SELL else quote.ask
    if not price:
        return
    extra = {"market_price": text(price), "stop_price": text(stop_price)}
    if side is Side.SELL and stop_price >= price:
        raise unprocessable("stop price must be less than current price", **extra)
    if side is Side.BUY and stop_price <= price:
        raise unprocessable("stop price must be greater than current price", **extra)


def check_legs(ticket: Ticket, quote: Quote | None) -> None:
    """Refuse the legs of a group that lie on the wrong side of each other or of the base price."""
    if ticket.order_class is OrderClass.SIMPLE:
        return
    market = (quote.bid or quote.ask or None) if quote else None
    target, stop = ticket.take_profit_price, ticket.stop_loss_price
    leaves = ticket.side if ticket.order_class is OrderClass.OCO else ticket.side.opposite
    check_order_of_legs(leaves, target, stop)
    entry = ticket.limit_price if ticket.order_class is not OrderClass.OCO else None
    _check_beyond(TARGET, target, entry if entry is not None else market, above=leaves is Side.SELL)
    before_stop = target if ticket.order_class is OrderClass.OCO else entry
    for base in (before_stop, market):
        _check_beyond(STOP, stop, base, above=leaves is Side.BUY)


def check_order_of_legs(leaves: Side, target: Decimal | None, stop: Decimal | None) -> None:
    """Refuse a take-profit that is not beyond the stop; `leaves` is the side of both."""
    if target is None or stop is None:
        return
    if leaves is Side.SELL and target <= stop:
        raise unprocessable(f"{TARGET} must be > {STOP}")
    if leaves is Side.BUY and target >= stop:
        raise unprocessable(f"{TARGET} must be < {STOP}")


def _check_beyond(name: str, price: Decimal | None, base: Decimal | None, *, above: bool) -> None:
    if price is None or base is None:
        return
    if above and price < base + CENT:
        raise unprocessable(f"{name} must be >= base_price + 0.01", base_price=text(base))
    if not above and price > base - CENT:
        raise unprocessable(f"{name} must be <= base_price - 0.01", base_price=text(base))
