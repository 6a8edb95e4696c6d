"""Requests and responses as the program sees them, whatever carries their bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import parse_qsl

from lib.paper_broker.exchange.refusal import UNDECODABLE, Refusal, undecodable

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = "application/json; charset=UTF-8"
HTML = "text/html"
PARAMS_MAX = 100


class Trouble(StrEnum):
    """What a transport does instead of delivering a response."""

    TIMEOUT = "timeout"  # the client waits in vain
    RESET = "reset"  # the connection breaks


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request: the path as sent, percent signs and all; the query without its question mark."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return a header, whatever case it was sent in."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)

    def params(self) -> dict[str, str]:
        """Return the query's parameters, the last of each name; empty ones count as absent."""
        try:
            return dict(_pairs(self.query))
        except ValueError:
            raise Refusal(400, UNDECODABLE, "too many parameters") from None


@lru_cache(maxsize=256)  # a handler asks for each of its parameters, and a pass sends the same few queries
def _pairs(query: str) -> tuple[tuple[str, str], ...]:
    return tuple(parse_qsl(query, max_num_fields=PARAMS_MAX))


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response, or the trouble that takes its place."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({"Content-Type": JSON}))
    trouble: Trouble | None = None
    late_s: Decimal = Decimal(0)  # how long the transport keeps it back


def page(status: int, title: str) -> Response:
    """Answer with a page of HTML, as the proxy in front of Alpaca does when a request does not get behind it."""
    body = (
        f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n<center><h1>{status} {title}</h1>"
        "</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Response(status, body.encode(), {"Content-Type": HTML})


def answer(value: object, status: int = 200) -> Response:
    """Answer with JSON; Decimals become numbers, so strings must be made before."""
    return Response(status, write_json(value).encode())


def refuse(refusal: Refusal) -> Response:
    """Answer with what Alpaca says no with."""
    return answer(refusal.body, refusal.status)


def read_json(request: Request) -> dict[str, object]:
    """Read a JSON object, its numbers exact; refuse anything else."""
    try:
        value = json.loads(request.body.decode(), parse_float=Decimal, parse_constant=_no_constant)
        if b"\\u" in request.body:
            # Half of a surrogate pair is text for JSON, and for nothing that comes after it.
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError, ArithmeticError):
        raise undecodable() from None
    if not isinstance(value, dict):
        raise undecodable()
    return value


def write_json(value: object) -> str:
    """Write JSON with Decimals as the numbers they are."""
    try:
        return json.dumps(value, separators=(",", ":"))
    except TypeError:
        # The standard writer knows no Decimals; only market data has them.
        return _write_exact(value)


def _write_exact(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(str(key))}:{_write_exact(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_write_exact, value)) + "]"
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
