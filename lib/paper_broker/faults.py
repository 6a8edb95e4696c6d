"""Trouble on request: the n-th request of a route meets a fault. One vocabulary for `--faults FILE` and for tests.

A file is a JSON list: `[{"route": "POST /v2/orders", "n": 2, "kind": "timeout_after"}]`. A route is a method and a
path, either of which may be `*`; `{anything}` in the path matches one part of it. `n` counts from 1, over the requests
that this route matches; one request meets at most one fault, the first of the list.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from lib.paper_broker.api import match_path
from lib.paper_broker.message import HTML, JSON, Response, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from lib.paper_broker.message import Request


class FaultKind(StrEnum):
    """What goes wrong, and whether the request had its effect before it did."""

    TIMEOUT_BEFORE = "timeout_before"  # no effect; the client waits in vain
    TIMEOUT_AFTER = "timeout_after"  # effect; the client waits in vain
    RESET_BEFORE = "reset_before"  # no effect; the connection breaks
    RESET = "reset"  # effect; the connection breaks
    HTTP_500 = "http_500"  # no effect; an HTML page
    HTTP_502_AFTER = "http_502_after"  # effect; an HTML page
    RATE_LIMIT = "rate_limit"  # no effect; 429
    GARBLED = "garbled"  # effect; JSON cut off in the middle


_TROUBLE = {
    FaultKind.TIMEOUT_BEFORE: Trouble.TIMEOUT,
    FaultKind.TIMEOUT_AFTER: Trouble.TIMEOUT,
    FaultKind.RESET_BEFORE: Trouble.RESET,
    FaultKind.RESET: Trouble.RESET,
}
_PAGES = {FaultKind.HTTP_500: (500, "Internal Server Error"), FaultKind.HTTP_502_AFTER: (502, "Bad Gateway")}
WITHOUT_EFFECT = frozenset({FaultKind.TIMEOUT_BEFORE, FaultKind.RESET_BEFORE, FaultKind.HTTP_500, FaultKind.RATE_LIMIT})


class FaultsError(ValueError):
    """A list of faults that cannot be read."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The n-th request of a route meets trouble of this kind."""

    route: str
    n: int
    kind: FaultKind

    def __post_init__(self) -> None:
        """Refuse what could never match."""
        if len(self.route.split(" ")) != len(("method", "path")):
            message = f"a route is a method and a path, such as 'POST /v2/orders', not {self.route!r}"
            raise FaultsError(message)
        if self.n < 1:
            message = f"n counts from 1, not from {self.n}"
            raise FaultsError(message)


class Faults:
    """A list of faults and how often each route has been asked for."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = tuple(faults)
        self._seen: dict[str, int] = {}

    @classmethod
    def from_file(cls, file: Path) -> Faults:
        """Read a list of faults."""
        try:
            rows = json.loads(file.read_text(encoding="utf-8"))
            return cls(Fault(str(row["route"]), int(row["n"]), FaultKind(row["kind"])) for row in rows)
        except (ValueError, KeyError, TypeError) as error:
            message = f"{file}: not a list of faults ({error})"
            raise FaultsError(message) from error

    def meet(self, request: Request) -> FaultKind | None:
        """Count a request, and return the fault that it meets."""
        routes = {fault.route for fault in self._faults if _matches(fault.route, request)}
        for route in routes:
            self._seen[route] = self._seen.get(route, 0) + 1
        met = (fault.kind for fault in self._faults if fault.route in routes and self._seen[fault.route] == fault.n)
        return next(met, None)


def answer_with(kind: FaultKind, perform: Callable[[], Response]) -> Response:
    """Answer a request that meets a fault; `perform` is its effect, and is called only if the fault lets it happen."""
    response = Response(0) if kind in WITHOUT_EFFECT else perform()
    if kind in _TROUBLE:
        return Response(0, trouble=_TROUBLE[kind])
    if kind in _PAGES:
        status, title = _PAGES[kind]
        page = f"<html><head><title>{status} {title}</title></head><body><h1>{status} {title}</h1></body></html>"
        return Response(status, page.encode(), {"Content-Type": HTML})
    if kind is FaultKind.RATE_LIMIT:
        headers = {"Content-Type": JSON, "X-Ratelimit-Remaining": "0"}
        return Response(429, b'{"code":42910000,"message":"rate limit exceeded."}', headers)
    return Response(response.status or 200, response.body[: len(response.body) // 2] or b"{", response.headers)


def _matches(route: str, request: Request) -> bool:
    method, path = route.split(" ")
    if method not in ("*", request.method.upper()):
        return False
    return path == "*" or match_path(path.split("/"), request.path.split("/")) is not None
