"""Whatever is sent, the answer is JSON, and never worse than "you did something wrong"."""

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.paper_broker.message import Request
from lib.paper_broker.program import BODY_BYTES_MAX
from tests.paper_broker.rig import order_body

fast = settings(
    max_examples=100, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def words(text):
    return text.split()


ORDER_FIELDS = words(
    """symbol qty notional side type time_in_force limit_price stop_price trail_price trail_percent extended_hours
    client_order_id order_class position_intent take_profit stop_loss limit_price now advance_s bid ask clear"""
)
PATHS = words(
    """/v2/account /v2/account/activities /v2/account/activities/FILL /v2/account/configurations /v2/positions
    /v2/positions/AAPL /v2/clock /v2/calendar /v2/assets /v2/assets/AAPL /v2/orders /v2/orders:by_client_order_id
    /v2/orders/c0ffee00-0000-4000-8000-000000000000 /v2/stocks/quotes/latest /v2/stocks/bars /v2/stocks/snapshots
    /v1beta3/crypto/us/latest/quotes /v3/clock /paper /paper/clock /paper/price /v2/nothing /"""
)
PARAMS = words(
    """status limit after until direction nested symbols side page_size page_token date start end timeframe feed
    client_order_id asset_class after_order_id before_order_id cancel_orders qty percentage"""
)
HUGE = ["9" * 4000, "1e999999", "1e-999999", "-1e400", "1e9999999999999999999", "123456789012345678.123456789"]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=20),
    st.sampled_from(
        ["AAPL", "buy", "sell", "market", "limit", "day", "gtc", "oco", "10", "0", "-1", "NaN", "Infinity", "\0"]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(ORDER_FIELDS), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.sampled_from(ORDER_FIELDS), values, max_size=8)
field_values = values.map(json.dumps) | st.sampled_from(HUGE)
# An order that would be taken but for one field: garbage alone seldom gets past the first check.
nearly = st.builds(
    lambda name, value: json.dumps(order_body() | {name: "?"}).replace('"?"', value),
    st.sampled_from(ORDER_FIELDS),
    field_values,
)
written = objects.map(json.dumps) | nearly
bodies = st.binary(max_size=60) | written.map(str.encode) | written.map(lambda text: text.encode()[:-1])
garbled_parts = st.text(st.sampled_from("%abc0/:.+&=;,AZ-"), max_size=12)
paths = st.sampled_from(PATHS) | st.builds(lambda path, part: f"{path}/{part}", st.sampled_from(PATHS), garbled_parts)
pairs = st.builds(lambda name, value: f"{name}={value}", st.sampled_from(PARAMS), garbled_parts)
queries = st.lists(pairs, max_size=4).map("&".join) | st.text(st.sampled_from("%abc0&=;+"), max_size=20)
methods = st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS", "TRACE", "BREW", "get"])


def deliver(rig, method, target, body=b""):
    """Send a request as it is, without a client that would mend it; return the status and the JSON of the answer."""
    if rig.url.endswith(".invalid"):
        path, _, query = target.partition("?")
        answer = rig.paper.respond(Request(method, path, query, body=body))
        status, kind, content = answer.status, answer.headers["Content-Type"], answer.body
    else:
        head = f"{method} {target} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        status, kind, content = exchange(rig, head.encode() + body, method)
    assert status == 204 or kind.startswith("application/json")
    return status, json.loads(content) if content else None


def exchange(rig, sent, method="GET"):
    place = urlsplit(rig.url)
    with socket.create_connection((place.hostname, place.port), timeout=5) as connection:
        connection.sendall(sent)
        answer = http.client.HTTPResponse(connection, method=method)
        answer.begin()
        return answer.status, answer.getheader("Content-Type", ""), answer.read()


@fast
@given(method=methods, path=paths, query=queries, body=bodies)
def test_any_request_is_answered_with_json_and_no_server_error(open_rig, method, path, query, body):
    rig = open_rig()
    status, _ = deliver(rig, method, f"{path}?{query}" if query else path, body)
    assert status < 500


@fast
@given(body=bodies)
def test_any_body_of_an_order_is_answered_and_a_refusal_says_why(open_rig, body):
    rig = open_rig()
    status, answer = deliver(rig, "POST", "/v2/orders", body)
    assert status in {200, 400, 403, 422}
    assert status == 200 or (str(answer["code"]).startswith("40") or answer["code"] == 42210000)
    assert status == 200 or answer["message"]


BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"order"',
    b"\xff\xfe{}",
    '{"symbol": "AAPL"}'.encode("utf-16"),
    b'{"client_order_id": "\\ud800"}',
    b'{"qty": NaN}',
    b'{"qty": Infinity}',
    b'{"qty": ' + b"9" * 5000 + b"}",
    b"[" * 100_000,
    b'{"a":' * 100_000,
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_what_is_no_json_object_is_refused_with_400(open_rig, body):
    answer = {"code": 40010000, "message": "request body format is invalid"}
    assert deliver(open_rig(), "POST", "/v2/orders", body) == (400, answer)


def test_a_body_as_deep_as_json_may_be_is_refused_and_not_choked_on(open_rig):
    depth = 300
    body = b'{"symbol": "AAPL", "qty": ' + b"[" * depth + b"]" * depth + b"}"
    status, _ = deliver(open_rig(), "POST", "/v2/orders", body)
    assert status in {400, 422}


@pytest.mark.parametrize(("excess", "status"), [(0, 400), (1, 413)])
def test_a_body_may_be_so_large_and_no_larger(open_rig, excess, status):
    assert deliver(open_rig(), "POST", "/v2/orders", b" " * (BODY_BYTES_MAX + excess))[0] == status


def test_a_hundred_parameters_are_taken_and_no_more(open_rig):
    rig = open_rig()
    assert deliver(rig, "GET", "/v2/orders?" + "&".join(["a=1"] * 100))[0] == 200
    assert deliver(rig, "GET", "/v2/orders?" + "&".join(["a=1"] * 101))[0] == 400


@pytest.mark.parametrize(
    "path", ["/", "/v2", "/v2/orders/", "//v2/orders", "/v2/v2/orders", "/%0A", "/%", "/%zz", "/%ff"]
)
def test_a_path_that_leads_nowhere_is_404(open_rig, path):
    assert deliver(open_rig(), "GET", path) == (404, {"code": 40410000, "message": "endpoint not found."})


@pytest.mark.parametrize(("method", "path"), [("PUT", "/v2/orders"), ("BREW", "/v2/clock"), ("OPTIONS", "/v2/orders")])
def test_a_method_that_a_path_does_not_know_is_405(open_rig, method, path):
    assert deliver(open_rig(), method, path) == (405, {"code": 40510000, "message": "method not allowed."})


def test_a_client_order_id_with_a_nul_is_kept_as_it_is(open_rig):
    body = json.dumps(order_body(client_order_id="a\0b"))
    status, order = deliver(open_rig(), "POST", "/v2/orders", body.encode())
    assert (status, order["client_order_id"]) == (200, "a\0b")


@pytest.mark.parametrize(
    "sent",
    [b"hello\r\n\r\n", b"GET /v2/clock\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"],
)
def test_what_is_no_http_is_refused_in_json(server, sent):
    _, url = server
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=5) as connection:
        connection.sendall(sent)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["code"]) == (400, 40010000)
