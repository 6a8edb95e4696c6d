"""The wash-trade matrix: an account may not trade with itself (Alpaca's "User Protection").

A market or stop order meets any opposite order: refused. Two orders with limits, stop limits among them: refused when
their limits cross. Brackets, OCO, OTO and trailing stops pass. Whether one that rests also lets a later plain order
pass is not documented: by default it does not. A leg that is `held` is not in the book; what counts of a resting OCO is
its limit, until the stop elects.

Before that, and for every kind of order: nobody opens a short while an order that opens a long is open, nor the other
way round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.domain.money import ZERO, text
from lib.paper_broker.exchange.records import LIMITED, Kind, OrderClass, Side, Status
from lib.paper_broker.exchange.refusal import Refusal, forbidden

if TYPE_CHECKING:
    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.records import Order
    from lib.paper_broker.exchange.rules import Rules
    from lib.paper_broker.exchange.ticket import Ticket

BUY_CROSSES = "sell order exists, buy limit price should be less than existing sell limit price"
SELL_CROSSES = "buy order exists, sell limit price should be greater than existing buy limit price"


def check_directions(book: Book, ticket: Ticket, intent: str) -> None:
    """Refuse an order that opens a position one way while another order is to open one the other way."""
    open_intents = {order.position_intent for order in book.live(ticket.symbol)}
    if intent == "sell_to_open" and "buy_to_open" in open_intents:
        raise forbidden("cannot open a short sell while a long buy order is open")
    if intent == "buy_to_open" and "sell_to_open" in open_intents:
        raise forbidden("cannot open a long buy while a short sell order is open")


def check_wash(book: Book, rules: Rules, ticket: Ticket) -> None:
    """Refuse an order that could trade with one of the account's own."""
    new_complex = ticket.order_class is not OrderClass.SIMPLE or ticket.kind is Kind.TRAILING_STOP
    if new_complex and rules.wash_trade_new_complex_exempt:
        return
    for resting in book.live(ticket.symbol):
        if resting.side is ticket.side or resting.status is Status.HELD:
            continue
        if resting.complex and rules.wash_trade_resting_complex_exempt:
            continue
        refusal = _refusal(ticket, resting)
        if refusal is not None:
            raise refusal


def _refusal(ticket: Ticket, resting: Order) -> Refusal | None:
    if resting.kind not in LIMITED:
        return _wash(resting, "opposite side market/stop order exists")
    if ticket.kind not in LIMITED:
        return _wash(resting, "opposite side limit order exists. use complex/limit/stop_limit orders")
    # An OCO's limit is its target.
    new, old = ticket.limit_price or ticket.take_profit_price or ZERO, resting.limit_price or ZERO
    buy, sell = (new, old) if ticket.side is Side.BUY else (old, new)
    if buy < sell:
        return None
    reason = BUY_CROSSES if ticket.side is Side.BUY else SELL_CROSSES
    return _wash(resting, reason, buy_limit_price=text(buy), sell_limit_price=text(sell))


def _wash(resting: Order, reason: str, **extra: object) -> Refusal:
    message = "potential wash trade detected. use complex orders"
    return forbidden(message, existing_order_id=resting.id, reject_reason=reason, **extra)
