"""Request bodies as they go over the wire, all values text; frozen with the intent and sent as frozen.

`position_intent` makes the broker refuse an exit that would open a position.
Source: Alpaca "Placing Orders" (types, classes, OCO) and its trading OpenAPI document.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

from lib.domain.facts import BrokerOrder
from lib.domain.money import ZERO, D, text

Body = Mapping[str, object]


def entry_body(client_order_id: str, symbol: str, qty: Decimal, limit_price: Decimal) -> Body:
    """Buy `qty` at `limit_price` or better, today only."""
    return {
        **_common(client_order_id, symbol, qty, side="buy", time_in_force="day"),
        "type": "limit",
        "limit_price": text(limit_price),
    }


def oco_body(client_order_id: str, symbol: str, qty: Decimal, *, target: Decimal, stop: Decimal) -> Body:
    """Sell at the target or at the stop, whichever comes first: the target is the parent, the stop its leg."""
    return {
        **_common(client_order_id, symbol, qty, side="sell", time_in_force="gtc"),
        "type": "limit",
        "order_class": "oco",
        "take_profit": {"limit_price": text(target)},
        "stop_loss": {"stop_price": text(stop)},
    }


def stop_body(client_order_id: str, symbol: str, qty: Decimal, stop: Decimal) -> Body:
    """Sell at market once the stop is reached."""
    return {
        **_common(client_order_id, symbol, qty, side="sell", time_in_force="gtc"),
        "type": "stop",
        "stop_price": text(stop),
    }


def trailing_body(client_order_id: str, symbol: str, qty: Decimal, trail_percent: Decimal) -> Body:
    """Sell at market once the price falls `trail_percent` per cent below its high since the order."""
    return {
        **_common(client_order_id, symbol, qty, side="sell", time_in_force="gtc"),
        "type": "trailing_stop",
        "trail_percent": text(trail_percent),
    }


def target_body(client_order_id: str, symbol: str, qty: Decimal, target: Decimal) -> Body:
    """Sell at the target or better, today: used when the target was already through."""
    return {
        **_common(client_order_id, symbol, qty, side="sell", time_in_force="day"),
        "type": "limit",
        "limit_price": text(target),
    }


def market_exit_body(client_order_id: str, symbol: str, qty: Decimal) -> Body:
    """Sell at market; outside the session the broker queues it for the open."""
    return {**_common(client_order_id, symbol, qty, side="sell", time_in_force="day"), "type": "market"}


def _common(client_order_id: str, symbol: str, qty: Decimal, *, side: str, time_in_force: str) -> Body:
    return {
        "client_order_id": client_order_id,
        "symbol": symbol,
        "qty": text(qty),
        "side": side,
        "time_in_force": time_in_force,
        "position_intent": "buy_to_open" if side == "buy" else "sell_to_close",
    }


def freeze(body: Body) -> str:
    """Write a body as the text that is stored with its intent."""
    return json.dumps(body, sort_keys=True)


def thaw(payload: str) -> Body:
    """Read back what `freeze` wrote."""
    body: Body = json.loads(payload)
    return body


def readable(payload: str | None) -> Body | None:
    """Read back what `freeze` wrote; None for what a hand has changed beyond reading: that is never sent."""
    try:
        body = json.loads(payload) if payload is not None else None
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def differences(body: Body, found: BrokerOrder) -> tuple[str, ...]:
    """Name the fields in which an order found under our id is not the order we froze.

    What a leg of an OCO has filled, the broker takes off its parent's quantity.
    """
    wanted: dict[str, object] = {
        "symbol": body["symbol"],
        "side": body["side"],
        "kind": body["type"],
        "order_class": body.get("order_class", "simple"),
        "time_in_force": body["time_in_force"],
        "qty": D(str(body["qty"])),
    }
    nested = {"limit_price": "take_profit"}
    for name in ("limit_price", "stop_price", "trail_percent"):
        group = body.get(nested.get(name, ""))
        value = group.get(name) if isinstance(group, Mapping) else body.get(name)
        if value is not None:
            wanted[name] = D(str(value))
    wrong = [name for name, value in wanted.items() if getattr(found, name) != value]
    if "qty" in wrong and found.qty is not None:
        taken = sum((leg.filled_qty for leg in found.legs), ZERO)
        if found.qty < D(str(body["qty"])) <= found.qty + taken:
            wrong.remove("qty")
    leg = body.get("stop_loss")
    if isinstance(leg, Mapping) and found.legs and found.legs[0].stop_price != D(str(leg["stop_price"])):
        wrong.append("stop_loss")
    return tuple(wrong)
