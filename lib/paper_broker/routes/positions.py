"""Positions: list, look up, close."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.paper_broker.answers import account as render_account
from lib.paper_broker.answers import orders as render_orders
from lib.paper_broker.exchange import closing
from lib.paper_broker.exchange.assets import asset_id
from lib.paper_broker.exchange.refusal import Refusal, not_found
from lib.paper_broker.message import answer
from lib.paper_broker.routes.orders import cancel_all

if TYPE_CHECKING:
    from lib.paper_broker.call import Call
    from lib.paper_broker.exchange.engine import Exchange
    from lib.paper_broker.exchange.records import Position
    from lib.paper_broker.message import Response


def list_positions(call: Call) -> Response:
    """Show every position."""
    return answer([render_account.position(call.exchange, position) for position in _all(call.exchange)])


def show_position(call: Call) -> Response:
    """Show a position."""
    return answer(render_account.position(call.exchange, _named(call)))


def close_position(call: Call) -> Response:
    """Close a position or a part of it; the answer is the order that does so."""
    held = _named(call)
    return answer(
        render_orders.order(closing.close(call.exchange, held, closing.read_part(call.request.params(), held)))
    )


def close_all(call: Call) -> Response:
    """Close every position; each has its own answer. Orders are canceled only if the request asks for it.

    A cancel that takes its time still holds back the shares when they are to be closed.
    """
    exchange = call.exchange
    if call.truth("cancel_orders"):
        # What cannot be canceled yet, as it is being replaced, goes on; its shares are then not free to be closed.
        cancel_all(call)
    results = []
    for held in _all(exchange):
        try:
            status, body = 200, render_orders.order(closing.close(exchange, held, abs(held.qty)))
        except Refusal as refusal:
            status, body = refusal.status, refusal.body
        results.append({"symbol": held.symbol.replace("/", ""), "status": status, "body": body})
    return answer(results, 207)


def _all(exchange: Exchange) -> list[Position]:
    return [held for _, held in sorted(exchange.book.positions.items())]


def _named(call: Call) -> Position:
    """Return the position of a symbol, in which a pair has no slash, or of an asset's id."""
    name = call.names["symbol"]
    for held in _all(call.exchange):
        if name in (held.symbol.replace("/", ""), asset_id(held.symbol)):
            return held
    raise not_found("position does not exist")
