"""What an order must be before Alpaca takes it, read out of Alpaca's documents: no rule is shared with the planning.

The sources are "Placing Orders" (types, times in force, classes, ticks), "Fractional Trading", "Crypto Spot Trading",
the trading OpenAPI document, and the list of errors that users were answered with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction

PLAIN = re.compile(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")
NAME = re.compile(r"[A-Za-z0-9]{1,16}-(d-?|t)[0-9]+-(entry|exit)-[1-9][0-9]*")  # a hand may give a row any id
STOCK = re.compile(r"[A-Z0-9]{1,6}(\.[A-Z]{1,2})?")
COIN = re.compile(r"[A-Z0-9]{1,10}/[A-Z]{3,4}")

KEYS = frozenset(
    {"client_order_id", "symbol", "qty", "side", "type", "time_in_force", "position_intent", "limit_price"}
    | {"stop_price", "trail_percent", "order_class", "take_profit", "stop_loss"}
)
PRICES: Mapping[str, frozenset[str]] = {
    "market": frozenset(),
    "limit": frozenset({"limit_price"}),
    "stop": frozenset({"stop_price"}),
    "stop_limit": frozenset({"limit_price", "stop_price"}),
    "trailing_stop": frozenset({"trail_percent"}),
}
"""Which prices each type has to have; it may have no other."""

COIN_TYPES = frozenset({"market", "limit", "stop_limit"})
DOLLAR, PENNY = Fraction(1), Fraction(1, 100)
COIN_COST = (Fraction(10), Fraction(200_000))
CLIENT_ID_MAX = 48  # Alpaca takes 128; the design names 48


def flaws(body: Mapping[str, object]) -> tuple[str, ...]:
    """Name everything for which Alpaca would refuse an order whatever the account holds; nothing for a sound one."""
    return tuple(_flaws(body))


def _flaws(body: Mapping[str, object]) -> Iterator[str]:
    if body.keys() - KEYS:
        yield f"unknown keys {sorted(body.keys() - KEYS)}"
    name, symbol = str(body.get("client_order_id")), str(body.get("symbol"))
    if len(name) > CLIENT_ID_MAX or not NAME.fullmatch(name):
        yield f"client_order_id {name!r}"
    coin = COIN.fullmatch(symbol) is not None
    if not coin and not STOCK.fullmatch(symbol):
        yield f"symbol {symbol!r}"
    qty = number(body.get("qty"))
    if qty is None or qty <= 0 or decimals(body.get("qty")) > 9:
        yield f"qty {body.get('qty')!r}"
        return
    kind = str(body.get("type"))
    if kind not in PRICES:
        yield f"type {kind!r}"
        return
    oco = body.get("order_class") == "oco"
    yield from _prices(body, PRICES[kind] - {"limit_price"} if oco else PRICES[kind], coin=coin)
    yield from _classes(body, qty, coin=coin)
    yield from _side(body, coin=coin)
    yield from _coin(body, qty) if coin else _share(body, qty)


def number(value: object) -> Fraction | None:
    """Read a plain decimal as Alpaca writes them; None for whatever is not one."""
    return Fraction(value) if isinstance(value, str) and PLAIN.fullmatch(value) else None


def decimals(value: object) -> int:
    """Count the digits behind the point."""
    return len(str(value).partition(".")[2])


def _prices(body: Mapping[str, object], needed: frozenset[str], *, coin: bool) -> Iterator[str]:
    given = {name for name in ("limit_price", "stop_price", "trail_percent") if name in body}
    if given != needed:
        yield f"a {body['type']} with {sorted(given)}"
    nested = [body.get("take_profit"), body.get("stop_loss")]
    levels = [(name, body[name]) for name in sorted(given)]
    levels += [(name, value) for part in nested if isinstance(part, Mapping) for name, value in part.items()]
    for name, value in levels:
        price = number(value)
        finest = 9 if coin else 2 if price is not None and price >= DOLLAR else 4
        if price is None or price <= 0 or (name != "trail_percent" and decimals(value) > finest):
            yield f"{name} {value!r}"
        if name == "trail_percent" and price is not None and price < Fraction(1, 10):
            yield f"trail_percent {value!r} is below 0.1"


def _classes(body: Mapping[str, object], qty: Fraction, *, coin: bool) -> Iterator[str]:
    if body.get("order_class") not in {None, "simple", "oco"}:
        yield f"order_class {body.get('order_class')!r}"
    if body.get("order_class") != "oco":
        if "take_profit" in body or "stop_loss" in body:
            yield "legs without a class"
        return
    profit, loss = body.get("take_profit"), body.get("stop_loss")
    target = number(profit.get("limit_price")) if isinstance(profit, Mapping) else None
    stop = number(loss.get("stop_price")) if isinstance(loss, Mapping) else None
    if coin or qty.denominator != 1 or body["type"] != "limit" or target is None or stop is None:
        yield "an oco that is none: whole shares, a limit, and both legs"
    elif (target - stop if body.get("side") == "sell" else stop - target) < PENNY:
        yield "the legs of the oco are in the wrong order"


def _side(body: Mapping[str, object], *, coin: bool) -> Iterator[str]:
    side, intent = body.get("side"), body.get("position_intent")
    if side not in {"buy", "sell"}:
        yield f"side {side!r}"
    if not coin and intent not in {f"{side}_to_open", f"{side}_to_close"}:
        yield f"position_intent {intent!r} of a {side}"
    is_entry = "-entry-" in str(body.get("client_order_id"))
    if not coin and is_entry != str(intent).endswith("_to_open"):
        yield f"{intent} of {body.get('client_order_id')}"


def _share(body: Mapping[str, object], qty: Fraction) -> Iterator[str]:
    kind, term = str(body["type"]), body.get("time_in_force")
    if term not in {"day", "gtc"}:
        yield f"time_in_force {term!r}"
    if qty.denominator == 1:
        return
    if term != "day" or kind == "trailing_stop" or body.get("position_intent") == "sell_to_open":
        yield f"part of a share as a {term} {kind} {body.get('position_intent')}"
    price = number(body.get("limit_price"))
    if body.get("position_intent") == "buy_to_open" and price is not None and qty * price < DOLLAR:
        yield "part of a share for less than a dollar"


def _coin(body: Mapping[str, object], qty: Fraction) -> Iterator[str]:
    if body["type"] not in COIN_TYPES or body.get("time_in_force") not in {"gtc", "ioc"}:
        yield f"a coin's {body.get('time_in_force')} {body['type']}"
    if "-entry-" not in str(body.get("client_order_id")):
        return
    price = number(body.get("limit_price"))
    if body.get("side") != "buy":
        yield "a coin sold short"
    if price is not None and not COIN_COST[0] <= qty * price <= COIN_COST[1]:
        yield f"a coin order worth {float(qty * price)}"
