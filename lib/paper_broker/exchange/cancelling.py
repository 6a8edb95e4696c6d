"""A cancel is a request: it takes the whole group, and may be done only later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.paper_broker.exchange import lifecycle
from lib.paper_broker.exchange.records import LIVE, Status
from lib.paper_broker.exchange.refusal import unprocessable

if TYPE_CHECKING:
    from lib.paper_broker.exchange.engine import Exchange
    from lib.paper_broker.exchange.records import Order


def cancel(exchange: Exchange, order: Order) -> None:
    """Take a cancel of an order and its whole group; of a group whose entry has filled, the exits are left."""
    if order.status is Status.CANCELED:
        return
    if order.status not in LIVE:
        raise unprocessable(f'order is already in "{order.status}" state')
    group = {member.status for member in lifecycle.members(exchange.book, order)}
    if Status.PENDING_CANCEL in group:
        raise unprocessable("order pending cancel")
    if Status.PENDING_REPLACE in group or order.replace_at is not None:
        # The docs say that it rejects cancels, and that the others of its group are locked; no source for the wording.
        raise unprocessable("order pending replace")
    lifecycle.withdraw(exchange, order, exchange.now)
