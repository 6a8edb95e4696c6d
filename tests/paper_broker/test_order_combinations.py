"""Which types, times in force, classes and hours go together: the tables of "Placing Orders", cell by cell."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.paper_broker.rig import WEDNESDAY_OPEN, order_body

# Prices at which nothing fills and no stop is breached: AAPL is at 150.00 / 150.01.
PRICES = {
    "market": {},
    "limit": {"limit_price": "140"},
    "stop": {"stop_price": "160"},
    "stop_limit": {"stop_price": "160", "limit_price": "161"},
    "trailing_stop": {"trail_price": "5"},
}
TIMES = ("day", "gtc", "ioc", "fok", "opg", "cls")
LEGS = {"take_profit": {"limit_price": "170"}, "stop_loss": {"stop_price": "130"}}
DAY_ONLY = "fractional orders must be DAY orders"
SIMPLE_ONLY = "fractional orders must be simple orders"
EXTENDED = "extended hours order must be DAY or GTC limit orders"


@pytest.fixture
def rich(open_rig):
    """At six in the morning in New York, when orders for both auctions are taken and nothing fills."""
    return open_rig(now=WEDNESDAY_OPEN + timedelta(hours=20, minutes=30), cash=Decimal(10_000_000))


def sent(rig, kind, **body):
    response = rig.request("POST", "/v2/orders", json=order_body(type=kind, **PRICES[kind]) | body)
    return response.status_code, response.json()


@pytest.mark.parametrize("kind", PRICES)
def test_whole_shares_go_with_every_time_in_force_but_stops_only_with_those_that_last(rich, kind):
    answers = {time: sent(rich, kind, time_in_force=time) for time in TIMES}
    lasting = TIMES if kind in {"market", "limit"} else ("day", "gtc")
    assert [time for time, (status, _) in answers.items() if status == 200] == list(lasting)
    shown = {time: (body["type"], body["time_in_force"]) for time, (status, body) in answers.items() if status == 200}
    assert shown == {time: (kind, time) for time in lasting}
    assert {body["code"] for status, body in answers.values() if status != 200} <= {42210000}


@pytest.mark.parametrize("amount", [{"qty": "1.5"}, {"qty": None, "notional": "150.50"}])
@pytest.mark.parametrize("kind", ["market", "limit", "stop", "stop_limit"])
def test_fractions_and_money_go_with_four_types_for_the_day(rich, kind, amount):
    assert sent(rich, kind, **amount)[0] == 200
    for time in TIMES[1:]:
        status, body = sent(rich, kind, time_in_force=time, **amount)
        assert (status, body["code"], body["message"]) == (422, 42210000, DAY_ONLY)


@pytest.mark.parametrize("amount", [{"qty": "1.5"}, {"qty": None, "notional": "150.50"}])
def test_fractions_and_money_go_with_no_trailing_stop(rich, amount):
    assert sent(rich, "trailing_stop", **amount)[0] == 422


@pytest.mark.parametrize("amount", [{"qty": "1.5"}, {"qty": None, "notional": "150.50"}])
@pytest.mark.parametrize("name", ["bracket", "oco", "oto"])
def test_fractions_and_money_go_with_no_group(rig, name, amount):
    legs = {"stop_loss": LEGS["stop_loss"]} if name == "oto" else LEGS
    status, body = sent(rig, "limit", order_class=name, **legs, **amount)
    assert (status, body["code"], body["message"]) == (422, 42210000, SIMPLE_ONLY)


@pytest.mark.parametrize("amount", ["1.0000000001", "0.00000000001"])
def test_a_quantity_has_nine_decimals(rig, amount):
    assert sent(rig, "market", qty=amount)[0] == 422
    assert sent(rig, "market", qty="1.000000001")[0] == 200


def test_money_has_two_decimals(rig):
    status, body = sent(rig, "market", qty=None, notional="100.001")
    assert (status, body["code"]) == (422, 42210000)
    assert body["message"] == "notional value must be limited to 2 decimal places"


@pytest.mark.parametrize(
    ("kind", "time", "message"),
    [
        ("market", "day", EXTENDED),
        ("limit", "ioc", EXTENDED),
        ("limit", "cls", EXTENDED),
        ("stop", "day", "stop orders are not eligible for extended hours trading"),
        ("stop_limit", "day", "stop_limit orders are not eligible for extended hours trading"),
        ("trailing_stop", "gtc", "trailing_stop orders are not eligible for extended hours trading"),
    ],
)
def test_extended_hours_go_with_limit_orders_that_last(rig, kind, time, message):
    status, body = sent(rig, kind, time_in_force=time, extended_hours=True)
    assert (status, body["code"], body["message"]) == (422, 42210000, message)


@pytest.mark.parametrize("time", ["day", "gtc"])
def test_a_limit_order_for_extended_hours_says_so(rig, time):
    status, body = sent(rig, "limit", time_in_force=time, extended_hours=True)
    assert (status, body["extended_hours"]) == (200, True)


@pytest.mark.parametrize("name", ["bracket", "oto"])
def test_a_group_goes_with_no_extended_hours(rig, name):
    legs = {"stop_loss": LEGS["stop_loss"]} if name == "oto" else LEGS
    body = rig.refused(
        403, 40310000, **order_body(type="limit", limit_price="140", order_class=name, extended_hours=True, **legs)
    )
    assert body["message"] == f"{name} orders do not support extended hours trading"


@pytest.mark.parametrize("name", ["bracket", "oco", "oto"])
@pytest.mark.parametrize("time", ["ioc", "fok", "opg", "cls"])
def test_a_group_goes_with_day_and_gtc(rig, name, time):
    legs = {"stop_loss": LEGS["stop_loss"]} if name == "oto" else LEGS
    body = rig.refused(
        422, 40010001, **order_body(type="limit", limit_price="140", order_class=name, time_in_force=time, **legs)
    )
    assert body["message"] == f'{name} orders support only "day" or "gtc" time_in_force'


@pytest.mark.parametrize(
    ("name", "legs", "message"),
    [
        ("bracket", {"stop_loss": {"stop_price": "130"}}, "bracket orders require take_profit.limit_price"),
        ("bracket", {"take_profit": {"limit_price": "170"}}, "bracket orders require stop_loss.stop_price"),
        (
            "bracket",
            {"take_profit": {"limit_price": "170"}, "stop_loss": {"trail_percent": "10"}},
            "bracket orders require stop_loss.stop_price",
        ),
        ("oco", {"take_profit": {"limit_price": "170"}}, "oco orders require stop_loss.stop_price"),
        ("oto", {"stop_loss": {"limit_price": "129"}}, "oto orders require stop_loss.stop_price"),
        ("oto", {}, "oto orders require one of take_profit or stop_loss"),
        ("oto", LEGS, "oto orders require one of take_profit or stop_loss"),
    ],
)
def test_a_group_has_the_legs_of_its_class(rig, name, legs, message):
    body = rig.refused(422, 40010001, **order_body(type="limit", limit_price="140", order_class=name, **legs))
    assert body["message"] == message


def test_a_group_is_entered_by_a_market_or_limit_order(open_rig):
    entry = order_body(order_class="bracket", **LEGS)
    stop, trailing = (
        entry | {"type": "stop", "stop_price": "160"},
        entry | {"type": "trailing_stop", "trail_price": "5"},
    )
    for body in (stop, trailing):
        message = open_rig().refused(422, 40010001, **body)["message"]
        assert message == "bracket orders must be market or limit orders"
    taken = open_rig(group_entry_by_stop=True).post("/v2/orders", **stop)
    assert (taken["type"], len(taken["legs"])) == ("stop", 2)


def test_the_legs_of_a_simple_order_are_left_out(rig):
    assert sent(rig, "limit", **LEGS)[1]["legs"] is None


def test_multi_leg_orders_and_routing_instructions_are_not_for_this_account(rig):
    rig.refused(403, 40310000, **order_body(order_class="mleg"))
    rig.refused(403, 40310000, **order_body(advanced_instructions={"algorithm": "VWAP"}))
