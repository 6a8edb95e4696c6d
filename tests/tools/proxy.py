"""A TCP proxy before an HTTP server, which damages what goes through it, byte by byte.

It reads one request of a connection whole, then carries it, its answer or parts of both as the fault says, and closes
the connection. What reached the server and how often is the server's to say; the proxy counts what came to it.
"""

import asyncio
import re
import socket
import struct
import threading
from contextlib import contextmanager
from enum import StrEnum
from urllib.parse import urlsplit

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing the socket sends a reset
LATE_S = 0.1
DRIP, DRIP_S = 100, 0.005  # so many bytes one by one, then a breath: an answer of 3,000 takes a fifth of a second
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(HTML), HTML)


class Damage(StrEnum):
    """What happens to one request or its answer."""

    DELAY = "the answer comes late, and whole"
    STALL = "the request arrives, the answer never comes"
    RESET_BEFORE_BODY = "reset when the head of the request is read"
    RESET_AFTER_BODY = "the request arrives, then a reset in place of an answer"
    RESET_AFTER_HEAD = "the request arrives, then a reset after the head of the answer"
    TRUNCATE = "the request arrives, the answer ends in its middle"
    DUPLICATE = "the request arrives twice, the second answer is given"
    SLOW = "the answer comes byte by byte, and whole"
    LENGTH_TOO_LONG = "the answer promises more bytes than come"
    LENGTH_TOO_SHORT = "the answer promises fewer bytes than come"
    HTML_BEFORE = "a gateway's page, the request does not arrive"
    HTML_AFTER = "the request arrives, then a gateway's page"


HARMLESS = frozenset({Damage.DELAY, Damage.SLOW})
"""After these the client has the true answer."""
NEVER_ARRIVES = frozenset({Damage.RESET_BEFORE_BODY, Damage.HTML_BEFORE})


class Proxy:
    """The address to use, and what came: the first line of each request, in order."""

    def __init__(self, server_url, choose):
        self._server = urlsplit(server_url)
        self._choose = choose
        self.seen = []
        self.url = ""

    async def carry(self, reader, writer):
        """Carry one request; its fault is chosen by its first line."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            line = head.split(b"\r\n")[0].decode()
            self.seen.append(line)
            damage = self._choose(line, len(self.seen))
            if damage is Damage.RESET_BEFORE_BODY:
                return reset(writer)
            body = await reader.readexactly(length_of(head))
            if damage is Damage.HTML_BEFORE:
                return writer.write(BAD_GATEWAY)
            answer = await self._ask(head, body)
            if damage is Damage.DUPLICATE:
                answer = await self._ask(head, body)
            await give(writer, answer, damage)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the client has gone, which a fault may well have made it do, or the test is over
        finally:
            writer.close()

    async def _ask(self, head, body):
        """Send a request to the server, on a connection of its own; return all the bytes of the answer."""
        reader, writer = await asyncio.open_connection(self._server.hostname, self._server.port)
        try:
            writer.write(once(head) + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            return once(answer) + await reader.readexactly(length_of(answer))
        finally:
            writer.close()


async def give(writer, answer, damage):
    """Give the client what the damage leaves of an answer."""
    head, body = answer.split(b"\r\n\r\n", 1)
    match damage:
        case Damage.DELAY:
            await asyncio.sleep(LATE_S)
        case Damage.STALL:
            await asyncio.sleep(60)
        case Damage.RESET_AFTER_BODY:
            return reset(writer)
        case Damage.RESET_AFTER_HEAD:
            writer.write(head + b"\r\n\r\n" + body[: len(body) // 3])
            await writer.drain()
            await asyncio.sleep(LATE_S / 5)  # a reset overtakes what was sent right before it
            return reset(writer)
        case Damage.TRUNCATE:
            answer = answer[: len(answer) - max(1, len(body) // 2)]
        case Damage.SLOW:
            for place in range(len(answer)):
                writer.write(answer[place : place + 1])
                await writer.drain()
                await asyncio.sleep(0 if place % DRIP else DRIP_S)
            return None
        case Damage.LENGTH_TOO_LONG:
            answer = with_length(head, len(body) + 7) + body
        case Damage.LENGTH_TOO_SHORT:
            answer = with_length(head, max(0, len(body) - 7)) + body
        case Damage.HTML_AFTER:
            answer = BAD_GATEWAY
    writer.write(answer)
    return await writer.drain()


def reset(writer):
    """Break the connection the hard way."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


def length_of(head):
    found = LENGTH.search(head)
    return int(found[1]) if found else 0


def with_length(head, length):
    return LENGTH.sub(b"", head) + b"\r\nContent-Length: %d\r\n\r\n" % length


def once(head):
    """Say in a head that this connection carries nothing more."""
    return re.sub(rb"\r\nconnection: [^\r]*", b"", head[:-4], flags=re.IGNORECASE) + b"\r\nConnection: close\r\n\r\n"


@contextmanager
def proxy(server_url, choose=lambda _line, _number: None):
    """Run a proxy in a thread; `choose(first line of a request, its number from 1)` names its damage, or None."""
    made = Proxy(server_url, choose)
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    def serve():
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(asyncio.start_server(made.carry, "127.0.0.1", 0))
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        loop.run_forever()
        server.close()
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
