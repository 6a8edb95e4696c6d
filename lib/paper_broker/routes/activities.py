"""The account's activities: executions, fees, dividends, and what corporate actions moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.paper_broker.answers import activities as render_activity
from lib.paper_broker.exchange import listing
from lib.paper_broker.exchange.listing import ActivityFilter
from lib.paper_broker.exchange.refusal import malformed
from lib.paper_broker.message import answer

if TYPE_CHECKING:
    from lib.paper_broker.call import Call
    from lib.paper_broker.message import Response

PAGE_SIZE_MAX = 100
TRANSFERS = frozenset({"CSD", "CSW"})
CATEGORIES = ("trade_activity", "non_trade_activity")


def list_activities(call: Call) -> Response:
    """Show activities of all kinds, or of those asked for."""
    kinds, category = call.words("activity_types"), call.choice("category", CATEGORIES)
    if kinds is not None and category is not None:
        raise malformed("category cannot be used with activity_types")
    return _list(call, kinds, category)


def list_activities_of_kind(call: Call) -> Response:
    """Show activities of one kind."""
    return _list(call, frozenset({call.names["kind"]}), None)


def _list(call: Call, kinds: frozenset[str] | None, category: str | None) -> Response:
    """Show what is of these kinds.

    A kind that Alpaca does not have gives an empty list, not a refusal: so did REG, which is a sub-type, on a paper
    account of September 2026.
    """
    params, book = call.request.params(), call.exchange.book
    token = params.get("page_token")
    if token is not None and not book.has_activity(token):
        raise malformed(f"invalid page_token: {token}")
    if "date" in params and ("after" in params or "until" in params):
        raise malformed("date cannot be used with after or until")

    def shows(kind: str) -> bool:
        if category is not None:
            return (kind == "FILL") == (category == "trade_activity")
        return kinds is None or bool(kinds & _names(kind))

    wanted = ActivityFilter(
        page_size=call.whole("page_size", PAGE_SIZE_MAX, 1, PAGE_SIZE_MAX),
        page_token=token,
        ascending=call.choice("direction", ("asc", "desc")) == "asc",
        after=call.time("after"),
        until=call.time("until"),
        day=call.utc_day("date"),
        shows=shows,
    )
    return answer([render_activity.activity(found) for found in listing.list_activities(book, wanted)])


def _names(kind: str) -> frozenset[str]:
    """Return what a kind may be asked for as: its own name or that of its group."""
    if kind in TRANSFERS:
        return frozenset({kind, "TRANS"})
    return frozenset({kind}) if kind in {"FILL", "DIV"} else frozenset({kind, "MISC"})
