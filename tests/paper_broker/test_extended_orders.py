from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from lib.paper_broker.prices import ScriptedFeed
from tests.paper_broker.replacing import replaced
from tests.paper_broker.rig import WEDNESDAY_OPEN

PRE_MARKET = datetime(2013, 1, 2, 9, 0, tzinfo=UTC)  # 4:00 in New York


def around(*prices, first=PRE_MARKET, every=timedelta(hours=1)):
    return ScriptedFeed({"AAPL": [(first + place * every, Decimal(price)) for place, price in enumerate(prices)]})


def limit(price="151", **body):
    return {"type": "limit", "limit_price": price, "extended_hours": True} | body


def test_an_order_for_extended_hours_fills_before_the_open(open_rig):
    rig = open_rig(feed=around("150"), now=PRE_MARKET)
    order = rig.buy(**limit())
    assert (order["status"], order["extended_hours"]) == ("new", True)
    shown = rig.order(order["id"])
    assert (shown["status"], shown["filled_avg_price"], shown["filled_at"]) == (
        "filled",
        "150.01",
        "2013-01-02T09:00:00Z",
    )


@pytest.mark.parametrize("time_in_force", ["day", "gtc"])
def test_a_resting_order_for_extended_hours_meets_the_prices_around_the_session(open_rig, time_in_force):
    rig = open_rig(feed=around("150", "149", "148"), now=PRE_MARKET)
    order = rig.buy(**limit("148.01", time_in_force=time_in_force))
    rig.go_to("2013-01-02T14:00:00Z")
    assert rig.order(order["id"])["filled_at"] == "2013-01-02T11:00:00Z"


def test_other_orders_do_not_see_those_prices(open_rig):
    rig = open_rig(feed=around("150", "140", "150"), now=PRE_MARKET)
    plain = rig.buy(type="limit", limit_price="145", time_in_force="gtc")
    wide = rig.buy(**limit("135"))  # so that these hours are walked at all
    assert (plain["status"], wide["status"]) == ("accepted", "new")
    rig.go_to("2013-01-02T14:29:00Z")
    rig.price("130")
    assert [rig.order(order["id"])["status"] for order in (plain, wide)] == ["accepted", "filled"]


def test_a_stop_that_rests_from_before_does_not_elect_after_the_close(holder):
    stop = holder.sell(qty="5", type="stop", stop_price="145", time_in_force="gtc")
    wide = holder.sell(qty="5", **limit("160"))
    holder.go_to("2013-01-02T21:30:00Z")
    holder.price("140")
    holder.advance(60)
    assert holder.order(stop["id"])["status"] == "new"
    holder.price("160")
    assert holder.order(wide["id"])["filled_at"] == "2013-01-02T21:31:00Z"


def test_an_order_of_the_day_for_extended_hours_lives_until_eight_in_the_evening(rig):
    order = rig.buy(**limit("140"))
    assert order["expires_at"] == "2013-01-03T01:00:00Z"
    rig.go_to("2013-01-03T00:59:59Z")
    assert rig.order(order["id"])["status"] == "new"
    rig.go_to("2013-01-03T01:00:00Z")
    assert rig.order(order["id"])["status"] == "expired"


def test_on_a_weekend_it_is_accepted_for_mondays_pre_market(rig):
    rig.go_to("2013-01-05T12:00:00Z")
    order = rig.buy(**limit())
    assert (order["status"], order["expires_at"]) == ("accepted", "2013-01-08T01:00:00Z")
    rig.price("150")
    rig.go_to("2013-01-07T08:59:59Z")
    assert rig.order(order["id"])["status"] == "accepted"
    rig.go_to("2013-01-07T09:00:00Z")
    assert rig.order(order["id"])["filled_at"] == "2013-01-07T09:00:00Z"


@pytest.mark.parametrize(
    ("marks", "opted_out", "filled_at"),
    [
        (["overnight_tradable"], False, "2013-01-07T01:00:00Z"),  # Sunday evening in New York
        (["overnight_tradable"], True, "2013-01-07T09:00:00Z"),
        (["fractional_eh_enabled"], False, "2013-01-07T09:00:00Z"),
    ],
)
def test_overnight_only_what_is_marked_for_it_trades_if_the_owner_lets_it(rig, marks, opted_out, filled_at):
    rig.post("/paper/asset", symbol="AAPL", attributes=marks)
    changed = rig.request("PATCH", "/v2/account/configurations", json={"disable_overnight_trading": opted_out})
    assert changed.status_code == 200
    rig.go_to("2013-01-05T12:00:00Z")
    rig.price("150")
    order = rig.buy(**limit())
    rig.go_to("2013-01-07T12:00:00Z")
    assert rig.order(order["id"])["filled_at"] == filled_at


def test_around_the_session_its_cancel_is_done_at_once(open_rig):
    rig = open_rig(feed=around("150"), now=PRE_MARKET)
    order = rig.buy(**limit("140"))
    assert rig.cancel(order["id"]) == (204, None)
    assert rig.order(order["id"])["canceled_at"] == "2013-01-02T09:00:00Z"


@pytest.mark.parametrize("change", ["cancel", "replace"])
def test_a_gtc_one_that_does_not_trade_overnight_is_neither_canceled_nor_replaced_before_the_pre_market(rig, change):
    order = rig.buy(**limit("140", time_in_force="gtc"))
    rig.go_to("2013-01-03T02:00:00Z")
    if change == "cancel":
        rig.cancel(order["id"])
    else:
        replaced(rig, order["id"], limit_price="141")
    rig.go_to("2013-01-03T08:59:59Z")
    assert rig.order(order["id"])["status"] == f"pending_{change}"
    rig.go_to("2013-01-03T09:00:00Z")
    assert rig.order(order["id"])["status"] == {"cancel": "canceled", "replace": "replaced"}[change]


def test_a_gtc_one_is_canceled_at_once_when_it_is_too_old(open_rig):
    rig = open_rig(feed=around("150", first=WEDNESDAY_OPEN))
    order = rig.buy(**limit("140", time_in_force="gtc"))
    assert order["expires_at"] == "2013-04-02T20:15:00Z"
    rig.go_to("2013-04-02T20:15:00Z")  # after the close, when it trades
    assert rig.order(order["id"])["canceled_at"] == "2013-04-02T20:15:00Z"
