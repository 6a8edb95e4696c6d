"""A request for an order, read from JSON.

What is wrong with the request in itself ends here with 40010001, what does not even decode with 40010000; which types,
times in force and classes go together for an asset is in `combinations.py`, what the account or the market forbids in
`admission.py`. alpaca-py sends numbers as JSON floats (`"qty": 2.0`); the reader of the body made Decimals of them.
Keys that Alpaca does not know are left out, `trail_percent` inside `stop_loss` among them: a user saw Alpaca take such
an order and make a fixed stop of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, TypeVar

from lib.domain.money import CENT, ZERO, NotMoney, text, whole_down
from lib.paper_broker.exchange.records import Kind, OrderClass, Side, TimeInForce
from lib.paper_broker.exchange.refusal import forbidden, malformed, undecodable, unprocessable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

    from lib.paper_broker.exchange.market import Quote

E = TypeVar("E", bound="StrEnum")

CLIENT_ORDER_ID_LENGTH_MAX = 128
TRAIL_PERCENT_MIN = Decimal("0.1")
NUMBER_DIGITS_MAX = 18
QTY_STEP = Decimal("0.000000001")
INTENTS = frozenset({"buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A well-formed request for an order; exactly one of qty and notional is given."""

    symbol: str
    side: Side
    kind: Kind
    order_class: OrderClass
    time_in_force: TimeInForce
    qty: Decimal | None
    client_order_id: str | None
    position_intent: str | None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    take_profit_price: Decimal | None = None
    stop_loss_price: Decimal | None = None
    stop_loss_limit_price: Decimal | None = None
    notional: Decimal | None = None
    extended_hours: bool = False

    @property
    def fractional(self) -> bool:
        """Say whether Alpaca's rules for parts of a share apply: money is asked for, or no whole number of shares."""
        return self.notional is not None or self.qty is None or self.qty != whole_down(self.qty)


def quantity(ticket: Ticket, quote: Quote | None) -> Decimal:
    """Return the quantity asked for; of money, what it comes to at the order's price, else at the quote.

    Zero when there is no price to reckon with. Rounded down to nine decimals, so that it never costs more.
    """
    if ticket.notional is None:
        return ticket.qty or ZERO
    price = likely_price(ticket, quote)
    return (ticket.notional / price).quantize(QTY_STEP, rounding=ROUND_FLOOR) if price else ZERO


def likely_price(ticket: Ticket, quote: Quote | None) -> Decimal:
    """Return the order's limit or stop, else the side of the quote that it would meet; zero when there is none."""
    price = ticket.limit_price or ticket.stop_price
    if price is not None or quote is None:
        return price or ZERO
    return (quote.ask or quote.bid) if ticket.side is Side.BUY else (quote.bid or quote.ask)


def read_ticket(body: Mapping[str, object]) -> Ticket:
    """Read a request for an order, or refuse it as malformed."""
    symbol = read_text(body, "symbol")
    if not symbol:
        raise malformed("symbol is required")
    qty, notional = _amount(body)
    take_profit, stop_loss = _leg(body, "take_profit"), _leg(body, "stop_loss")
    ticket = Ticket(
        symbol=symbol,
        side=read_choice(body, "side", Side),
        kind=read_choice(body, "type", Kind, called="order type"),
        order_class=_order_class(body),
        time_in_force=read_choice(body, "time_in_force", TimeInForce),
        qty=qty,
        notional=notional,
        client_order_id=read_client_order_id(body),
        position_intent=_intent(body),
        extended_hours=_truth(body, "extended_hours"),
        limit_price=read_price(body, "limit_price"),
        stop_price=read_price(body, "stop_price"),
        trail_price=read_price(body, "trail_price"),
        trail_percent=read_price(body, "trail_percent"),
        take_profit_price=read_price(take_profit, "limit_price"),
        stop_loss_price=read_price(stop_loss, "stop_price"),
        stop_loss_limit_price=read_price(stop_loss, "limit_price"),
    )
    if body.get("advanced_instructions") is not None:
        # No source for the wording; they are for Alpaca's Elite Smart Router, which no paper account has.
        raise forbidden("account is not allowed to use advanced_instructions")
    if ticket.order_class is OrderClass.SIMPLE:
        # A user's crypto order (alpaca-py#289) went out without the stop_loss it named; stocks are taken to be alike.
        ticket = replace(ticket, take_profit_price=None, stop_loss_price=None, stop_loss_limit_price=None)
    else:
        _check_group(ticket, body)
    if ticket.order_class is OrderClass.OCO:
        # The parent of an OCO is its take-profit; a limit of its own may be left out.
        return replace(ticket, limit_price=ticket.take_profit_price)
    _check_prices(ticket)
    return ticket


def read_text(body: Mapping[str, object], name: str) -> str | None:
    """Read a text; None when it is absent or empty."""
    value = body.get(name)
    if value in (None, ""):
        return None
    if not isinstance(value, str):
        raise undecodable()
    return value


def read_choice(body: Mapping[str, object], name: str, choices: type[E], *, called: str | None = None) -> E:
    """Read one of an enumeration's words."""
    try:
        return choices(str(body.get(name)))
    except ValueError:
        raise malformed(f"invalid {called or name}") from None


