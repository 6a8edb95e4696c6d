"""A request for an order, read from JSON.

What is wrong with the request in itself ends here with 40010001; what the account or the market forbids is for
`admission.py`. alpaca-py sends numbers as JSON floats (`"qty": 2.0`); the reader of the body made Decimals of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from lib.domain.money import NotMoney, text, whole_down
from lib.paper_broker.exchange.records import Kind, OrderClass, Side, TimeInForce
from lib.paper_broker.exchange.refusal import malformed, unprocessable, unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

E = TypeVar("E", bound="StrEnum")

CLIENT_ORDER_ID_LENGTH_MAX = 128
TRAIL_PERCENT_MIN = Decimal("0.1")
NUMBER_DIGITS_MAX = 18
QTY_STEP = Decimal("0.000000001")
INTENTS = frozenset({"buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close"})
LATER_KINDS = frozenset({"stop_limit"})
LATER_CLASSES = frozenset({"bracket", "oto", "mleg"})
LATER_TIMES = frozenset({"opg", "cls", "ioc", "fok", "gtd"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A well-formed request for an order."""

    symbol: str
    side: Side
    kind: Kind
    order_class: OrderClass
    time_in_force: TimeInForce
    qty: Decimal
    client_order_id: str | None
    position_intent: str | None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    take_profit_price: Decimal | None = None
    stop_loss_price: Decimal | None = None


def read_ticket(body: Mapping[str, object]) -> Ticket:
    """Read a request for an order, or refuse it as malformed."""
    symbol = body.get("symbol")
    if not isinstance(symbol, str) or not symbol:
        raise malformed("symbol is required")
    kind = _choice(body, "type", Kind, LATER_KINDS)
    order_class = _choice(body, "order_class", OrderClass, LATER_CLASSES, default=OrderClass.SIMPLE)
    ticket = Ticket(
        symbol=symbol,
        side=_choice(body, "side", Side, frozenset()),
        kind=kind,
        order_class=order_class,
        time_in_force=_choice(body, "time_in_force", TimeInForce, LATER_TIMES),
        qty=_qty(body),
        client_order_id=_client_order_id(body),
        position_intent=_intent(body),
        limit_price=_price(body, "limit_price"),
        stop_price=_price(body, "stop_price"),
        trail_price=_price(body, "trail_price"),
        trail_percent=_price(body, "trail_percent"),
        take_profit_price=_leg_price(body, "take_profit", "limit_price"),
        stop_loss_price=_leg_price(body, "stop_loss", "stop_price"),
    )
    if body.get("extended_hours") not in (None, False):
        raise unsupported("extended hours orders")
    if order_class is OrderClass.OCO:
        return _oco(ticket, body)
    _check_prices(ticket)
    _check_fraction(ticket)
    return ticket


def _choice(
    body: Mapping[str, object], name: str, choices: type[E], later: frozenset[str], *, default: E | None = None
) -> E:
    value = body.get(name)
    if value in (None, ""):
        if default is None:
            raise malformed(f"{name} is required")
        return default
    if value in later:
        raise unsupported(f"{value} orders")
    try:
        return choices(str(value))
    except ValueError:
        raise malformed(f"invalid {name}: {value}") from None


def _qty(body: Mapping[str, object]) -> Decimal:
    qty, notional = _number(body, "qty"), _number(body, "notional")
    if qty is None and notional is None:
        raise malformed("qty or notional is required")
    if qty is not None and notional is not None:
        raise malformed("only one of qty or notional is accepted")
    if qty is None:
        raise unsupported("notional orders")
    if qty <= 0:
        raise malformed("qty must be > 0")
    if qty % QTY_STEP != 0:
        raise malformed("qty increment must be at least 1e-9")
    return qty


