"""The check that holds answers against Alpaca's documents does see what is wrong."""

import json

import pytest

from tests.paper_broker.rig import order_body
from tests.specs.validation import documented, documents, offences


@pytest.fixture
def order(open_rig):
    return open_rig().post("/v2/orders", **order_body())


def wrong(order, method="POST", path="/v2/orders", status=200):
    return offences(method, path, status, json.dumps(order))


def test_an_order_as_alpaca_sends_it_passes(order):
    assert wrong(order) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"qty": 10}, "/qty"),
        ({"filled_qty": None}, "/filled_qty"),
        ({"status": "cancelled"}, "/status"),
        ({"id": "17"}, "/id"),
        ({"created_at": "yesterday"}, "/created_at"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_field_that_alpaca_would_not_send_is_an_offence(order, change, told):
    found = wrong(order | change)
    assert len(found) == 1
    assert told in found[0].replace("['", "/").replace("']", "")


def test_a_field_left_out_of_an_order_is_an_offence(order):
    del order["hwm"]
    assert "hwm" in wrong(order)[0]


def test_a_status_that_the_document_does_not_know_is_an_offence(order):
    assert wrong(order, status=201)


def test_a_refusal_needs_a_message_and_of_the_trading_api_a_code():
    assert wrong({"message": "no"}, status=422)
    assert wrong({"code": 42210000}, status=422)
    assert not wrong({"message": "unauthorized."}, status=401)
    assert not wrong({"message": "invalid feed"}, path="/v2/stocks/quotes/latest", method="GET", status=400)


def test_the_documents_say_where_they_come_from():
    assert documents()
    assert all("alpaca-mcp-server" in document["info"]["description"] for document in documents())
    assert documented("GET", "/v2/orders/17")
    assert not documented("PUT", "/v2/orders")
