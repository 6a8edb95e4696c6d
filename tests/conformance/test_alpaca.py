"""The program for Alpaca, run on a paper broker that answers in the place of Alpaca's host."""

from dataclasses import replace

import pytest
from requests import ConnectionError as RequestsConnectionError

from lib.paper_broker.message import Response
from lib.paper_broker.transport import PaperAdapter
from tests.conformance.__main__ import main
from tests.conformance.alpaca import HOST, Alpaca
from tests.conformance.paper import open_for
from tests.conformance.running import new_session, send
from tests.conformance.table import Step, load, read

KEYS = {"CONFORMANCE_API_KEY": "PKconformancekey", "CONFORMANCE_SECRET_KEY": "conformance-secret"}
ROWS = read(
    """
[[row]]
id = "good"
rule = "A limit order far from the market rests."
source = "facts"
given = [{ request = "POST /v2/orders", as = "order", body = { symbol = "AAPL", qty = "1", side = "buy", \
type = "limit", time_in_force = "day", limit_price = "10" } }]
request = "GET /v2/orders/{order.id}"
status = 200
answer = { client_order_id = "~{mark}-.*", status = "~accepted|pending_new|new" }

[[row]]
id = "bad"
rule = "An account is empty-handed."
source = "facts"
request = "GET /v2/account"
status = 200
answer = { cash = "nothing" }

[[row]]
id = "clock"
rule = "A clock moves."
source = "facts"
request = "POST /paper/clock"
body = { advance_s = 1 }
status = 200
answer = { now = "<instant>" }

[[row]]
id = "in-session"
rule = "A market is open."
source = "facts"
in_session = true
request = "GET /v2/clock"
status = 200
answer = { is_open = true }
""",
    "orders",
)
GOOD, BAD, CLOCK, IN_SESSION = ROWS
BUY = {"symbol": "AAPL", "qty": "1", "side": "buy", "time_in_force": "day"}


class Counting:
    """Passes requests on and remembers them; may answer the first ones, or all of a method, by itself."""

    def __init__(self, broker, refuses, answers):
        self.broker, self.refuses, self.answers, self.seen = broker, refuses, list(answers), []

    def respond(self, request):
        self.seen.append(request)
        if self.answers or request.method == self.refuses:
            return Response(self.answers.pop(0) if self.answers else 500, b"no", {"Content-Type": "text/html"})
        return self.broker.respond(request)


@pytest.fixture
def broker():
    return open_for(GOOD)


@pytest.fixture
def alpaca(broker):
    """Return a function that runs the program with the paper broker in Alpaca's place."""
    session = new_session()

    def run(*rows, argv=(), environ=KEYS, refuses=None, answers=(), **target):
        counting = Counting(broker, refuses, answers)
        session.mount(HOST, PaperAdapter(counting))
        target = {"pause": lambda seconds: None, "session": session} | target
        return main(list(argv), environ, list(rows), **target), counting.seen

    return run


def sent(broker, method, path, body=None):
    """Ask the paper broker behind Alpaca's host, as somebody else who uses the account."""
    session = new_session()
    session.mount(HOST, PaperAdapter(broker))
    return send(session, HOST, Step(method=method, path=path, body=body)).json()


def order(broker, **body):
    return sent(broker, "POST", "/v2/orders", BUY | body)


def open_orders(broker):
    return sent(broker, "GET", "/v2/orders")


def test_rows_run_and_their_orders_are_canceled(alpaca, broker, capsys):
    status, seen = alpaca(GOOD, IN_SESSION)
    assert status == 0
    assert "2 rows as expected, 0 not, 0 skipped" in capsys.readouterr().out
    assert open_orders(broker) == []
    assert sum(request.method == "DELETE" for request in seen) == 1
    assert all(request.header("APCA-API-KEY-ID") == KEYS["CONFORMANCE_API_KEY"] for request in seen)


def test_a_row_that_is_not_as_expected_is_named_with_its_rule_and_source(alpaca, capsys):
    status, _ = alpaca(GOOD, BAD)
    said = capsys.readouterr().out
    assert status == 1
    assert "FAILED orders/bad: GET /v2/account: answer.cash: expected 'nothing', got '100000'" in said
    assert "An account is empty-handed. (facts)" in said
    assert "1 rows as expected, 1 not, 0 skipped" in said


def test_rows_that_cannot_run_there_are_listed_with_the_reason_and_not_sent(alpaca, capsys):
    status, seen = alpaca(CLOCK)
    assert status == 0
    assert "skipped orders/clock: moves the paper broker's clock, prices or assets" in capsys.readouterr().out
    assert not any(request.path.startswith("/paper") for request in seen)


def test_rows_for_an_open_market_are_skipped_while_it_is_closed(alpaca, broker, capsys):
    sent(broker, "POST", "/paper/clock", {"now": "2013-01-03T02:00:00Z"})
    status, _ = alpaca(GOOD, IN_SESSION)
    assert status == 0
    assert "skipped orders/in-session: the market is closed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("made", "expected"),
    [({"type": "market"}, "the account has a position"), ({"type": "limit", "limit_price": "10"}, "an open order")],
)
def test_an_account_that_holds_something_is_refused_and_left_alone(alpaca, broker, capsys, made, expected):
    order(broker, **made)
    status, seen = alpaca(GOOD)
    assert status == 2
    assert expected in capsys.readouterr().err
    assert {request.method for request in seen} == {"GET"}


