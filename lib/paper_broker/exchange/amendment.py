"""A request to replace an order, read from JSON: what shall be different about the order that takes its place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lib.domain.money import whole_down
from lib.paper_broker.exchange.assets import AssetClass
from lib.paper_broker.exchange.records import FIXED_STOPS, LIMITED, Kind, Order, OrderClass, TimeInForce
from lib.paper_broker.exchange.refusal import malformed, unprocessable
from lib.paper_broker.exchange.ticket import (
    Ticket,
    check_trail_percent,
    read_choice,
    read_client_order_id,
    read_number,
    read_price,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

NAMES = {Kind.STOP_LIMIT: "stop limit", Kind.TRAILING_STOP: "trailing stop"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """A well-formed request to replace an order; None is as it was."""

    qty: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: str | None = None


def read_amendment(body: Mapping[str, object]) -> Amendment:
    """Read a request to replace an order, or refuse it as malformed."""
    qty = read_number(body, "qty")
    if qty is not None and qty <= 0:
        raise malformed("qty must be > 0")
    if body.get("notional") is not None:
        # No source for the wording; the docs have it for indications of interest in an IPO alone.
        raise unprocessable("notional is only accepted for IPO order replacement")
    has_time = body.get("time_in_force") not in (None, "")
    return Amendment(
        qty=qty,
        limit_price=read_price(body, "limit_price"),
        stop_price=read_price(body, "stop_price"),
        trail=read_price(body, "trail"),
        time_in_force=read_choice(body, "time_in_force", TimeInForce) if has_time else None,
        client_order_id=read_client_order_id(body),
    )


def amend(order: Order, wanted: Amendment) -> Order:
    """Return the order with what is wanted of it, or refuse what this order cannot become."""
    _check_qty(order, wanted.qty)
    _check_prices(order, wanted)
    grouped = order.order_class is not OrderClass.SIMPLE
    if grouped and wanted.time_in_force not in (None, order.time_in_force):
        # No source for the wording; the docs have one time in force for the whole group.
        raise unprocessable("time_in_force cannot be changed for advanced orders")
    amended = replace(
        order,
        qty=wanted.qty or order.qty,
        limit_price=wanted.limit_price or order.limit_price,
        stop_price=wanted.stop_price or order.stop_price,
        trail_price=wanted.trail if wanted.trail and order.trail_price else order.trail_price,
        trail_percent=wanted.trail if wanted.trail and order.trail_percent else order.trail_percent,
        time_in_force=wanted.time_in_force or order.time_in_force,
    )
    # A new client_order_id alone is a change: users give a leg one that way (alpaca-trade-api-csharp#617).
    if amended == order and wanted.client_order_id is None:
        raise unprocessable("order parameters are not changed")
    check_trail_percent(amended.trail_percent)
    return amended


def ticket_of(order: Order, qty: Decimal, legs: list[Order]) -> Ticket:
    """Return the request that would have made this order, for the checks that requests go through."""
    target = next((leg.limit_price for leg in legs if leg.stop_price is None), None)
    stop = next((leg.stop_price for leg in legs if leg.stop_price is not None), None)
    return Ticket(
        symbol=order.symbol,
        side=order.side,
        kind=order.kind,
        order_class=order.order_class,
        time_in_force=order.time_in_force,
        qty=qty,
        client_order_id=order.client_order_id,
        position_intent=order.position_intent,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        trail_price=order.trail_price,
        trail_percent=order.trail_percent,
        take_profit_price=target,
        stop_loss_price=stop,
        extended_hours=order.extended_hours,
    )


def _check_qty(order: Order, qty: Decimal | None) -> None:
    if qty is None or qty == order.qty:
        return
    if order.order_class is not OrderClass.SIMPLE:
        raise unprocessable("qty cannot be changed for advanced orders")
    if order.asset_class is not AssetClass.CRYPTO:
        if order.qty != whole_down(order.qty):
            # No source for the wording; the docs have the rule.
            raise unprocessable("qty cannot be changed for fractional orders")
        if qty != whole_down(qty):
            raise malformed("qty must be integer")
    if qty <= order.filled_qty:
        raise unprocessable("qty must be > filled_qty")


def _check_prices(order: Order, wanted: Amendment) -> None:
    if order.kind is Kind.MARKET and (wanted.limit_price or wanted.stop_price):
        raise malformed("market orders require no stop or limit price")
    name = NAMES.get(order.kind, order.kind)
    # The first wording is a user's (forum 11938); the others are made alike.
    if wanted.stop_price is not None and order.kind not in FIXED_STOPS:
        raise malformed(f"{name} orders must not have stop_price")
    if wanted.limit_price is not None and order.kind not in LIMITED:
        raise malformed(f"{name} orders must not have limit_price")
    if wanted.trail is not None and order.kind is not Kind.TRAILING_STOP:
        raise malformed(f"{name} orders must not have trail")
    if wanted.trail is not None and order.elected_at is not None:
        # No source for the wording; the docs have the rule.
        raise unprocessable("trail cannot be changed once the stop price is hit")
