"""Trouble on request: some requests of a route meet a fault. One vocabulary for `--faults FILE` and for tests.

A file is a JSON list of entries, each with a `route`, a `kind` and which requests are meant:

    [{"route": "POST /v2/orders", "kind": "timeout_after", "n": 2},
     {"route": "GET *", "kind": "http_503", "from": 5, "to": 9},
     {"route": "* *", "kind": "slow", "seconds": 3, "n": "every"},
     {"route": "* /v2/orders/{id}", "kind": "reset", "rate": "0.02", "from": 10}]

A route is a method and a path, either of which may be `*`; `{anything}` in the path matches one part of it. Requests
are counted from 1 over those that the route matches, anew in each process; `/paper` and what is below it counts and
meets nothing. `n` is one of them or "every"; `from` and `to` are the first and the last of a range, either of which may
be missing; `rate` is the share of the range that meets the fault, drawn from the seed, the route, the kind and the
request's number. One request meets at most one fault, the first of the list. What each kind is, EFFECTS tells.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from lib.domain.money import D, NotMoney
from lib.paper_broker.api import match_path
from lib.paper_broker.exchange import chance
from lib.paper_broker.message import JSON, Response, Trouble, page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from lib.paper_broker.message import Request

LAST = sys.maxsize
"""As the end of a range: it has none."""
SLOW_S = Decimal(5)


class FaultKind(StrEnum):
    """What goes wrong; EFFECTS tells how."""

    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    RESET_BEFORE = "reset_before"
    RESET = "reset"
    HTTP_500 = "http_500"
    HTTP_502_AFTER = "http_502_after"
    HTTP_503 = "http_503"
    HTTP_504 = "http_504"
    HTTP_504_AFTER = "http_504_after"
    RATE_LIMIT = "rate_limit"
    GARBLED = "garbled"
    SLOW = "slow"
    DUPLICATE = "duplicate"
    DUPLICATE_SECOND = "duplicate_second"


EFFECTS = {
    FaultKind.TIMEOUT_BEFORE: (0, "nothing, until it gives up"),
    FaultKind.TIMEOUT_AFTER: (1, "nothing, until it gives up"),
    FaultKind.RESET_BEFORE: (0, "a broken connection"),
    FaultKind.RESET: (1, "a broken connection"),
    FaultKind.HTTP_500: (0, "a page of HTML, 500"),
    FaultKind.HTTP_502_AFTER: (1, "a page of HTML, 502"),
    FaultKind.HTTP_503: (0, "a page of HTML, 503"),
    FaultKind.HTTP_504: (0, "a page of HTML, 504"),
    FaultKind.HTTP_504_AFTER: (1, "a page of HTML, 504"),
    FaultKind.RATE_LIMIT: (0, "429 and its code"),
    FaultKind.GARBLED: (1, "JSON cut off in the middle"),
    FaultKind.SLOW: (1, "the answer, `seconds` late (5 unless told)"),
    FaultKind.DUPLICATE: (2, "the first answer, as if something on the way had sent it again"),
    FaultKind.DUPLICATE_SECOND: (2, "the second answer"),
}
"""How often the request is carried out, and what the client sees.

In-process nobody waits: a slow answer comes at once, or is a time-out to a client that would not have waited for it.
"""
WITHOUT_EFFECT = frozenset(kind for kind, (times, _) in EFFECTS.items() if not times)
ANSWERED = frozenset({FaultKind.SLOW, FaultKind.DUPLICATE, FaultKind.DUPLICATE_SECOND})
"""The kinds after which the client still has an answer of the exchange itself."""

_TROUBLE = {
    FaultKind.TIMEOUT_BEFORE: Trouble.TIMEOUT,
    FaultKind.TIMEOUT_AFTER: Trouble.TIMEOUT,
    FaultKind.RESET_BEFORE: Trouble.RESET,
    FaultKind.RESET: Trouble.RESET,
}
_PAGES = {
    FaultKind.HTTP_500: (500, "Internal Server Error"),
    FaultKind.HTTP_502_AFTER: (502, "Bad Gateway"),
    FaultKind.HTTP_503: (503, "Service Temporarily Unavailable"),
    FaultKind.HTTP_504: (504, "Gateway Time-out"),
    FaultKind.HTTP_504_AFTER: (504, "Gateway Time-out"),
}


class FaultsError(ValueError):
    """A list of faults that cannot be read."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The n-th request of a route, or those from the n-th `to` another, meet trouble of this kind."""

    route: str
    n: int
    kind: FaultKind
    to: int | None = None
    rate: Decimal = Decimal(1)
    seconds: Decimal = SLOW_S

    def __post_init__(self) -> None:
        """Refuse what could never match."""
        if len(self.route.split(" ")) != len(("method", "path")):
            raise FaultsError(f"route: a method and a path, such as 'POST /v2/orders', not {self.route!r}")
        if self.n < 1:
            raise FaultsError(f"n: requests are counted from 1, not from {self.n}")
        if self.to is not None and self.to < self.n:
            raise FaultsError(f"to: {self.to} is before {self.n}")

    def meets(self, number: int, seed: int) -> bool:
        """Say whether the request with this number of the route meets it."""
        if not self.n <= number <= (self.to or self.n):
            return False
        # The kind is in the key, so that several kinds on one route are drawn each for itself.
        return self.rate == 1 or chance.happens(self.rate, "fault", seed, self.route, self.kind, number)


