"""Orders: submit, list, look up, replace, cancel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from lib.paper_broker.answers import orders as render_orders
from lib.paper_broker.exchange import listing
from lib.paper_broker.exchange.amendment import read_amendment
from lib.paper_broker.exchange.listing import OrderFilter
from lib.paper_broker.exchange.refusal import Refusal, malformed, not_found
from lib.paper_broker.exchange.ticket import read_ticket
from lib.paper_broker.message import Response, answer, read_json

if TYPE_CHECKING:
    from datetime import datetime

    from lib.paper_broker.answers.values import Json
    from lib.paper_broker.call import Call
    from lib.paper_broker.exchange.records import Order

LIMIT_DEFAULT, LIMIT_MAX = 50, 500
ASSET_CLASSES = frozenset({
    "us_equity", "us_option", "crypto", "crypto_perp", "treasury", "corporate", "global_equity", "us_index",
    "us_equity_chain", "ipo",
})  # fmt: skip
"""The words that Alpaca's specification allows; here are stocks and coins."""


def submit_order(call: Call) -> Response:
    """Take an order; the answer shows it before the market has seen it, its legs with it."""
    ticket = read_ticket(read_json(call.request))
    # A symbol may be sent as an asset's id, and a pair of coins without its slash.
    first, *legs = call.exchange.submit(replace(ticket, symbol=call.exchange.market.symbol(ticket.symbol)))
    return answer(render_orders.order(first, legs))


def list_orders(call: Call) -> Response:
    """List orders."""
    wanted = _filter(call)
    orders = listing.list_orders(call.exchange.book, wanted)
    return answer([_shown(call, order, nested=wanted.nested, as_of=wanted.as_of) for order in orders])


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


def replace_order(call: Call) -> Response:
    """Take a replacement of an order; the answer is the new order, which need not come to stand."""
    wanted = read_amendment(read_json(call.request))
    taken = call.exchange.replace(_order(call, call.names["order_id"]), wanted)
    return answer(render_orders.order(taken, call.exchange.book.orders(taken.leg_ids)))


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
            # One of a group takes the others with it, at once or later.
            if book.order(order.id) is order:
                call.exchange.cancel(order)
        except Refusal as refusal:
            results.append({"id": order.id, "status": refusal.status, "body": refusal.body})
        else:
            results.append({"id": order.id, "status": 200})
    return answer(results, 207)


def _filter(call: Call) -> OrderFilter:
    params, lag = call.request.params(), call.exchange.book.list_lag
    symbols = call.words("symbols")
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
        symbols=frozenset(map(call.exchange.market.symbol, symbols)) if symbols is not None else None,
        asset_classes=_asset_classes(call),
        side=call.choice("side", ("buy", "sell")),
        after_seq=_seq(call, params.get("after_order_id")),
        before_seq=_seq(call, params.get("before_order_id")),
        as_of=call.exchange.now - lag if lag else None,
    )


def _asset_classes(call: Call) -> frozenset[str] | None:
    wanted = call.words("asset_class")
    if wanted is None or "all" in wanted:
        return None
    unknown = sorted(wanted - ASSET_CLASSES)
    if unknown:
        raise malformed(f"invalid asset_class: {unknown[0]}")
    return wanted


def _seq(call: Call, order_id: str | None) -> int | None:
    return _order(call, order_id).seq if order_id is not None else None


def _order(call: Call, order_id: str) -> Order:
    try:
        UUID(order_id)
    except ValueError:
        raise malformed("order_id is missing") from None
    order = call.exchange.book.order(order_id.lower())
    if order is None:
        raise not_found(f"order not found for {order_id}")
    return order


def _shown(call: Call, order: Order, *, nested: bool, as_of: datetime | None = None) -> Json:
    return render_orders.order(order, list(listing.seen(call.exchange.book, order.leg_ids, as_of)) if nested else None)
