"""Over real sockets: how long it waits, how often it sends, and what it costs to import."""

import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lib.broker.wire import ReadRetry
from lib.domain.facts import Unknown
from lib.errors import BrokerUnavailable
from tests.broker.recorded import API_KEY, BODY, SECRET_KEY, broker

ROOT = Path(__file__).parents[2]
IMPATIENT_S = (3.05, 0.15)
SOON_S = 3  # far from 0.15 on a busy machine, and far from waiting for ever


@contextmanager
def server(behave):
    """Serve each connection with `behave(connection)` and collect the first line of every request that came."""
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    head = connection.recv(65536)
                    if head:
                        seen.append(head.split(b"\r\n")[0].decode())
                        behave(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


def stall(connection):
    connection.settimeout(5)
    connection.recv(1)  # until the client hangs up


def drip(said):
    """Say this at once, then blanks one by one, each well within the time-out, for far longer than a test lasts."""

    def behave(connection):
        with suppress(OSError):  # the client hangs up
            connection.sendall(said)
            for _ in range(1000):
                time.sleep(IMPATIENT_S[1] / 3)
                connection.sendall(b" ")

    return behave


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def break_off(connection):
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"id": "61e6')


def redirect(connection):
    connection.sendall(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /v2/orders\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.case("fail-A4", "fail-N12")
@pytest.mark.parametrize("behave", [stall, reset, break_off, redirect])
def test_a_write_is_sent_once_whatever_the_server_does(behave):
    with server(behave) as (url, seen):
        outcome = broker(trading_url=url, http_timeout_s=IMPATIENT_S).submit(BODY)
    assert isinstance(outcome, Unknown)
    assert seen == ["POST /v2/orders HTTP/1.1"]


def test_a_silent_server_is_waited_for_no_longer_than_the_time_out():
    with server(stall) as (url, seen):
        started = time.monotonic()
        with pytest.raises(BrokerUnavailable, match="GET /v2/account: no answer within the time-out"):
            broker(trading_url=url, http_timeout_s=IMPATIENT_S).account()
        assert 0.1 < time.monotonic() - started < SOON_S
    assert seen == ["GET /v2/account HTTP/1.1"]


@pytest.mark.case("fail-I-2")
@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200 OK\r\nX-Padding: ", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"],
    ids=["status line", "headers", "body"],
)
def test_a_server_that_sends_a_byte_now_and_then_holds_nobody(said):
    with server(drip(said)) as (url, seen):
        started = time.monotonic()
        outcome = broker(trading_url=url, http_timeout_s=IMPATIENT_S).submit(BODY)
        assert 2 * IMPATIENT_S[1] - 0.05 < time.monotonic() - started < SOON_S
    assert isinstance(outcome, Unknown)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"Date: Fri, 02 Oct 2026 13:46:07 GMT\r\n", datetime(2026, 10, 2, 13, 46, 7, tzinfo=UTC)),
        (b"Date: the day before yesterday\r\n", None),
        (b"Date: Fri, 02 Oct 2026 13:46:07\r\n", None),
        (b"Date: Fri, 31 Dec 9999 23:00:00 -1400\r\n", None),
        (b"", None),
    ],
)
def test_the_account_tells_what_the_broker_s_clock_said(said, expected):
    def tell(connection):
        body = b'{"account_number": "PA1", "equity": "1", "cash": "1", "buying_power": "1"}'
        connection.sendall(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (said, len(body), body))

    with server(tell) as (url, _):
        assert broker(trading_url=url).account().at == expected


def test_a_read_is_sent_three_times_over_a_connection_that_breaks():
    with server(reset) as (url, seen):
        retry = ReadRetry(sleep=lambda _seconds: None)
        with pytest.raises(BrokerUnavailable, match="the connection failed"):
            broker(trading_url=url, read_retry=retry).account()
    assert len(seen) == 3


def test_a_closed_port_is_said_in_one_line_without_keys():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(BrokerUnavailable, match="Connection refused") as caught:
        broker(trading_url=url).account()
    line = str(caught.value)
    assert "\n" not in line
    assert API_KEY not in line
    assert SECRET_KEY not in line


def test_nesting_that_no_parser_follows_is_an_unreadable_answer():
    def nest(connection):
        body = b"[" * 200_000
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with server(nest) as (url, _), pytest.raises(BrokerUnavailable, match="not JSON"):
        broker(trading_url=url).account()


@pytest.mark.slow
def test_importing_the_adapter_loads_neither_pandas_nor_alpacas_models():
    program = "import json, sys, lib.broker.alpaca; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(run.stdout))
    assert "alpaca.common.rest" in loaded
    assert not loaded & {"pandas", "numpy", "alpaca.trading", "alpaca.data", "alpaca.broker", "pytz", "sqlalchemy"}
