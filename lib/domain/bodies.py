"""Request bodies as they go over the wire, all values text; frozen with the intent and sent as frozen.

`position_intent` makes the broker refuse an exit that would open a position.
Source: Alpaca "Placing Orders" (types, classes, OCO) and its trading OpenAPI document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal

from lib.domain.facts import BrokerOrder
from lib.domain.money import ZERO, D, text
from lib.domain.states import Side

Body = Mapping[str, object]

SYMBOL = re.compile(r"(?=\.*[A-Z0-9])[A-Z0-9.]{1,10}(/[A-Z0-9]{1,10})?")
"""What can be a symbol: `AAPL`, `BRK.B`, and a pair of coins as `BTC/USD`."""


def is_coin(symbol: str) -> bool:
    """Say whether a symbol is a pair of coins: Alpaca writes those `BTC/USD`, and no stock with a slash."""
    return "/" in symbol


def entry_body(
    client_order_id: str,
    symbol: str,
    qty: Decimal,
    limit_price: Decimal,
    *,
    side: str = Side.LONG,
    time_in_force: str = "day",
) -> Body:
    """Buy `qty` at `limit_price` or better, or sell it short."""
    return {
        **_order(client_order_id, symbol, qty, side=side, opens=True, time_in_force=time_in_force),
        "type": "limit",
        "limit_price": text(limit_price),
    }


def oco_body(
    client_order_id: str,
    symbol: str,
    qty: Decimal,
    *,
    target: Decimal,
    stop: Decimal,
    side: str = Side.LONG,
    time_in_force: str = "gtc",
) -> Body:
    """Close at the target or at the stop, whichever comes first: the target is the parent, the stop its leg."""
    return {
        **_order(client_order_id, symbol, qty, side=side, time_in_force=time_in_force),
        "type": "limit",
        "order_class": "oco",
        "take_profit": {"limit_price": text(target)},
        "stop_loss": {"stop_price": text(stop)},
    }


def stop_body(
    client_order_id: str,
    symbol: str,
    qty: Decimal,
    stop: Decimal,
    *,
    side: str = Side.LONG,
    time_in_force: str = "gtc",
) -> Body:
    """Close at market once the stop is reached."""
    return {
        **_order(client_order_id, symbol, qty, side=side, time_in_force=time_in_force),
        "type": "stop",
        "stop_price": text(stop),
    }


def stop_limit_body(
    client_order_id: str, symbol: str, qty: Decimal, stop: Decimal, limit: Decimal, *, side: str = Side.LONG
) -> Body:
    """Close at `limit` or better once the stop is reached: the only stop that coins have."""
    return {
        **_order(client_order_id, symbol, qty, side=side, time_in_force="gtc"),
        "type": "stop_limit",
        "stop_price": text(stop),
        "limit_price": text(limit),
    }


def trailing_body(
    client_order_id: str,
    symbol: str,
    qty: Decimal,
    trail_percent: Decimal,
    *,
    side: str = Side.LONG,
    time_in_force: str = "gtc",
) -> Body:
    """Close at market once the price turns `trail_percent` per cent from its best since the order."""
    return {
        **_order(client_order_id, symbol, qty, side=side, time_in_force=time_in_force),
        "type": "trailing_stop",
        "trail_percent": text(trail_percent),
    }


def limit_exit_body(
    client_order_id: str,
    symbol: str,
    qty: Decimal,
    limit: Decimal,
    *,
    side: str = Side.LONG,
    time_in_force: str = "day",
) -> Body:
    """Close at `limit` or better: at a target that was already through, or as a market order with a bound."""
    return {
        **_order(client_order_id, symbol, qty, side=side, time_in_force=time_in_force),
        "type": "limit",
        "limit_price": text(limit),
    }


def market_exit_body(client_order_id: str, symbol: str, qty: Decimal, *, side: str = Side.LONG) -> Body:
    """Close at market; outside the session the broker queues it for the open."""
    time_in_force = "gtc" if is_coin(symbol) else "day"  # coins have no day (Alpaca, "Crypto Spot Trading")
    return {**_order(client_order_id, symbol, qty, side=side, time_in_force=time_in_force), "type": "market"}


def market_entry_body(client_order_id: str, symbol: str, qty: Decimal, *, side: str = Side.LONG) -> Body:
    """Open at market: what a grid holds at its start."""
    time_in_force = "gtc" if is_coin(symbol) else "day"
    order = _order(client_order_id, symbol, qty, side=side, opens=True, time_in_force=time_in_force)
    return {**order, "type": "market"}


def _order(
    client_order_id: str, symbol: str, qty: Decimal, *, side: str, time_in_force: str, opens: bool = False
) -> Body:
    """Return what every order has. Coins carry no `position_intent`: they cannot be sold short."""
    verb = "buy" if (side == Side.LONG) == opens else "sell"
    body: dict[str, object] = {
        "client_order_id": client_order_id,
        "symbol": symbol,
        "qty": text(qty),
        "side": verb,
        "time_in_force": time_in_force,
    }
    if not is_coin(symbol):
        body["position_intent"] = f"{verb}_to_{'open' if opens else 'close'}"
    return body


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
