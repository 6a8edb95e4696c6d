"""HTTP: Starlette and uvicorn carry bytes to the paper broker, and break connections when a fault says so."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response as StarletteResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from lib.paper_broker.message import Request, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request as StarletteRequest

    from lib.paper_broker.program import PaperBroker
    from lib.paper_broker.transport import Responds

STALL_S = 60
"""How long a time-out lasts before the connection is dropped."""
START_S_MAX = 10
BODY_BYTES_MAX = 1_000_000
_METHODS = ["GET", "POST", "DELETE", "PATCH", "PUT"]
_LINGER_ZERO = struct.pack("ii", 1, 0)
_connections: dict[object, asyncio.Transport] = {}


class _Breakable(H11Protocol):
    """Remembers its connection by the client's address, so that a fault can break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _connections[transport.get_extra_info("peername")] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        _connections.pop(self.transport.get_extra_info("peername"), None)
        super().connection_lost(exc)


def app(paper: Responds, *, stall_s: float = STALL_S) -> Starlette:
    """Make the ASGI application that carries every path to the paper broker."""

    async def carry(request: StarletteRequest) -> StarletteResponse:
        body = await request.body()
        if len(body) > BODY_BYTES_MAX:
            return StarletteResponse(b'{"code":40010000,"message":"request body is too large"}', 413)
        carried = Request(
            method=request.method,
            path=request.scope["raw_path"].decode("ascii", "replace"),
            query=request.scope["query_string"].decode("ascii", "replace"),
            headers=dict(request.headers),
            body=body,
        )
        found = await run_in_threadpool(paper.respond, carried)
        if found.trouble is not None:
            if found.trouble is Trouble.TIMEOUT:
                await asyncio.sleep(stall_s)
            _break(request)
        return StarletteResponse(found.body, found.status or 500, dict(found.headers))

    return Starlette(routes=[Route("/{path:path}", carry, methods=_METHODS)])


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
    family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
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


def serve(paper: PaperBroker, listener: socket.socket) -> None:
    """Serve until interrupted, with the state file to itself."""
    paper.take_alone()
    _server(paper, stall_s=STALL_S).run(sockets=[listener])


def _server(paper: Responds, *, stall_s: float) -> uvicorn.Server:
    config = uvicorn.Config(
        app(paper, stall_s=stall_s),
        http=_Breakable,
        lifespan="off",
        log_level="warning",
        server_header=False,
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