def _client_order_id(body: Mapping[str, object]) -> str | None:
    value = body.get("client_order_id")
    if value in (None, ""):
        return None
    if not isinstance(value, str):
        raise malformed("client_order_id must be a string")
    if len(value) > CLIENT_ORDER_ID_LENGTH_MAX:
        raise malformed(f"client_order_id must be no more than {CLIENT_ORDER_ID_LENGTH_MAX} characters")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise malformed("client_order_id is not valid text")
    return value


def _intent(body: Mapping[str, object]) -> str | None:
    value = body.get("position_intent")
    if value is None:
        return None
    if value not in INTENTS:
        raise malformed(f"invalid position_intent: {value}")
    return str(value)


def _price(body: Mapping[str, object], name: str) -> Decimal | None:
    price = _number(body, name)
    if price is not None and price <= 0:
        raise malformed(f"{name} must be > 0")
    return price


def _leg_price(body: Mapping[str, object], leg: str, name: str) -> Decimal | None:
    value = body.get(leg)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise malformed(f"invalid {leg}")
    return _price(value, name)


def _number(body: Mapping[str, object], name: str) -> Decimal | None:
    value = body.get(name)
    if value is None or value == "":
        return None
    try:
        return _exact(value)
    except NotMoney:
        raise malformed(f"invalid {name}: {value}") from None


def _exact(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise NotMoney
    if isinstance(value, str) and (not value.isascii() or "_" in value):
        raise NotMoney
    try:
        number = Decimal(value)
    except ArithmeticError:
        raise NotMoney from None
    # A JSON float may carry 17 digits of noise; finer than a tick is refused later, in Alpaca's words.
    if not number.is_finite() or abs(number.adjusted()) > NUMBER_DIGITS_MAX:
        raise NotMoney
    return number


def _oco(ticket: Ticket, body: Mapping[str, object]) -> Ticket:
    if ticket.kind is not Kind.LIMIT:
        raise malformed("oco orders must be limit orders")
    if ticket.take_profit_price is None:
        raise malformed("oco orders require take_profit.limit_price")
    if ticket.stop_loss_price is None:
        raise malformed("oco orders require stop_loss.stop_price")
    if ticket.stop_price or ticket.trail_price or ticket.trail_percent:
        raise malformed("oco orders require no stop or trail price")
    loss = body["stop_loss"]
    if isinstance(loss, dict) and loss.get("limit_price") is not None:
        raise unsupported("stop_loss.limit_price orders")
    if ticket.qty != whole_down(ticket.qty):
        raise unprocessable("fractional orders must be simple orders")
    return ticket


def _check_prices(ticket: Ticket) -> None:
    trail = [price for price in (ticket.trail_price, ticket.trail_percent) if price is not None]
    limit, stop = ticket.limit_price is not None, ticket.stop_price is not None
    match ticket.kind:
        case Kind.MARKET if limit or stop or trail:
            raise malformed("market orders require no stop or limit price")
        case Kind.LIMIT if not limit:
            raise malformed("limit orders require a limit price")
        case Kind.LIMIT if stop or trail:
            raise malformed("limit orders must not have stop_price")
        case Kind.STOP if not stop:
            raise malformed("stop orders require a stop price")
        case Kind.STOP if limit or trail:
            raise malformed("stop orders require no limit price")
        case Kind.TRAILING_STOP if len(trail) != 1:
            raise malformed("trailing stop orders must specify one of trail_price or trail_percent")
        case Kind.TRAILING_STOP if limit or stop:
            raise malformed("trailing stop orders require no stop or limit price")
        case _:
            pass
    if ticket.trail_percent is not None and ticket.trail_percent < TRAIL_PERCENT_MIN:
        raise malformed(f"trail_percent must be greater than or equal to {text(TRAIL_PERCENT_MIN)}")


def _check_fraction(ticket: Ticket) -> None:
    if ticket.qty == whole_down(ticket.qty):
        return
    if ticket.time_in_force is not TimeInForce.DAY:
        raise unprocessable("fractional orders must be DAY orders")
    if ticket.kind is Kind.TRAILING_STOP:
        raise unprocessable("fractional orders must be market, limit, stop or stop_limit orders")
