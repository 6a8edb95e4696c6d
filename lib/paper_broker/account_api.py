"""The account, its positions and its activities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.paper_broker import render
from lib.paper_broker.exchange import listing
from lib.paper_broker.exchange.book import asset_id
from lib.paper_broker.exchange.listing import ActivityFilter
from lib.paper_broker.exchange.refusal import not_found
from lib.paper_broker.message import answer

if TYPE_CHECKING:
    from lib.paper_broker.call import Call
    from lib.paper_broker.message import Response

PAGE_SIZE_MAX = 100


def show_account(call: Call) -> Response:
    """Show the account."""
    return answer(render.account(call.exchange))


def list_positions(call: Call) -> Response:
    """Show every position."""
    positions = sorted(call.exchange.book.positions.items())
    return answer([render.position(call.exchange, position) for _, position in positions])


def show_position(call: Call) -> Response:
    """Show the position in a symbol, which may be named by its asset's id."""
    name = call.names["symbol"]
    for symbol, position in call.exchange.book.positions.items():
        if name in (symbol, asset_id(symbol)):
            return answer(render.position(call.exchange, position))
    raise not_found("position does not exist")


def list_activities(call: Call) -> Response:
    """Show activities of all kinds, or of those asked for; this account has executions only."""
    wanted = call.words("activity_types")
    return _fills(call) if wanted is None or "FILL" in wanted else answer([])


def list_activities_of_kind(call: Call) -> Response:
    """Show activities of one kind."""
    return _fills(call) if call.names["kind"] == "FILL" else answer([])


def _fills(call: Call) -> Response:
    wanted = ActivityFilter(
        page_size=call.whole("page_size", PAGE_SIZE_MAX, 1, PAGE_SIZE_MAX),
        page_token=call.request.params().get("page_token"),
        ascending=call.choice("direction", ("asc", "desc")) == "asc",
        after=call.time("after"),
        until=call.time("until"),
        day=call.utc_day("date"),
    )
    return answer([render.activity(fill) for fill in listing.list_activities(call.exchange.book, wanted)])
