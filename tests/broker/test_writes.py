"""Orders and cancels against Alpaca's recorded answers: sent exactly once, and what their answers mean."""

import json

import pytest
import requests
import responses
from responses.matchers import json_params_matcher

from lib.broker.wire import ReadRetry
from lib.domain.facts import Accepted, Refusal, Rejected, Unknown
from lib.errors import KeysRefused
from tests.broker.recorded import BODY, HTML_502, NOT_FOUND, ONE_ORDER, ORDER_ID, ORDERS, broker, order_row


@pytest.fixture
def web():
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def retrying():
    return broker(read_retry=ReadRetry(sleep=lambda _seconds: None))


def test_an_order_goes_out_exactly_as_given(web):
    web.post(ORDERS, json=order_row(), match=[json_params_matcher(BODY)])
    broker().submit(BODY)
    assert json.loads(web.calls[0].request.body)["limit_price"] == "150"


def test_an_order_taken_is_accepted_as_the_broker_shows_it(web):
    web.post(ORDERS, json=order_row(status="pending_new"))
    outcome = broker().submit(BODY)
    assert isinstance(outcome, Accepted)
    assert (outcome.order.id, outcome.order.status) == (ORDER_ID, "pending_new")


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        (403, {"code": 40310000, "message": "insufficient buying power"}, Refusal.BUYING_POWER),
        (422, {"code": 42210000, "message": "oco orders must be exit orders"}, Refusal.NOT_BOOKED),
        (422, {"code": 40010001, "message": "qty must be > 0"}, Refusal.OTHER),
        (400, {"message": "request body format is invalid"}, Refusal.OTHER),
        (404, {"code": 40410000, "message": "symbol not found: X"}, Refusal.OTHER),
        (429, {"code": 42910000, "message": "rate limit exceeded."}, Refusal.RATE_LIMIT),
    ],
)
def test_a_definite_no_is_a_rejection_in_the_brokers_words(web, status, body, refusal):
    rate = {"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "1790000000"}
    web.post(ORDERS, status=status, json=body, headers=rate)
    outcome = broker().submit(BODY)
    assert isinstance(outcome, Rejected)
    assert outcome.refusal is refusal
    assert body["message"] in outcome.message
    assert len(web.calls) == 1


def test_a_429_is_a_no_even_as_a_web_page(web):
    web.post(ORDERS, status=429, body="<html>slow down</html>")
    assert broker().submit(BODY).refusal is Refusal.RATE_LIMIT


UNKNOWABLE = [
    {"status": 500, "json": {"message": "internal server error occurred"}},
    {"status": 502, "body": HTML_502},
    {"status": 503, "body": ""},
    {"status": 504, "body": ""},
    {"status": 504, "json": {"code": 50410000, "message": "request timed out"}},
    {"status": 408, "json": {"message": "request timeout"}},
    {"status": 409, "json": {"code": 40910000, "message": "conflict"}},
    {"status": 403, "body": "<html>Request blocked</html>"},
    {"status": 422, "body": ""},
    {"status": 200, "body": "<html>welcome to the hotel</html>"},
    {"status": 200, "body": '{"id": "61e69015'},
    {"status": 302, "body": "", "headers": {"Location": "https://elsewhere.example/v2/orders"}},
    {"body": requests.ConnectionError("connection reset by peer")},
    {"body": requests.ReadTimeout("slow")},
    {"body": requests.ConnectTimeout("no way")},
    {"body": requests.exceptions.ChunkedEncodingError("broke off")},
]


@pytest.mark.parametrize("trouble", UNKNOWABLE)
def test_what_may_have_happened_is_unknown_and_sent_exactly_once(web, trouble):
    web.post(ORDERS, **trouble)
    web.delete(ONE_ORDER, **trouble)
    for outcome in (retrying().submit(BODY), retrying().cancel(ORDER_ID)):
        assert isinstance(outcome, Unknown)
        assert outcome.message.startswith(("POST /v2/orders: ", f"DELETE /v2/orders/{ORDER_ID}: "))
        assert "\n" not in outcome.message
    assert [call.request.method for call in web.calls] == ["POST", "DELETE"]


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", '"ok"', json.dumps(order_row(qty=None))])
def test_a_success_that_shows_no_order_is_unknown(web, body):
    web.post(ORDERS, status=200, body=body)
    assert isinstance(broker().submit(BODY), Unknown)


def test_a_success_that_shows_another_order_is_unknown(web):
    web.post(ORDERS, json=order_row(client_order_id="another"))
    assert isinstance(broker().submit(BODY), Unknown)


@pytest.mark.parametrize("code", [42210000, 40010001])
def test_an_id_in_use_is_unknown_because_an_earlier_send_may_have_arrived(web, code):
    web.post(ORDERS, status=422, json={"code": code, "message": "client_order_id must be unique"})
    outcome = broker().submit(BODY)
    assert isinstance(outcome, Unknown)
    assert "client_order_id must be unique" in outcome.message


@pytest.mark.parametrize("answer", [{"json": {"message": "unauthorized."}}, {"body": "<html>401</html>"}])
def test_refused_keys_stop_a_write(web, answer):
    web.post(ORDERS, status=401, **answer)
    web.delete(ONE_ORDER, status=401, **answer)
    for write in (lambda: broker().submit(BODY), lambda: broker().cancel(ORDER_ID)):
        with pytest.raises(KeysRefused):
            write()


def test_a_cancel_taken_is_accepted_without_an_order(web):
    web.delete(ONE_ORDER, status=204)
    assert broker().cancel(ORDER_ID) == Accepted(order=None)


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        (422, {"code": 42210000, "message": 'order is already in "filled" state'}, Refusal.NO_SUCH_STATE),
        (404, NOT_FOUND, Refusal.OTHER),
    ],
)
def test_a_cancel_that_comes_too_late_is_rejected(web, status, body, refusal):
    web.delete(ONE_ORDER, status=status, json=body)
    outcome = broker().cancel(ORDER_ID)
    assert isinstance(outcome, Rejected)
    assert outcome.refusal is refusal
    assert body["message"] in outcome.message
