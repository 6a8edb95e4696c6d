"""Alpaca's REST API: paths and methods to handlers, refusals to bodies.

`respond` is one synchronous function of a walked exchange and a request; it does no I/O. The handlers are in `routes/`;
`data.py` there has a table of its own, and `control.py` what Alpaca does not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from lib.paper_broker.exchange.refusal import Refusal, not_found
from lib.paper_broker.message import answer, refuse
from lib.paper_broker.routes import (
    account,
    activities,
    assets,
    calendar,
    control,
    corporate,
    data,
    orders,
    positions,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lib.paper_broker.call import Call
    from lib.paper_broker.message import Request, Response

    Handler = Callable[[Call], Response]

METHOD_NOT_ALLOWED = 40510000

ROUTES: dict[str, dict[str, Handler]] = {
    "/v2/account": {"GET": account.show_account},
    "/v2/account/activities": {"GET": activities.list_activities},
    "/v2/account/activities/{kind}": {"GET": activities.list_activities_of_kind},
    "/v2/account/configurations": {
        "GET": account.show_configurations,
        "PATCH": account.change_configurations,
    },
    "/v2/positions": {"GET": positions.list_positions, "DELETE": positions.close_all},
    "/v2/positions/{symbol}": {"GET": positions.show_position, "DELETE": positions.close_position},
    "/v2/clock": {"GET": calendar.show_clock},
    "/v2/calendar": {"GET": calendar.show_calendar},
    "/v3/clock": {"GET": calendar.show_clocks},
    "/v3/calendar/{market}": {"GET": calendar.show_market_calendar},
    "/v2/assets": {"GET": assets.list_assets},
    "/v2/assets/{symbol}": {"GET": assets.show_asset},
    "/v2/assets/{base}/{quote}": {"GET": assets.show_asset},
    "/v2/orders": {
        "GET": orders.list_orders,
        "POST": orders.submit_order,
        "DELETE": orders.cancel_all,
    },
    "/v2/orders:by_client_order_id": {"GET": orders.show_by_client_id},
    "/v2/orders/{order_id}": {
        "GET": orders.show_order,
        "PATCH": orders.replace_order,
        "DELETE": orders.cancel_order,
    },
    "/v2/corporate_actions/announcements": {"GET": corporate.list_announcements},
    "/v2/corporate_actions/announcements/{id}": {"GET": corporate.show_announcement},
    "/v1/corporate-actions": {"GET": corporate.list_actions},
    "/paper": {"GET": control.show_paper},
    "/paper/clock": {"POST": control.move_clock},
    "/paper/price": {"POST": control.set_price},
    "/paper/asset": {"POST": control.set_asset},
    "/paper/corporate-action": {"POST": corporate.announce},
    **data.ROUTES,
}
_PATTERNS = tuple((path.split("/"), methods) for path, methods in ROUTES.items() if "{" in path)


def respond(call: Call) -> Response:
    """Answer one request."""
    found = _route(call.request)
    if found is None:
        return refuse(not_found("endpoint not found."))
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
    if request.path in ROUTES and "{" not in request.path:
        return ROUTES[request.path], {}
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