def test_clean_up_leaves_the_orders_of_others(alpaca, broker):
    status, _ = alpaca(GOOD, environ=KEYS)
    assert status == 0
    theirs = order(broker, type="limit", limit_price="10", client_order_id="conformance-of-another-run")
    session = new_session()
    session.mount(HOST, PaperAdapter(broker))
    assert Alpaca("k", "s", pause=lambda seconds: None, session=session).clean_up() == []
    assert [shown["id"] for shown in open_orders(broker)] == [theirs["id"]]


def test_an_order_that_cannot_be_canceled_is_named(alpaca, capsys):
    status, _ = alpaca(GOOD, refuses="DELETE")
    said = capsys.readouterr().out
    assert status == 1
    assert "still open, cancel by hand: conformance-" in said


def test_a_position_that_came_of_it_is_named(alpaca, capsys):
    order = replace(GOOD.given[0], status=422, body=BUY | {"type": "market"})
    status, _ = alpaca(replace(GOOD, given=(), asked=order))
    assert status == 1
    said = capsys.readouterr().out
    assert "an order filled that should have been refused, close by hand: AAPL" in said


def test_a_request_too_many_is_sent_again_a_minute_later(alpaca):
    pauses = []
    status, seen = alpaca(GOOD, answers=[429], pause=pauses.append)
    assert status == 0
    assert pauses[:3] == [0.35, 60, 0.35]
    assert [request.path for request in seen[:3]] == ["/v2/positions", "/v2/positions", "/v2/orders"]


@pytest.mark.parametrize(
    "url",
    [
        "https://api.alpaca.markets",
        "https://broker-api.sandbox.alpaca.markets",
        "http://paper-api.alpaca.markets",
        "https://paper-api.alpaca.markets.example.com",
        "https://paper-api.alpaca.markets@example.com",
        "https://example.com/paper-api.alpaca.markets",
        "http://127.0.0.1:8900",
        "",
    ],
)
def test_every_host_but_alpacas_paper_host_is_refused_before_anything_is_sent(alpaca, capsys, url):
    status, seen = alpaca(GOOD, url=url)
    assert (status, seen) == (2, [])
    assert f"{url} is not https://paper-api.alpaca.markets" in capsys.readouterr().err


@pytest.mark.parametrize("missing", [("CONFORMANCE_API_KEY",), ("CONFORMANCE_SECRET_KEY",), tuple(KEYS)])
def test_missing_keys_are_one_clear_line_and_status_2(alpaca, capsys, missing):
    others = {"ALPACA_API_KEY": "PKother", "ALPACA_SECRET_KEY": "other", "APCA_API_KEY_ID": "PKthird"}
    environ = {name: value for name, value in KEYS.items() if name not in missing} | others
    status, seen = alpaca(GOOD, environ=environ)
    said = capsys.readouterr()
    assert (status, seen, said.out) == (2, [], "")
    expected = f"conformance: set {' and '.join(missing)} to the keys of an empty Alpaca paper account\n"
    assert said.err == expected


def test_an_argument_is_refused(alpaca):
    assert alpaca(GOOD, argv=["--url=https://api.alpaca.markets"]) == (2, [])


def test_keys_that_are_not_taken_are_one_clear_line(alpaca, capsys):
    status, _ = alpaca(GOOD, refuses="GET")
    assert status == 2
    assert capsys.readouterr().err.startswith("conformance: GET /v2/positions was answered with 500: are these")


class Unreachable(PaperAdapter):
    def send(self, request, **kwargs):
        raise RequestsConnectionError(f"no route, headers {request.headers}")


@pytest.mark.parametrize("way", ["as expected", "not as expected", "refused", "unreachable"])
def test_keys_are_never_printed(alpaca, broker, capsys, way):
    if way == "unreachable":
        session = new_session()
        session.mount(HOST, Unreachable(broker))
        assert main([], KEYS, [GOOD], pause=lambda seconds: None, session=session) == 2
    else:
        alpaca(*([GOOD] if way == "as expected" else [BAD]), refuses="GET" if way == "refused" else None)
    said = capsys.readouterr()
    assert said.out + said.err
    assert not any(key in said.out + said.err for key in KEYS.values())


@pytest.mark.slow
def test_every_row_that_may_run_on_alpaca_passes_on_one_account_and_leaves_it_empty(alpaca, broker, capsys):
    rows = [row for row in load() if row.not_on_alpaca is None]
    status, _ = alpaca(*rows)
    said = capsys.readouterr().out
    assert status == 0, said
    assert f"{len(rows)} rows as expected, 0 not, 0 skipped" in said
    assert open_orders(broker) == []
    assert sent(broker, "GET", "/v2/positions") == []
