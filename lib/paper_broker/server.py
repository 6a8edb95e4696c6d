"""HTTP: Starlette and uvicorn carry bytes to the paper broker, and break connections when a fault says so."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import h11
import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response as StarletteResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

from lib.paper_broker.message import JSON, Request, Response, Trouble, answer
from lib.paper_broker.program import BODY_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

    from lib.paper_broker.transport import Responds

logger = logging.getLogger(__name__)

STALL_S = 60
"""How long a time-out lasts before the connection is dropped."""
START_S_MAX = 10
_LINGER_ZERO = struct.pack("ii", 1, 0)
_connections: dict[object, asyncio.Transport] = {}


class _Breakable(H11Protocol):
    """Remembers its connection by the client's address, so that a fault can break it; says no in JSON."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _connections[transport.get_extra_info("peername")] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        _connections.pop(self.transport.get_extra_info("peername"), None)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        headers = [("Content-Type", JSON), ("Connection", "close")]
        body = answer({"code": 40010000, "message": msg}).body
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def app(paper: Responds, *, stall_s: float = STALL_S) -> ASGIApp:
    """Make the ASGI application that carries every path, whatever its method, to the paper broker."""

    async def carry(scope: Scope, receive: Receive, send: Send) -> None:
        request = StarletteRequest(scope, receive)
        try:
            body = await _body(request)
        except ClientDisconnect:
            return
        carried = Request(
            method=scope["method"],
            path=scope["raw_path"].decode("ascii", "replace"),
            query=scope["query_string"].decode("ascii", "replace"),
            headers=dict(request.headers),
            body=body,
        )
        found = await run_in_threadpool(_answer, paper, carried)
        await asyncio.sleep(float(found.late_s))
        if found.trouble is not None:
            if found.trouble is Trouble.TIMEOUT:
                await asyncio.sleep(stall_s)
            _break(request)
        await StarletteResponse(found.body, found.status or 500, dict(found.headers))(scope, receive, send)

    return carry


def _answer(paper: Responds, request: Request) -> Response:
    """Answer a request; what nobody foresaw is told on standard error, and the next request may well be answered.

    In-process the same mistake reaches the caller, for there a test must fail by it.
    """
    try:
        return paper.respond(request)
    except Exception:
        logger.exception("paper broker: %s %s failed", request.method, request.path)
        return answer({"code": 50010000, "message": "internal server error occurred"}, 500)


async def _body(request: StarletteRequest) -> bytes:
    """Read a body, of one that is too large only as much as shows that it is."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            break
    return bytes(body[: BODY_BYTES_MAX + 1])


@contextmanager
def serving(paper: Responds, *, stall_s: float = STALL_S) -> Iterator[str]:
    """Serve on a free loopback port from a thread; give its base URL."""
    listener = listen("127.0.0.1", 0)
    server = _server(paper, stall_s=stall_s)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_S_MAX
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            message = "the paper broker's server did not start"
            raise RuntimeError(message)
        time.sleep(0.005)
    try:
        yield address(listener)
    finally:
        server.should_exit = server.force_exit = True
        thread.join(START_S_MAX)


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; port 0 takes a free one."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise OSError(f"cannot listen on {host}:{port} ({error.strerror})") from error
    # asyncio turns off Nagle's delay only on sockets that say they are TCP; with it each answer takes 40 ms.
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(place)
        listener.listen()
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {host}:{port} ({error.strerror})") from error
    return listener


def address(listener: socket.socket) -> str:
    """Return the base URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(paper: Responds, listener: socket.socket) -> None:
    """Serve until interrupted."""
    _server(paper, stall_s=STALL_S).run(sockets=[listener])


def _server(paper: Responds, *, stall_s: float) -> uvicorn.Server:
    config = uvicorn.Config(
        app(paper, stall_s=stall_s),
        http=_Breakable,
        ws="none",
        lifespan="off",
        log_level="warning",
        server_header=False,
        date_header=False,  # the paper broker tells the time of its own clock
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def _break(request: StarletteRequest) -> None:
    """Close the client's connection the hard way: it sees a reset, not an end."""
    client = request.scope["client"]
    transport = _connections.get(tuple(client)) if client else None
    if transport is None:
        return
    handle = transport.get_extra_info("socket")
    if handle is not None:
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()