def read_client_order_id(body: Mapping[str, object]) -> str | None:
    """Read the id that the sender gives an order."""
    value = read_text(body, "client_order_id")
    if value is not None and len(value) > CLIENT_ORDER_ID_LENGTH_MAX:
        raise malformed(f"client_order_id must be no more than {CLIENT_ORDER_ID_LENGTH_MAX} characters")
    if value is not None and any("\ud800" <= char <= "\udfff" for char in value):
        raise undecodable()
    return value


def read_price(body: Mapping[str, object], name: str) -> Decimal | None:
    """Read a price, which must be above zero."""
    price = read_number(body, name)
    if price is not None and price <= 0:
        raise malformed(f"{name.replace('_price', ' price')} must be > 0")
    return price


def read_number(body: Mapping[str, object], name: str) -> Decimal | None:
    """Read a number, which may be sent as a string; None when it is absent or empty."""
    value = body.get(name)
    if value is None or value == "":
        return None
    try:
        return _exact(value)
    except NotMoney:
        raise undecodable() from None


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


def _amount(body: Mapping[str, object]) -> tuple[Decimal | None, Decimal | None]:
    qty, notional = read_number(body, "qty"), read_number(body, "notional")
    if qty is None and notional is None:
        raise malformed("qty or notional is required")
    if qty is not None and notional is not None:
        raise malformed("only one of qty or notional is accepted")
    for name, amount in (("qty", qty), ("notional", notional)):
        if amount is not None and amount <= 0:
            raise malformed(f"{name} must be > 0")
    if qty is not None and qty % QTY_STEP != 0:
        # No source for the wording; the docs say nine decimals.
        raise malformed("qty must be limited to 9 decimal places")
    if notional is not None and notional % CENT != 0:
        # The docs say nine decimals here too; many users were answered this.
        raise unprocessable("notional value must be limited to 2 decimal places")
    return qty, notional


def _order_class(body: Mapping[str, object]) -> OrderClass:
    if body.get("order_class") in (None, ""):
        return OrderClass.SIMPLE
    if body.get("order_class") == "mleg":
        # The words of Alpaca's options documentation; options are not traded here.
        raise forbidden("submit mleg order is disabled")
    return read_choice(body, "order_class", OrderClass)


def _intent(body: Mapping[str, object]) -> str | None:
    value = read_text(body, "position_intent")
    if value is not None and value not in INTENTS:
        raise malformed("invalid position_intent")
    return value


def _truth(body: Mapping[str, object], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise undecodable()
    return bool(value)


def _leg(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise undecodable()
    return value or {}


def _check_group(ticket: Ticket, body: Mapping[str, object]) -> None:
    """Check what all groups share: the first order's type, its time in force, the legs' prices."""
    name = ticket.order_class
    if name is OrderClass.OCO and ticket.kind is not Kind.LIMIT:
        raise malformed("oco orders must be limit orders")
    if ticket.kind is Kind.TRAILING_STOP:
        raise malformed(f"{name} orders must be market or limit orders")
    if ticket.time_in_force not in (TimeInForce.DAY, TimeInForce.GTC):
        raise malformed(f'{name} orders support only "day" or "gtc" time_in_force')
    if name is OrderClass.OTO:
        wanted = [leg for leg in ("take_profit", "stop_loss") if body.get(leg) is not None]
        if len(wanted) != 1:
            # No source for the wording; the docs want exactly one of the two.
            raise malformed("oto orders require one of take_profit or stop_loss")
    else:
        wanted = ["take_profit", "stop_loss"]
    if "take_profit" in wanted and ticket.take_profit_price is None:
        raise malformed(f"{name} orders require take_profit.limit_price")
    if "stop_loss" in wanted and ticket.stop_loss_price is None:
        raise malformed(f"{name} orders require stop_loss.stop_price")
    if name is OrderClass.OCO and (ticket.stop_price or ticket.trail_price or ticket.trail_percent):
        # No source for the wording.
        raise malformed("oco orders require no stop or trail price")


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
        case Kind.STOP if limit or trail:  # no source for the wording
            raise malformed("stop orders require no limit price")
        case Kind.STOP_LIMIT if not (limit and stop):
            raise malformed("stop limit orders require both stop and limit price")
        case Kind.STOP_LIMIT if trail:  # no source for the wording
            raise malformed("stop limit orders require no trail price")
        case Kind.TRAILING_STOP if len(trail) != 1:
            raise malformed("trailing stop orders must specify one of trail_price or trail_percent")
        case Kind.TRAILING_STOP if limit or stop:  # no source for the wording
            raise malformed("trailing stop orders require no stop or limit price")
        case _:
            pass
    check_trail_percent(ticket.trail_percent)


def check_trail_percent(percent: Decimal | None) -> None:
    """Refuse a trail that is too tight."""
    if percent is not None and percent < TRAIL_PERCENT_MIN:
        raise malformed(f"trail_percent must be greater than or equal to {text(TRAIL_PERCENT_MIN)}")
