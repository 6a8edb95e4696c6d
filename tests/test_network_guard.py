"""A test that would leave the machine fails, whatever keys lie about and however the code takes the refusal."""

import contextlib
import os
import socket
import threading

import pytest
from alpaca.trading.client import TradingClient

from tests.tools import loopback
from tests.tools.loopback import OffLoopbackError

ELSEWHERE = ("api.alpaca.markets", 443)
DOCUMENTATION_ADDRESS = ("192.0.2.1", 443)


@pytest.fixture
def refused():
    """Collect the attempts of a test that means to make them, and leave nothing for the autouse fixture to find."""
    yield loopback.refused
    loopback.refused.clear()


def test_no_setting_of_the_shell_is_left_in_a_test():
    left = [name for name in os.environ if name.startswith(("ALPACA_", "PAPER_")) or name.lower().endswith("_proxy")]
    assert [*left, *({"ALERT_URLS", "BROKER", "DATABASE_URL", "STATE_DIR"} & set(os.environ))] == []


def test_a_client_with_live_keys_reaches_nobody(monkeypatch, refused):
    monkeypatch.setenv("ALPACA_API_KEY", "AKLOOKSLIVE0000000000")
    monkeypatch.setenv("ALPACA_SECRET_KEY", "looks-live-and-opens-nothing")
    client = TradingClient(os.environ["ALPACA_API_KEY"], os.environ["ALPACA_SECRET_KEY"], paper=False)
    with pytest.raises(OffLoopbackError):
        client.get_account()
    assert refused == ["api.alpaca.markets"]


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: socket.create_connection(ELSEWHERE, timeout=1),
        lambda: socket.getaddrinfo(*ELSEWHERE),
        lambda: socket.gethostbyname(ELSEWHERE[0]),
        lambda: _with_socket(lambda connection: connection.connect(DOCUMENTATION_ADDRESS)),
        lambda: _with_socket(lambda connection: connection.connect_ex(DOCUMENTATION_ADDRESS)),
        lambda: _with_socket(lambda connection: connection.sendto(b"", DOCUMENTATION_ADDRESS), socket.SOCK_DGRAM),
    ],
    ids=["create_connection", "getaddrinfo", "gethostbyname", "connect", "connect_ex", "sendto"],
)
def test_every_way_off_the_machine_is_closed(attempt, refused):
    with pytest.raises(OffLoopbackError):
        attempt()
    assert len(refused) == 1


def test_an_attempt_that_the_code_swallows_is_remembered(refused):
    def attempt():
        with contextlib.suppress(Exception):
            socket.create_connection(ELSEWHERE, timeout=1)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert refused == [ELSEWHERE[0]]


def test_loopback_stays_open():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"here")
        connection, _ = server.accept()
        with connection:
            assert connection.recv(4) == b"here"
    assert loopback.refused == []


def test_unix_sockets_stay_open(tmp_path):
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        client.connect(str(tmp_path / "socket"))
    assert loopback.refused == []


def _with_socket(use, kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as connection:
        connection.settimeout(1)
        use(connection)
