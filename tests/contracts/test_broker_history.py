"""What the broker port promises of the past, asked of the adapter over each transport that the paper broker has."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from lib.paper_broker.message import Request
from lib.paper_broker.server import serving
from lib.paper_broker.transport import PaperAdapter
from tests.broker.desk import OPEN, STALL_S, Desk, Door, entry, oco, resting


@pytest.fixture(scope="module")
def http():
    door = Door()
    with serving(door, stall_s=STALL_S) as url:
        yield Desk(door, url, None)


@pytest.fixture(params=["in_process", pytest.param("http", marks=pytest.mark.slow)])
def desk(request):
    if request.param == "http":
        return request.getfixturevalue("http")
    door = Door()
    return Desk(door, "https://paper.invalid", PaperAdapter(door))


def test_history_has_every_order_since_a_time_whatever_became_of_it(desk):
    prices = {"AAPL": [(OPEN, Decimal("149.89")), (OPEN + timedelta(hours=1), Decimal("144.90"))]}
    broker = desk.open(prices)
    broker.submit(resting("ns-d1-entry-1"))
    broker.cancel(broker.live_orders()[0].id)
    desk.later(minutes=1)
    broker.submit(entry("ns-d2-entry-1"))
    broker.submit(oco())
    desk.later(hours=1)
    broker.submit(resting("ns-d3-entry-1"))
    told = broker.orders_since(OPEN - timedelta(seconds=1))
    assert [(order.client_order_id, order.status) for order in told] == [
        ("ns-d1-entry-1", "cancelled"),
        ("ns-d2-entry-1", "filled"),
        ("ns-t1-exit-1", "cancelled"),
        ("ns-d3-entry-1", "new"),
    ]
    assert [(leg.kind, leg.status, leg.filled_qty) for leg in told[2].legs] == [("stop", "filled", 10)]
    # The bound is exclusive, and goes by when an order was sent.
    assert [order.client_order_id for order in broker.orders_since(OPEN)] == [o.client_order_id for o in told[1:]]
    assert broker.orders_since(OPEN + timedelta(hours=2)) == ()
    with pytest.raises(ValueError, match="no time zone"):
        broker.orders_since(OPEN.replace(tzinfo=None))


@pytest.mark.slow
def test_all_orders_since_a_time_are_read_though_a_page_ends_between_two_of_one_moment(desk):
    broker = desk.open()
    names = [f"ns-d{n}-entry-1" for n in range(502)]  # the clock stands still, so all share one time
    for name in names:
        body = json.dumps(resting(name, qty="1", limit_price="1")).encode()
        desk.door.paper.respond(Request("POST", "/v2/orders", body=body))
    assert [order.client_order_id for order in broker.orders_since(OPEN - timedelta(seconds=1))] == names
    assert desk.door.seen == ["GET /v2/orders", "GET /v2/orders"]
