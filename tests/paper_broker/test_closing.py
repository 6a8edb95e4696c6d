"""Closing positions by `DELETE /v2/positions`, and how they are named."""

from decimal import Decimal

import pytest

from lib.paper_broker.prices import ScriptedFeed
from tests.paper_broker.rig import WEDNESDAY_OPEN, order_body


def close(rig, name="AAPL", **params):
    response = rig.request("DELETE", f"/v2/positions/{name}", params=params)
    return response.status_code, response.json()


def close_all(rig, **params):
    response = rig.request("DELETE", "/v2/positions", params=params)
    assert response.status_code == 207, response.text
    return response.json()


@pytest.fixture
def coin_holder(open_rig):
    """A paper broker with half a BTC, less its fee."""
    rig = open_rig(feed=ScriptedFeed({"BTC/USD": [(WEDNESDAY_OPEN, 30_000)]}))
    rig.buy(symbol="BTC/USD", qty="0.5", time_in_force="gtc")
    return rig


def test_closing_sells_all_of_a_position_at_the_market_for_the_day(holder):
    status, order = close(holder)
    shown = {
        "symbol": "AAPL",
        "side": "sell",
        "qty": "10",
        "type": "market",
        "time_in_force": "day",
        "position_intent": "sell_to_close",
    }
    assert (status, {name: order[name] for name in shown}) == (200, shown)
    assert holder.order(order["id"])["status"] == "filled"
    assert holder.get("/v2/positions") == []


def test_a_short_position_is_bought_back(rig):
    rig.sell()
    status, order = close(rig)
    assert (status, order["side"], order["qty"], order["position_intent"]) == (200, "buy", "10", "buy_to_close")
    assert rig.get("/v2/positions") == []


def test_a_position_is_closed_by_its_assets_id_too(holder):
    status, _ = close(holder, holder.get("/v2/assets/AAPL")["id"])
    assert (status, holder.get("/v2/positions")) == (200, [])


@pytest.mark.parametrize(
    ("held", "params", "qty"),
    [
        ("10", {"qty": "4"}, "4"),
        ("10", {"qty": "2.5"}, "2.5"),
        ("10", {"percentage": "50"}, "5"),
        ("10", {"percentage": "39.9"}, "3"),  # of whole shares, no fraction
        ("10", {"percentage": "100"}, "10"),
        ("2.5", {"percentage": "10"}, "0.25"),
        ("2.5", {"percentage": "33.333333333"}, "0.833333333"),  # 0.833333333325
    ],
)
def test_a_part_of_a_position_is_closed_by_quantity_or_percentage(rig, held, params, qty):
    rig.buy(qty=held)
    status, order = close(rig, **params)
    assert (status, order.get("qty")) == (200, qty)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"qty": "1", "percentage": "1"}, "only one of qty or percentage is accepted"),
        ({"percentage": "0"}, "percentage must be between 0 and 100"),
        ({"percentage": "100.1"}, "percentage must be between 0 and 100"),
        ({"percentage": "9.99"}, "qty must be > 0"),  # less than one whole share
        ({"qty": "-1"}, "qty must be > 0"),
    ],
)
def test_a_part_that_is_none_is_malformed(holder, params, message):
    assert close(holder, **params) == (422, {"code": 40010001, "message": message})


def test_more_than_the_position_is_not_closed(holder):
    status, body = close(holder, qty="11")
    assert (status, body["message"]) == (
        403,
        "insufficient qty available for order (requested: 11, available: 10)",
    )


def test_what_is_not_held_cannot_be_closed(rig):
    assert close(rig) == (404, {"code": 40410000, "message": "position does not exist"})


def test_closing_does_not_cancel_the_orders_that_hold_the_shares(holder):
    stop = holder.sell(type="stop", stop_price="145")
    status, body = close(holder)
    assert (status, body["available"], body["held_for_orders"], body["related_orders"]) == (
        403,
        "0",
        "10",
        [stop["id"]],
    )
    assert holder.order(stop["id"])["status"] == "new"