class Faults:
    """A list of faults and how often each route has been asked for."""

    def __init__(self, faults: Iterable[Fault] = (), *, seed: int = 1) -> None:
        self._faults = tuple(faults)
        self._seed = seed
        self._seen: dict[str, int] = {}

    def meet(self, request: Request) -> Fault | None:
        """Count a request, and return the fault that it meets."""
        routes = {fault.route for fault in self._faults if _matches(fault.route, request)}
        for route in routes:
            self._seen[route] = self._seen.get(route, 0) + 1
        met = (fault for fault in self._faults if fault.route in routes)
        return next((fault for fault in met if fault.meets(self._seen[fault.route], self._seed)), None)


def read_faults(file: Path) -> tuple[Fault, ...]:
    """Read a list of faults; what is wrong with it is told by entry and field."""
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FaultsError(f"{file}: not JSON ({error})") from error
    if not isinstance(rows, list):
        raise FaultsError(f"{file}: not a list of faults")
    faults = []
    for place, row in enumerate(rows, 1):
        try:
            faults.append(_read(row))
        except FaultsError as error:
            raise FaultsError(f"{file}: entry {place}: {error}") from error
    return tuple(faults)


def answer_with(fault: Fault, perform: Callable[[], Response]) -> Response:
    """Answer a request that meets a fault; `perform` is its effect, and is called as often as the fault lets it."""
    kind = fault.kind
    answers = [perform() for _ in range(EFFECTS[kind][0])]
    if kind in _TROUBLE:
        return Response(0, trouble=_TROUBLE[kind])
    if kind in _PAGES:
        return page(*_PAGES[kind])
    if kind is FaultKind.RATE_LIMIT:
        return rate_limited()
    if kind is FaultKind.SLOW:
        return replace(answers[0], late_s=fault.seconds)
    if kind is FaultKind.GARBLED:
        # The answer to a cancel has no body that could be cut.
        return replace(answers[0], body=answers[0].body[: len(answers[0].body) // 2])
    return answers[0 if kind is FaultKind.DUPLICATE else 1]


def rate_limited() -> Response:
    """Answer as Alpaca does when an account asks too much."""
    headers = {"Content-Type": JSON, "X-Ratelimit-Remaining": "0"}
    return Response(429, b'{"code":42910000,"message":"rate limit exceeded."}', headers)


def _matches(route: str, request: Request) -> bool:
    method, path = route.split(" ")
    if method not in ("*", request.method.upper()):
        return False
    return path == "*" or match_path(path.split("/"), request.path.split("/")) is not None


# Reading an entry


def _read(row: object) -> Fault:
    if not isinstance(row, dict):
        raise FaultsError("not an object with route, kind and n")
    for name in row:
        if name not in _FIELDS:
            raise FaultsError(f"{name}: no such field; there are {', '.join(_FIELDS)}")
    route = row.get("route")
    if not isinstance(route, str):
        raise FaultsError(f"route: a method and a path, such as 'POST /v2/orders', not {route!r}")
    try:
        kind = FaultKind(str(row.get("kind")))
    except ValueError:
        raise FaultsError(f"kind: {row.get('kind')!r} is none of {', '.join(FaultKind)}") from None
    if "seconds" in row and kind is not FaultKind.SLOW:
        raise FaultsError("seconds: only slow takes them")
    rate = _number(row, "rate", Decimal(1))
    if rate > 1:
        raise FaultsError(f"rate: {rate} is more than 1")
    first, to = _range(row)
    return Fault(route, first, kind, to=to, rate=rate, seconds=_number(row, "seconds", SLOW_S))


def _range(row: Mapping[str, object]) -> tuple[int, int]:
    if "n" not in row:
        if not {"from", "to", "rate"} & row.keys():
            raise FaultsError('n: which request is meant? A number from 1, "every", or from, to and rate')
        return _whole(row, "from", 1), _whole(row, "to", LAST)
    if {"from", "to"} & row.keys():
        raise FaultsError("n: excludes from and to")
    if row["n"] == "every":
        return 1, LAST
    if "rate" in row:
        raise FaultsError("rate: of one request there is no share; leave n out or make it a range")
    n = _whole(row, "n", 1)
    return n, n


def _whole(row: Mapping[str, object], name: str, default: int) -> int:
    value = row.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        words = ' or "every"' if name == "n" else ""
        raise FaultsError(f"{name}: a whole number from 1{words}, not {value!r}")
    return value


def _number(row: Mapping[str, object], name: str, default: Decimal) -> Decimal:
    if name not in row:
        return default
    value = row[name]
    try:
        # JSON's numbers with a point are floats; their shortest text is what was written.
        number = D(str(value) if isinstance(value, float) else value)  # type: ignore[arg-type]
    except NotMoney as error:
        raise FaultsError(f"{name}: {error}") from None
    if number <= 0:
        raise FaultsError(f"{name}: {number} is not above 0")
    return number


_FIELDS = ("route", "kind", "n", "from", "to", "rate", "seconds")
