"""Orders: submit, list, look up, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.paper_broker import render
from lib.paper_broker.exchange import listing
from lib.paper_broker.exchange.listing import OrderFilter
from lib.paper_broker.exchange.refusal import Refusal, malformed, not_found
from lib.paper_broker.exchange.ticket import read_ticket
from lib.paper_broker.message import Response, answer, read_json

if TYPE_CHECKING:
    from lib.paper_broker.call import Call
    from lib.paper_broker.exchange.records import Order

LIMIT_DEFAULT, LIMIT_MAX = 50, 500


def submit_order(call: Call) -> Response:
    """Take an order; the answer shows it before the market has seen it, its legs with it."""
    first, *legs = call.exchange.submit(read_ticket(read_json(call.request)))
    return answer(render.order(first, legs))


def list_orders(call: Call) -> Response:
    """List orders."""
    wanted = _filter(call)
    orders = listing.list_orders(call.exchange.book, wanted)
    return answer([_shown(call, order, nested=wanted.nested) for order in orders])


def show_order(call: Call) -> Response:
    """Show an order by its id."""
    return answer(_shown(call, _order(call, call.names["order_id"]), nested=call.truth("nested")))


def show_by_client_id(call: Call) -> Response:
    """Show an order by the id its sender gave it."""
    client_order_id = call.request.params().get("client_order_id")
    if not client_order_id:
        raise malformed("client_order_id is required")
    order = call.exchange.book.by_client_id(client_order_id)
    if order is None:
        raise not_found("order not found")
    return answer(_shown(call, order, nested=call.truth("nested")))


def cancel_order(call: Call) -> Response:
    """Ask for a cancel; that it is taken does not say that it is done."""
    call.exchange.cancel(_order(call, call.names["order_id"]))
    return Response(204)


def cancel_all(call: Call) -> Response:
    """Ask for a cancel of every open order; each has its own answer."""
    book = call.exchange.book
    results = []
    for order in book.live():
        if order.status not in listing.OPEN:
            continue
        try:
            # One of a group takes the others with it; canceling those again says yes too.
            call.exchange.cancel(book.order(order.id) or order)
        except Refusal as refusal:
            body = {"code": refusal.code, "message": refusal.message}
            results.append({"id": order.id, "status": refusal.status, "body": body})
        else:
            results.append({"id": order.id, "status": 200})
    return answer(results, 207)


def _filter(call: Call) -> OrderFilter:
    params = call.request.params()
    cursors = {"after_order_id", "before_order_id"} & params.keys()
    if len(cursors) > 1 or (cursors and {"after", "until"} & params.keys()):
        raise malformed("after_order_id and before_order_id exclude each other, after and until")
    return OrderFilter(
        status=call.choice("status", ("open", "closed", "all")) or "open",
        limit=call.whole("limit", LIMIT_DEFAULT, 1, LIMIT_MAX),
        after=call.time("after"),
        until=call.time("until"),
        ascending=call.choice("direction", ("asc", "desc")) == "asc",
        nested=call.truth("nested"),
        symbols=call.words("symbols"),
        side=call.choice("side", ("buy", "sell")),
        after_seq=_seq(call, params.get("after_order_id")),
        before_seq=_seq(call, params.get("before_order_id")),
    )


def _seq(call: Call, order_id: str | None) -> int | None:
    return _order(call, order_id).seq if order_id is not None else None


def _order(call: Call, order_id: str) -> Order:
    order = call.exchange.book.order(order_id.lower())
    if order is None:
        raise not_found(f"order not found for {order_id}")
    return order


def _shown(call: Call, order: Order, *, nested: bool) -> render.Json:
    return render.order(order, call.exchange.book.orders(order.leg_ids) if nested else None)
