"""The wash-trade matrix: an account may not trade with itself (Alpaca's "User Protection").

A market or stop order meets any opposite order: refused. Two limit orders: refused when their prices cross. OCO and
trailing-stop orders pass. Whether one that rests also lets a later plain order pass is not documented: by default it
does not. The stop of an OCO is `held`, so not in the book; what counts of a resting OCO is its limit, until the stop
elects.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.money import text
from lib.paper_broker.exchange.records import Kind, OrderClass, Side, Status
from lib.paper_broker.exchange.refusal import Refusal, forbidden

if TYPE_CHECKING:
    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.records import Order
    from lib.paper_broker.exchange.rules import Rules
    from lib.paper_broker.exchange.ticket import Ticket

ZERO = Decimal(0)


def check_wash(book: Book, rules: Rules, ticket: Ticket) -> None:
    """Refuse an order that could trade with one of the account's own."""
    if ticket.order_class is not OrderClass.SIMPLE or ticket.kind is Kind.TRAILING_STOP:
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
    if resting.kind is not Kind.LIMIT:
        return _wash(resting, "opposite side market/stop order exists")
    if ticket.kind is not Kind.LIMIT:
        return _wash(resting, "opposite side limit order exists. use complex/limit/stop_limit orders")
    new, old = ticket.limit_price or ZERO, resting.limit_price or ZERO
    if ticket.side is Side.BUY and new >= old:
        reason = "sell order exists, buy limit price should be less than existing sell limit price"
        return _wash(resting, reason, buy_limit_price=text(new), sell_limit_price=text(old))
    if ticket.side is Side.SELL and old >= new:
        reason = "buy order exists, sell limit price should be greater than existing buy limit price"
        return _wash(resting, reason, buy_limit_price=text(old), sell_limit_price=text(new))
    return None


def _wash(resting: Order, reason: str, **extra: object) -> Refusal:
    message = "potential wash trade detected. use complex orders"
    return forbidden(message, existing_order_id=resting.id, reject_reason=reason, **extra)