def test_outside_the_session_the_closing_order_waits_for_the_next(holder):
    holder.go_to("2013-01-02T23:00:00Z")
    status, order = close(holder)
    assert (status, order["status"]) == (200, "accepted")
    assert holder.position()["qty_available"] == "0"


def test_closing_all_without_positions_closes_nothing(rig):
    assert close_all(rig) == []


def test_closing_all_answers_for_each_position(holder):
    holder.sell(symbol="MSFT", qty="5")
    holder.sell(type="stop", stop_price="145")
    apple, microsoft = close_all(holder)
    assert (apple["symbol"], apple["status"], apple["body"]["code"]) == ("AAPL", 403, 40310000)
    assert apple["body"]["message"] == "insufficient qty available for order (requested: 10, available: 0)"
    assert (microsoft["symbol"], microsoft["status"]) == ("MSFT", 200)
    assert (microsoft["body"]["side"], microsoft["body"]["qty"]) == ("buy", "5")
    assert [position["symbol"] for position in holder.get("/v2/positions")] == ["AAPL"]


@pytest.mark.parametrize("yes", ["true", "True"])
def test_closing_all_cancels_open_orders_first_when_asked(holder, yes):
    oco = holder.oco()
    (closed,) = close_all(holder, cancel_orders=yes)
    assert closed["status"] == 200
    assert holder.order(oco["id"])["status"] == "canceled"
    assert (holder.get("/v2/positions"), holder.get("/v2/orders")) == ([], [])


def test_closing_all_goes_on_past_an_order_that_is_being_replaced(open_rig):
    rig = open_rig(replace_latency_s=Decimal(60))
    rig.buy()
    rig.buy(symbol="MSFT", qty="5")
    resting = rig.sell(type="limit", limit_price="200")
    rig.request("PATCH", f"/v2/orders/{resting['id']}", json={"limit_price": "201"})
    apple, microsoft = close_all(rig, cancel_orders="true")
    assert (apple["status"], apple["body"]["held_for_orders"], microsoft["status"]) == (403, "10", 200)
    assert rig.order(resting["id"])["status"] == "pending_replace"


def test_closing_is_an_order_which_a_suspended_account_may_not_send(holder):
    holder.request("PATCH", "/v2/account/configurations", json={"suspend_trade": True})
    status, body = close(holder)
    assert (status, body["message"]) == (403, "new orders are rejected by user request")


def test_the_position_in_a_coin_has_no_slash_in_its_name(coin_holder):
    position = coin_holder.position("BTCUSD")
    shown = {"symbol": "BTCUSD", "asset_class": "crypto", "exchange": "CRYPTO", "asset_marginable": False}
    assert {name: position[name] for name in shown} == shown
    assert coin_holder.get("/v2/positions") == [position]
    assert coin_holder.get(f"/v2/positions/{position['asset_id']}") == position


@pytest.mark.parametrize("name", ["BTC/USD", "BTC%2FUSD"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_the_position_in_a_coin_is_not_found_by_its_pair(coin_holder, method, name):
    assert coin_holder.request(method, f"/v2/positions/{name}").status_code == 404


def test_a_coin_is_closed_until_canceled_and_whole_of_it_less_the_fee(coin_holder):
    held = coin_holder.position("BTCUSD")["qty"]
    (closed,) = close_all(coin_holder)
    order = closed["body"]
    assert (closed["symbol"], closed["status"]) == ("BTCUSD", 200)
    assert (order["symbol"], order["qty"], order["time_in_force"]) == ("BTC/USD", held, "gtc")
    assert coin_holder.get("/v2/positions") == []


def test_an_opposite_order_makes_closing_a_wash_trade(holder):
    holder.post("/v2/orders", **order_body(type="limit", limit_price="140"))
    status, body = close(holder)
    assert (status, body["message"]) == (403, "potential wash trade detected. use complex orders")
