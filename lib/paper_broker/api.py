"""Alpaca's REST API: paths and methods to handlers, refusals to bodies.

`respond` is one synchronous function of a walked exchange and a request; it does no I/O.

    order_api.py      orders
    account_api.py    account, positions, activities
    market_api.py     clock, calendar, assets, latest quotes
    control_api.py    what Alpaca does not have: move the clock, set a quote by hand, ask what this is
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from lib.paper_broker import account_api, control_api, market_api, order_api
from lib.paper_broker.exchange.refusal import NOT_FOUND, Refusal
from lib.paper_broker.message import answer, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from lib.paper_broker.call import Call
    from lib.paper_broker.message import Request, Response

    Handler = Callable[[Call], Response]

METHOD_NOT_ALLOWED = 40510000

ROUTES: dict[str, dict[str, Handler]] = {
    "/v2/account": {"GET": account_api.show_account},
    "/v2/account/activities": {"GET": account_api.list_activities},
    "/v2/account/activities/{kind}": {"GET": account_api.list_activities_of_kind},
    "/v2/positions": {"GET": account_api.list_positions},
    "/v2/positions/{symbol}": {"GET": account_api.show_position},
    "/v2/clock": {"GET": market_api.show_clock},
    "/v2/calendar": {"GET": market_api.show_calendar},
    "/v2/assets": {"GET": market_api.list_assets},
    "/v2/assets/{symbol}": {"GET": market_api.show_asset},
    "/v2/stocks/quotes/latest": {"GET": market_api.latest_quotes},
    "/v2/orders": {
        "GET": order_api.list_orders,
        "POST": order_api.submit_order,
        "DELETE": order_api.cancel_all,
    },
    "/v2/orders:by_client_order_id": {"GET": order_api.show_by_client_id},
    "/v2/orders/{order_id}": {"GET": order_api.show_order, "DELETE": order_api.cancel_order},
    "/paper": {"GET": control_api.show_paper},
    "/paper/clock": {"POST": control_api.move_clock},
    "/paper/price": {"POST": control_api.set_price},
}
_PATTERNS = tuple((path.split("/"), methods) for path, methods in ROUTES.items())


def respond(call: Call) -> Response:
    """Answer one request."""
    found = _route(call.request)
    if found is None:
        return answer({"code": NOT_FOUND, "message": "endpoint not found."}, 404)
    methods, names = found
    handler = methods.get(call.request.method.upper())
    if handler is None:
        return answer({"code": METHOD_NOT_ALLOWED, "message": "method not allowed."}, 405)
    call.names.update(names)
    try:
        return handler(call)
    except Refusal as refusal:
        return refuse(refusal)


def _route(request: Request) -> tuple[dict[str, Handler], dict[str, str]] | None:
    parts = request.path.split("/")
    for pattern, methods in _PATTERNS:
        names = match_path(pattern, parts)
        if names is not None:
            return methods, names
    return None


def match_path(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    """Match a path with a pattern; return what stands at its {names}, None when it does not match."""
    if len(pattern) != len(parts):
        return None
    names: dict[str, str] = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{") and part:
            names[wanted.strip("{}")] = unquote(part)
        elif wanted != part:
            return None
    return names
