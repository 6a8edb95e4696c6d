"""Keep a process on its own machine: a connection, datagram or name look-up that would leave it raises.

`refused` remembers each attempt, for code that catches what is raised.
"""

import ipaddress
import socket

refused: list[str] = []


class OffLoopbackError(RuntimeError):
    """Not an OSError, so that no retry of a client takes it for a passing trouble of the network."""


def install() -> None:
    """Guard every socket of this process from now on; a second call changes nothing."""
    if not hasattr(socket.socket, "guarded"):
        socket.socket.guarded = True
        for name in ("connect", "connect_ex", "sendto"):
            setattr(socket.socket, name, _guarded_method(getattr(socket.socket, name)))
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"):
            setattr(socket, name, _guarded_function(getattr(socket, name)))


def _guarded_method(original):
    def guarded(self, *arguments):
        if self.family != socket.AF_UNIX:
            _check(arguments[-1][0])
        return original(self, *arguments)

    return guarded


def _guarded_function(original):
    def guarded(target, *arguments, **options):
        _check(target[0] if isinstance(target, tuple) else target)
        return original(target, *arguments, **options)

    return guarded


def _check(host: str | bytes | None) -> None:
    name = host.decode() if isinstance(host, bytes) else host or "localhost"
    if not _is_loopback(name):
        refused.append(name)
        message = f"a test may not connect to {name}"
        raise OffLoopbackError(message)


def _is_loopback(name: str) -> bool:
    if name in ("localhost", "0.0.0.0", "::"):  # noqa: S104 - the last two are asked for when a server binds
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False
