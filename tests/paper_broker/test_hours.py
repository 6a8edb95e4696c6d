from datetime import UTC, datetime, timedelta
from decimal import Decimal

from lib.paper_broker.prices import ScriptedFeed
from tests.paper_broker.rig import WEDNESDAY_OPEN

THURSDAY_OPEN = WEDNESDAY_OPEN + timedelta(days=1)
EVENING = datetime(2013, 1, 2, 23, 0, tzinfo=UTC)


def two_days():
    steps = [(WEDNESDAY_OPEN, Decimal(150)), (THURSDAY_OPEN + timedelta(minutes=1), Decimal(155))]
    return ScriptedFeed({"AAPL": steps})


def test_an_order_of_the_evening_is_accepted_and_works_from_the_next_open(open_rig):
    rig = open_rig(feed=two_days(), now=EVENING)
    order = rig.buy()
    assert (order["status"], order["expires_at"]) == ("accepted", "2013-01-03T21:00:00Z")
    rig.go_to("2013-01-03T14:30:00Z")
    assert rig.order(order["id"])["status"] == "new"
    rig.go_to("2013-01-03T14:31:00Z")
    shown = rig.order(order["id"])
    assert (shown["status"], shown["filled_avg_price"], shown["filled_at"]) == (
        "filled",
        "155.01",
        "2013-01-03T14:31:00Z",
    )


def test_a_quote_of_yesterday_does_not_trade_today(open_rig):
    rig = open_rig(feed=two_days(), now=THURSDAY_OPEN)
    order = rig.buy()
    assert rig.order(order["id"])["status"] == "new"
    rig.advance(60)
    assert rig.order(order["id"])["filled_avg_price"] == "155.01"


def test_a_stop_does_not_elect_outside_the_session(holder):
    order = holder.sell(type="stop", stop_price="145", time_in_force="gtc")
    holder.go_to("2013-01-02T22:00:00Z")
    holder.price("100")
    assert holder.order(order["id"])["status"] == "new"
    holder.go_to("2013-01-03T14:30:00Z")
    assert holder.order(order["id"])["filled_avg_price"] == "100"


def test_a_day_order_expires_at_the_close_and_keeps_what_it_filled(open_rig):
    rig = open_rig(fill_plan={"mine": (Decimal(4),)})
    order = rig.buy(client_order_id="mine")
    rig.go_to("2013-01-02T20:59:59Z")
    assert rig.order(order["id"])["status"] == "partially_filled"
    rig.go_to("2013-01-02T21:00:00Z")
    shown = rig.order(order["id"])
    assert (shown["status"], shown["filled_qty"], shown["expired_at"]) == ("expired", "4", "2013-01-02T21:00:00Z")
    status, body = rig.cancel(order["id"])
    assert (status, body["message"]) == (422, 'order is already in "expired" state')


def test_a_day_order_of_a_half_day_expires_at_one_oclock(open_rig):
    rig = open_rig(now=datetime(2013, 7, 3, 14, 0, tzinfo=UTC))
    assert rig.buy(type="limit", limit_price="10")["expires_at"] == "2013-07-03T17:00:00Z"


def test_a_gtc_order_gets_a_cancel_ninety_days_on_that_the_venue_does_at_the_next_open(rig):
    order = rig.buy(type="limit", limit_price="10", time_in_force="gtc")
    assert order["expires_at"] == "2013-04-02T20:15:00Z"  # 16:15 in New York, in summer time by then
    rig.go_to("2013-04-02T20:14:59Z")
    assert rig.order(order["id"])["status"] == "new"
    rig.go_to("2013-04-02T20:15:00Z")
    assert rig.order(order["id"])["status"] == "pending_cancel"
    rig.go_to("2013-04-03T13:30:00Z")
    shown = rig.order(order["id"])
    assert (shown["status"], shown["canceled_at"], shown["expired_at"]) == ("canceled", "2013-04-03T13:30:00Z", None)


def test_in_the_session_a_cancel_is_done_at_once(rig):
    order = rig.buy(type="limit", limit_price="10")
    assert rig.cancel(order["id"]) == (204, None)
    shown = rig.order(order["id"])
    assert (shown["status"], shown["canceled_at"]) == ("canceled", "2013-01-02T15:00:00Z")
    assert rig.cancel(order["id"]) == (204, None)


def test_outside_the_session_the_cancel_of_an_older_order_waits_for_the_open(rig):
    order = rig.buy(type="limit", limit_price="10", time_in_force="gtc")
    rig.go_to("2013-01-02T22:00:00Z")
    assert rig.cancel(order["id"]) == (204, None)
    assert rig.order(order["id"])["status"] == "pending_cancel"
    status, body = rig.cancel(order["id"])
    assert (status, body["message"]) == (422, "order pending cancel")
    rig.price("5")
    rig.go_to("2013-01-03T14:30:00Z")
    shown = rig.order(order["id"])
    assert (shown["status"], shown["canceled_at"], shown["filled_qty"]) == ("canceled", "2013-01-03T14:30:00Z", "0")


def test_outside_the_session_the_cancel_of_an_order_of_this_evening_is_done_at_once(rig):
    rig.go_to("2013-01-02T22:00:00Z")
    order = rig.buy(type="limit", limit_price="10", time_in_force="gtc")
    assert rig.cancel(order["id"]) == (204, None)
    assert rig.order(order["id"])["status"] == "canceled"


def test_a_slow_cancel_may_be_overtaken_by_a_fill(open_rig):
    rig = open_rig(cancel_latency_s=Decimal(3))
    slow, beaten = rig.buy(type="limit", limit_price="120"), rig.buy(type="limit", limit_price="140")
    for order in (slow, beaten):
        assert rig.cancel(order["id"]) == (204, None)
        assert rig.order(order["id"])["status"] == "pending_cancel"
    rig.price("130")
    assert rig.order(beaten["id"])["status"] == "filled"
    rig.advance(3)
    assert rig.order(slow["id"])["status"] == "canceled"
    assert rig.order(slow["id"])["canceled_at"] == "2013-01-02T15:00:03Z"


def test_an_oco_of_the_evening_waits_and_its_stop_stays_held(holder):
    holder.go_to("2013-01-02T22:00:00Z")
    parent = holder.oco()
    assert (parent["status"], parent["legs"][0]["status"]) == ("accepted", "held")
    holder.go_to("2013-01-03T15:00:00Z")
    shown = holder.order(parent["id"], nested=True)
    assert (shown["status"], shown["legs"][0]["status"]) == ("new", "held")


def test_the_clock_does_not_go_back(rig):
    response = rig.request("POST", "/paper/clock", json={"now": "2013-01-02T14:59:59Z"})
    assert response.status_code == 422
    assert rig.get("/v2/clock")["timestamp"] == "2013-01-02T10:00:00-05:00"


def test_always_open_trades_on_a_sunday_in_sessions_of_a_utc_day(open_rig):
    rig = open_rig(always_open=True, now=datetime(2013, 1, 6, 12, 0, tzinfo=UTC))
    rig.price("150")
    order = rig.order(rig.buy()["id"])
    assert (order["status"], order["expires_at"]) == ("filled", "2013-01-07T00:00:00Z")
    clock = rig.get("/v2/clock")
    assert (clock["is_open"], clock["next_close"]) == (True, "2013-01-06T19:00:00-05:00")
    waiting = rig.buy(type="limit", limit_price="10")
    rig.go_to("2013-01-07T00:00:00Z")
    assert rig.order(waiting["id"])["status"] == "expired"
    assert rig.get("/v2/calendar", start="2013-01-06", end="2013-01-06") == []
