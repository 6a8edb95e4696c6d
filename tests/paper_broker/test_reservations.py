from decimal import Decimal

import pytest

from tests.paper_broker.rig import oco_body, order_body


def sell(**body):
    return order_body(side="sell", **body)


def test_an_open_sell_sets_its_shares_aside_and_a_second_one_is_refused(holder):
    first = holder.sell(type="stop", stop_price="145", time_in_force="gtc")
    position = holder.position()
    assert (position["qty"], position["qty_available"]) == ("10", "0")
    body = holder.refused(403, 40310000, **sell(type="limit", limit_price="160"))
    assert body == {
        "code": 40310000,
        "message": "insufficient qty available for order (requested: 10, available: 0)",
        "available": "0",
        "existing_qty": "10",
        "held_for_orders": "10",
        "related_orders": [first["id"]],
        "symbol": "AAPL",
    }


def test_two_sells_of_different_shares_are_taken(holder):
    holder.sell(qty="5", type="stop", stop_price="145")
    holder.sell(qty="5", type="limit", limit_price="160")
    assert holder.position()["qty_available"] == "0"


def test_an_oco_sets_its_shares_aside_once(holder):
    holder.oco(qty="6")
    assert holder.position()["qty_available"] == "4"
    body = holder.refused(403, 40310000, **oco_body(qty="5"))
    assert (body["available"], body["held_for_orders"]) == ("4", "6")


def test_a_partly_filled_sell_holds_back_what_is_left(open_rig):
    rig = open_rig(fill_plan={"exit": (Decimal(4),)})
    rig.buy()
    rig.sell(client_order_id="exit", type="limit", limit_price="149")
    position = rig.position()
    assert (position["qty"], position["qty_available"]) == ("6", "0")


def test_sold_shares_that_are_not_booked_yet_cannot_be_sold_again(open_rig):
    rig = open_rig(booking_lag_s=Decimal(5))
    rig.buy()
    rig.advance(5)
    rig.sell(qty="6")
    position = rig.position()
    assert (position["qty"], position["qty_available"]) == ("10", "4")
    rig.refused(403, 40310000, **sell(qty="5"))
    rig.advance(5)
    assert rig.position()["qty"] == "4"


def test_selling_leaves_the_average_entry_price_as_it_is(rig):
    rig.buy(qty="2")
    rig.price("160")
    rig.buy(qty="1")
    average = rig.position()["avg_entry_price"]
    assert average == "153.343333333"  # (2 x 150.01 + 160.01) / 3
    rig.sell(qty="1")
    assert rig.position()["avg_entry_price"] == average


def test_what_an_entry_has_filled_so_far_is_set_aside_for_its_exits(open_rig):
    rig = open_rig(fill_plan={"entry": (Decimal(4), Decimal(0))})
    rig.buy(client_order_id="entry", order_class="oto", stop_loss={"stop_price": "145"})
    position = rig.position()
    assert (position["qty"], position["qty_available"]) == ("4", "0")
    rig.refused(403, 40310000, **sell(qty="1"))


@pytest.mark.parametrize("limit", ["10", "4"])
def test_while_an_order_is_replaced_the_larger_of_the_two_is_set_aside(open_rig, limit):
    rig = open_rig(replace_latency_s=Decimal(60))
    rig.buy()
    old = rig.sell(qty="6", type="limit", limit_price="160")
    rig.request("PATCH", f"/v2/orders/{old['id']}", json={"qty": limit})
    assert rig.position()["qty_available"] == {"10": "0", "4": "4"}[limit]
    rig.advance(60)
    assert rig.position()["qty_available"] == {"10": "0", "4": "6"}[limit]


def test_a_replacement_may_not_ask_for_more_than_is_held(holder):
    old = holder.sell(qty="6", type="limit", limit_price="160")
    response = holder.request("PATCH", f"/v2/orders/{old['id']}", json={"qty": "11"})
    assert (response.status_code, response.json()["available"]) == (403, "10")


def test_a_replacement_costs_its_own_value_and_not_the_old_orders_too(rig):
    old = rig.buy(qty="700", type="limit", limit_price="140")
    response = rig.request("PATCH", f"/v2/orders/{old['id']}", json={"qty": "1428"})
    assert response.status_code == 200
    assert rig.get("/v2/account")["buying_power"] == "80"  # 200,000 less 199,920
    response = rig.request("PATCH", f"/v2/orders/{response.json()['id']}", json={"qty": "1429"})
    assert (response.status_code, response.json()["message"]) == (403, "insufficient buying power")
