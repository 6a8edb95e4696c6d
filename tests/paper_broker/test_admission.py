"""What the market, the asset and the account's other orders forbid."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.paper_broker.rig import WEDNESDAY_OPEN, oco_body, order_body


def group(name="bracket", side="buy", target="160", stop="145", **body):
    legs = {"take_profit": {"limit_price": target}, "stop_loss": {"stop_price": stop}}
    return order_body(side=side, order_class=name, time_in_force="gtc", **legs) | body


# A long group leaves by selling; the market's base price is the bid, 150.
RELATIONS = {
    "a long bracket's target below its stop": (
        group(target="145", stop="146"),
        "take_profit.limit_price must be > stop_loss.stop_price",
        None,
    ),
    "a short bracket's target above its stop": (
        group(side="sell", target="160", stop="155"),
        "take_profit.limit_price must be < stop_loss.stop_price",
        None,
    ),
    "a target at the market": (group(target="150"), "take_profit.limit_price must be >= base_price + 0.01", "150"),
    "a stop at the market": (group(stop="150"), "stop_loss.stop_price must be <= base_price - 0.01", "150"),
    "a short bracket's target at the market": (
        group(side="sell", target="150", stop="155"),
        "take_profit.limit_price must be <= base_price - 0.01",
        "150",
    ),
    "a short bracket's stop at the market": (
        group(side="sell", target="140", stop="150"),
        "stop_loss.stop_price must be >= base_price + 0.01",
        "150",
    ),
    "a stop at the limit of the entry": (
        group(type="limit", limit_price="140", stop="140"),
        "stop_loss.stop_price must be <= base_price - 0.01",
        "140",
    ),
    "a target at the limit of the entry": (
        group(type="limit", limit_price="140", target="140", stop="130"),
        "take_profit.limit_price must be >= base_price + 0.01",
        "140",
    ),
    "a stop below a high entry but not below the market": (
        group(type="limit", limit_price="155", stop="152"),
        "stop_loss.stop_price must be <= base_price - 0.01",
        "150",
    ),
}


@pytest.mark.parametrize("case", RELATIONS)
def test_the_legs_of_a_group_lie_on_their_sides_of_each_other_and_of_the_base_price(rig, case):
    body, message, base = RELATIONS[case]
    answer = rig.refused(422, 42210000, **body)
    assert (answer["message"], answer.get("base_price")) == (message, base)


def test_the_target_of_a_bracket_with_a_limit_may_lie_below_the_market(rig):
    order = rig.post("/v2/orders", **group(type="limit", limit_price="130", target="140", stop="120"))
    assert [(leg["type"], leg["limit_price"], leg["stop_price"]) for leg in order["legs"]] == [
        ("limit", "140", None),
        ("stop", None, "120"),
    ]


def test_a_stop_loss_with_a_limit_is_a_stop_limit(holder):
    (leg,) = holder.oco(stop_loss={"stop_price": "145", "limit_price": "144.5"})["legs"]
    assert (leg["type"], leg["stop_price"], leg["limit_price"]) == ("stop_limit", "145", "144.5")


def test_an_oto_has_the_one_leg_it_asks_for(rig):
    for leg, shown in (("take_profit", ("limit", "160", None)), ("stop_loss", ("stop", None, "145"))):
        body = group("oto", qty="1", type="limit", limit_price="149")
        other = {"take_profit", "stop_loss"} - {leg}
        order = rig.post("/v2/orders", **{key: value for key, value in body.items() if key not in other})
        assert [(one["type"], one["limit_price"], one["stop_price"]) for one in order["legs"]] == [shown]
        rig.cancel(order["id"])


def test_an_oco_buys_back_what_was_sold_short(rig):
    rig.sell()
    assert rig.refused(422, 42210000, **oco_body())["message"] == "oco orders must be exit orders"
    parent = rig.oco(side="buy", target="140", stop="155")
    assert (parent["side"], parent["position_intent"], parent["limit_price"]) == ("buy", "buy_to_close", "140")


def test_a_group_that_enters_does_not_leave(holder):
    for name, legs in (("bracket", {}), ("oto", {"take_profit": None})):
        body = group(name, side="sell", target="140", stop="155") | legs
        assert holder.refused(422, 42210000, **body)["message"] == f"{name} orders must be entry orders"


@pytest.mark.parametrize(
    ("side", "kind", "prices", "message", "market"),
    [
        ("buy", "stop", {"stop_price": "150.01"}, "stop price must be greater than current price", "150.01"),
        (
            "buy",
            "stop_limit",
            {"stop_price": "150", "limit_price": "151"},
            "stop price must be greater than current price",
            "150.01",
        ),
        (
            "sell",
            "stop_limit",
            {"stop_price": "150", "limit_price": "149"},
            "stop price must be less than current price",
            "150",
        ),
    ],
)
def test_a_stop_that_is_breached_is_refused_on_either_side(rig, side, kind, prices, message, market):
    body = rig.refused(422, 42210000, **order_body(side=side, type=kind, **prices))
    assert (body["message"], body["market_price"]) == (message, market)


@pytest.mark.parametrize(
    ("time", "now", "taken"),
    [
        ("opg", "2013-01-03T14:27:59Z", True),
        ("opg", "2013-01-03T14:28:00Z", False),  # 9:28 in New York
        ("opg", "2013-01-03T23:59:59Z", False),
        ("opg", "2013-01-04T00:00:00Z", True),  # 19:00
        ("cls", "2013-01-03T20:49:59Z", True),
        ("cls", "2013-01-03T20:50:00Z", False),  # 15:50
        ("cls", "2013-01-04T00:00:00Z", True),
    ],
)
def test_orders_for_an_auction_are_taken_from_the_evening_to_its_cutoff(rig, time, now, taken):
    rig.go_to(now)
    response = rig.request("POST", "/v2/orders", json=order_body(type="limit", limit_price="1", time_in_force=time))
    if taken:
        assert response.status_code == 200
    else:
        latest = {"opg": "9:28am", "cls": "3:55pm"}[time]
        message = f"{time} orders must be submitted after 7:00pm and before {latest}"
        assert (response.status_code, response.json()) == (403, {"code": 40310000, "message": message})


def test_the_later_cutoff_of_the_closing_auction_is_a_switch(open_rig):
    for late, status in ((False, 403), (True, 200)):
        rig = open_rig(cls_cutoff_late=late, now=WEDNESDAY_OPEN + timedelta(hours=6, minutes=22))
        body = order_body(type="limit", limit_price="1", time_in_force="cls")
        assert rig.request("POST", "/v2/orders", json=body).status_code == status


@pytest.mark.parametrize(
    ("facts", "status", "code", "message"),
    [
        ({"status": "inactive"}, 422, 40010001, "asset AAPL is not active"),
        ({"tradable": False}, 422, 42210000, 'asset "AAPL" is not tradable'),
        ({"fractionable": False}, 403, 40310000, 'asset "AAPL" is not fractionable'),
    ],
)
def test_what_is_known_of_an_asset_may_forbid_an_order(rig, facts, status, code, message):
    rig.post("/paper/asset", symbol="AAPL", **facts)
    assert rig.refused(status, code, **order_body(qty="1.5"))["message"] == message


def test_of_a_halted_stock_only_market_orders_are_refused(rig):
    rig.post("/paper/asset", symbol="AAPL", halted=True)
    message = 'market order rejected due to trading halt on symbol: "AAPL", please place a limit order instead'
    assert rig.refused(422, 42210000, **order_body())["message"] == message
    assert rig.order(rig.buy(type="limit", limit_price="160")["id"])["status"] == "new"


def test_money_is_shown_in_place_of_a_quantity_and_buys_what_it_comes_to(rig):
    order = rig.buy(qty=None, notional="100", type="limit", limit_price="160")
    assert (order["qty"], order["notional"]) == (None, "100")
    filled = rig.order(order["id"])
    assert (filled["status"], filled["qty"], filled["notional"]) == ("filled", None, "100")
    # 100 / 150.01, nine decimals, down
    assert (filled["filled_qty"], filled["filled_avg_price"]) == ("0.666622225", "150.01")


def test_a_fraction_is_worth_a_dollar_at_least(rig):
    body = rig.refused(403, 40310000, **order_body(qty="0.006"))  # 0.90006
    assert body["message"] == "cost basis must be >= minimal amount of order 1"
    rig.buy(qty="0.007")


def test_a_symbol_may_be_an_assets_id(rig):
    asset = rig.get("/v2/assets/AAPL")
    assert rig.buy(symbol=asset["id"])["symbol"] == "AAPL"


def test_nobody_opens_both_ways_at_once(open_rig):
    rig = open_rig(cash=Decimal(1_000_000))
    buy = rig.buy(type="limit", limit_price="140")
    message = "cannot open a short sell while a long buy order is open"
    for body in ({"type": "market"}, {"type": "limit", "limit_price": "170"}):
        assert rig.refused(403, 40310000, **order_body(side="sell", **body))["message"] == message
    rig.cancel(buy["id"])
    rig.sell(type="limit", limit_price="170")
    message = "cannot open a long buy while a short sell order is open"
    for body in ({"type": "limit", "limit_price": "140"}, {"type": "trailing_stop", "trail_percent": "5"}):
        assert rig.refused(403, 40310000, **order_body(**body))["message"] == message


def test_a_group_enters_from_nothing_unless_a_switch_says_otherwise(open_rig):
    for beside, status in ((False, 422), (True, 200)):
        rig = open_rig(group_entry_beside_position=beside)
        rig.buy()
        assert rig.request("POST", "/v2/orders", json=group(qty="1")).status_code == status
