"""Lists lag reads by id: an order filled is still open in a list, one just sent is not there yet."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from lib.paper_broker.clocks import RecordedClock
from lib.paper_broker.message import Request
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.paper_broker.program import open_paper
from tests.paper_broker.replacing import replaced
from tests.paper_broker.rig import WEDNESDAY_OPEN, order_body


@pytest.fixture
def lagging(open_rig):
    """Lists show what was two seconds ago."""
    return open_rig(list_lag_s=Decimal(2))


def listed(rig, status="all", **params):
    return [(order["status"], order["filled_qty"]) for order in rig.get("/v2/orders", status=status, **params)]


def test_an_order_appears_in_lists_when_the_lag_is_over_and_by_its_ids_at_once(lagging):
    order = lagging.buy(type="limit", limit_price="100", client_order_id="mine")
    assert lagging.order(order["id"])["status"] == "new"
    assert lagging.get("/v2/orders:by_client_order_id", client_order_id="mine")["status"] == "new"
    assert listed(lagging) == []
    lagging.advance(1.999)
    assert listed(lagging) == []
    lagging.advance(0.001)
    assert listed(lagging) == [("new", "0")]


def test_a_list_shows_an_order_as_it_stood_filled_quantity_and_all(open_rig):
    rig = open_rig(list_lag_s=Decimal(2), fill_plan={"mine": (Decimal(0), Decimal(4))})
    order = rig.buy(client_order_id="mine")
    rig.advance(10)
    rig.price("149")  # fills 4
    rig.advance(1)
    rig.price("148")  # fills the other 6
    assert rig.order(order["id"])["filled_qty"] == "10"
    seen = [listed(rig)]
    for _ in range(3):
        rig.advance(1)
        seen.append(listed(rig))
    # 4 filled at second 10 and 6 at second 11; the list is asked at seconds 11 to 14.
    assert seen == [[("new", "0")], [("partially_filled", "4")], [("filled", "10")], [("filled", "10")]]


def test_a_list_of_open_orders_still_has_one_that_is_over_and_a_list_of_closed_ones_not_yet(lagging):
    order = lagging.buy(type="limit", limit_price="100")
    lagging.advance(60)
    assert lagging.cancel(order["id"]) == (204, None)
    assert lagging.order(order["id"])["status"] == "canceled"
    assert (listed(lagging, "open"), listed(lagging, "closed")) == ([("new", "0")], [])
    lagging.advance(2)
    assert (listed(lagging, "open"), listed(lagging, "closed")) == ([], [("canceled", "0")])


def test_legs_under_their_parent_lag_with_it(lagging):
    lagging.buy()
    lagging.advance(60)
    order = lagging.oco()
    lagging.advance(60)
    lagging.cancel(order["id"])

    def statuses():
        (shown,) = lagging.get("/v2/orders", status="all", nested="true", side="sell")
        return shown["status"], shown["legs"][0]["status"]

    assert lagging.order(order["id"], nested="true")["legs"][0]["status"] == "canceled"
    assert statuses() == ("new", "held")
    lagging.advance(2)
    assert statuses() == ("canceled", "canceled")


def test_a_leg_that_was_replaced_stays_under_its_parent_until_the_new_one_is_seen(lagging):
    lagging.buy()
    lagging.advance(60)
    parent = lagging.oco()
    lagging.advance(60)
    (old,) = parent["legs"]
    new = replaced(lagging, old["id"], stop_price="146")

    def leg():
        (shown,) = lagging.get("/v2/orders", nested="true")
        return [(leg["id"], leg["status"]) for leg in shown["legs"]]

    lagging.advance(1.999)
    assert leg() == [(old["id"], "held")]
    lagging.advance(0.001)
    assert leg() == [(new["id"], "held")]


def test_cursors_and_filters_hold_for_what_the_list_shows(lagging):
    first = lagging.buy(type="limit", limit_price="100")
    lagging.buy(type="limit", limit_price="101")
    lagging.advance(60)
    lagging.buy(type="limit", limit_price="102")
    after = lagging.get("/v2/orders", after_order_id=first["id"], direction="asc")
    assert [order["limit_price"] for order in after] == ["101"]


def test_what_lists_show_outlives_the_process(tmp_path):
    clock = RecordedClock(WEDNESDAY_OPEN + timedelta(minutes=30))
    feed = ScriptedFeed({"AAPL": [(WEDNESDAY_OPEN, Decimal(150))]})

    def opened():
        options = Options(partial_fill_rate=Decimal(0), list_lag_s=Decimal(2))
        return open_paper(clock=clock, prices=feed, state=tmp_path / "state", options=options)

    def send(paper, method, path, query="", body=None):
        answer = paper.respond(Request(method, path, query, body=json.dumps(body).encode()))
        return json.loads(answer.body) if answer.body else None

    paper = opened()
    order = send(paper, "POST", "/v2/orders", body=order_body(type="limit", limit_price="100"))
    clock.move_to(clock() + timedelta(seconds=30))
    send(paper, "DELETE", f"/v2/orders/{order['id']}")
    paper.close()
    again = opened()
    assert [row["status"] for row in send(again, "GET", "/v2/orders")] == ["new"]
    clock.move_to(clock() + timedelta(seconds=2))
    assert send(again, "GET", "/v2/orders") == []
    again.close()


def test_versions_that_no_list_can_show_any_more_are_let_go(open_rig):
    rig = open_rig(list_lag_s=Decimal(2), fill_plan={"mine": (Decimal(1),) * 30})
    order = rig.buy(qty="40", client_order_id="mine")
    for minute in range(20):
        rig.advance(60)
        rig.price(str(150 - minute))
    assert Decimal(rig.order(order["id"])["filled_qty"]) > 20
    with rig.paper._state.taken() as book:
        assert len(book.order(order["id"]).earlier) == 1
