"""The heartbeat: one GET, never in the way, its address never shown."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lib.accounts import Turn
from lib.config import Settings
from lib.domain.results import PassResult
from lib.errors import BrokerUnavailable, ConfigError
from lib.heartbeat import beat, is_clean

ENOUGH_S = 5
ASKED_WITHIN_S = 2


@contextmanager
def listening(status=200, released=None):
    """Serve one address; yield it and the paths that were asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if released is not None:
                released.wait(ENOUGH_S)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/secret-uuid", asked
    finally:
        if released is not None:
            released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def result(outcome="done"):
    return PassResult(stage="order_monitor", account="main", run_id="r", where="w", outcome=outcome)


def turn(outcome):
    return Turn(account="main", outcome=outcome)


def test_it_is_one_get_of_the_address():
    with listening() as (url, asked):
        assert beat(url) is None
    assert asked == ["/secret-uuid"]


def test_an_answer_that_is_no_success_is_told():
    with listening(status=500) as (url, _):
        assert beat(url) == "the answer is 500"


def test_an_address_that_hangs_is_left_behind_in_time():
    released = threading.Event()
    with listening(released=released) as (url, _):
        began = time.monotonic()
        assert beat(url, timeout_s=0.05) in {"no answer in time", "ReadTimeout"}
        assert time.monotonic() - began < ASKED_WITHIN_S


def test_an_address_nobody_answers_at_is_told_without_the_address(unused_port):
    assert beat(f"http://127.0.0.1:{unused_port}/secret-uuid") == "ConnectionError"


@pytest.fixture
def unused_port():
    """A port that nobody listens on."""
    with listening() as (url, _):
        port = url.rpartition(":")[2].partition("/")[0]
    return int(port)


@pytest.mark.parametrize(
    ("outcomes", "clean"),
    [
        ([result()], True),
        ([result(), result()], True),
        ([], False),
        ([result("skipped")], False),
        ([result("incomplete")], False),
        ([result(), BrokerUnavailable("no answer")], False),
    ],
)
def test_only_a_run_that_looked_at_every_account_and_left_nothing_is_clean(outcomes, clean):
    assert is_clean(map(turn, outcomes)) is clean


@pytest.mark.parametrize("url", ["ftp://example.com/x", "example.com", "http://", "http://[::1"])
def test_an_address_that_is_none_is_refused_without_showing_it(url):
    with pytest.raises(ConfigError) as refused:
        Settings.from_env({"HEARTBEAT_URL": url})
    assert str(refused.value) == "HEARTBEAT_URL: it is not an http(s) address"


def test_the_address_is_in_no_repr():
    settings = Settings.from_env({"HEARTBEAT_URL": "https://hc-ping.com/secret-uuid"})
    assert settings.heartbeat_url == "https://hc-ping.com/secret-uuid"
    assert "secret-uuid" not in repr(settings)
