"""Replacements inside OCO, brackets and OTO."""

from decimal import Decimal

import pytest

from tests.paper_broker.replacing import patch, refused, replaced
from tests.paper_broker.rig import order_body


@pytest.fixture
def slow(open_rig):
    """A replacement takes two seconds; ten shares of AAPL at hand."""
    rig = open_rig(replace_latency_s=Decimal(2))
    rig.buy()
    return rig


def nested(rig, order_id):
    return rig.order(order_id, nested=True)


def test_the_stop_of_an_oco_is_replaced_and_stays_its_leg(holder):
    parent = holder.oco()
    old = parent["legs"][0]
    new = replaced(holder, old["id"], stop_price="147")
    assert (new["status"], new["type"], new["stop_price"], new["order_class"]) == ("held", "stop", "147", "oco")
    (leg,) = nested(holder, parent["id"])["legs"]
    assert leg["id"] == new["id"]
    assert holder.order(old["id"])["status"] == "replaced"
    assert [row["id"] for row in holder.get("/v2/orders")] == [parent["id"]]
    holder.price("146.99")
    shown = nested(holder, parent["id"])
    assert (shown["status"], shown["legs"][0]["status"], shown["legs"][0]["filled_avg_price"]) == (
        "canceled",
        "filled",
        "146.99",
    )


def test_the_target_of_an_oco_is_replaced_and_keeps_its_leg(holder):
    old = holder.oco()
    new = replaced(holder, old["id"], limit_price="155")
    assert (new["status"], new["limit_price"], [leg["id"] for leg in new["legs"]]) == (
        "new",
        "155",
        [old["legs"][0]["id"]],
    )
    assert nested(holder, old["id"])["legs"] is None
    assert holder.position()["qty_available"] == "0"
    assert [row["id"] for row in holder.get("/v2/orders", nested="true")] == [new["id"]]
    holder.price("155")
    shown = nested(holder, new["id"])
    assert (shown["status"], shown["legs"][0]["status"]) == ("filled", "canceled")


def test_a_target_at_the_market_closes_the_position(holder):
    new = replaced(holder, holder.oco()["id"], limit_price="150")
    assert holder.order(new["id"])["status"] == "filled"
    assert holder.get("/v2/positions") == []


def test_of_a_group_the_prices_may_be_changed_and_nothing_else(holder):
    parent = holder.oco()
    stop = parent["legs"][0]
    assert refused(holder, parent["id"], 42210000, qty="5") == "qty cannot be changed for advanced orders"
    assert refused(holder, stop["id"], 42210000, qty="5") == "qty cannot be changed for advanced orders"
    assert refused(holder, parent["id"], 40010001, stop_price="146") == "limit orders must not have stop_price"
    assert refused(holder, stop["id"], 42210000, time_in_force="day").startswith("time_in_force")
    assert refused(holder, stop["id"], 42210000, stop_price="150") == "stop price must be less than current price"
    message = "take_profit.limit_price must be > stop_loss.stop_price"
    assert refused(holder, parent["id"], 42210000, limit_price="145") == message
    assert replaced(holder, stop["id"], client_order_id="mine")["client_order_id"] == "mine"


def test_while_a_leg_is_being_replaced_its_group_is_locked(slow):
    parent = slow.oco()
    stop = parent["legs"][0]
    replaced(slow, stop["id"], stop_price="147")
    assert refused(slow, parent["id"], 42210000, limit_price="161") == "order chain not fully replaced"
    assert slow.cancel(parent["id"])[0] == 422
    slow.advance(2)
    assert nested(slow, parent["id"])["legs"][0]["stop_price"] == "147"
    assert slow.cancel(parent["id"]) == (204, None)


def test_a_list_of_open_orders_has_the_leg_that_is_being_replaced_and_the_new_one(slow):
    parent = slow.oco()
    new = replaced(slow, parent["legs"][0]["id"], stop_price="147")
    shown = {order["id"]: order["status"] for order in slow.get("/v2/orders")}
    assert shown == {parent["id"]: "new", parent["legs"][0]["id"]: "pending_replace", new["id"]: "pending_new"}


def test_a_stop_that_fills_while_it_is_being_replaced_ends_its_group(slow):
    parent = slow.oco()
    new = replaced(slow, parent["legs"][0]["id"], stop_price="144")
    slow.price("144.90")
    slow.advance(2)
    shown = nested(slow, parent["id"])
    assert (shown["status"], shown["legs"][0]["status"], shown["legs"][0]["id"]) == (
        "canceled",
        "filled",
        parent["legs"][0]["id"],
    )
    assert slow.order(new["id"])["status"] == "rejected"
    assert slow.get("/v2/positions") == []


def bracket(rig, name="bracket", **body):
    entry = order_body(type="limit", limit_price="140", order_class=name, time_in_force="gtc")
    legs = {"take_profit": {"limit_price": "160"}, "stop_loss": {"stop_price": "130"}}
    return rig.post("/v2/orders", **(entry | legs | body))


def test_the_entry_of_a_bracket_is_replaced_and_its_legs_wait_for_the_new_one(rig):
    old = bracket(rig)
    message = "stop_loss.stop_price must be <= base_price - 0.01"
    assert refused(rig, old["id"], 42210000, limit_price="130") == message
    new = replaced(rig, old["id"], limit_price="145")
    assert [leg["id"] for leg in new["legs"]] == [leg["id"] for leg in old["legs"]]
    rig.price("144.99")
    shown = nested(rig, new["id"])
    assert (shown["status"], [leg["status"] for leg in shown["legs"]]) == ("filled", ["new", "held"])


def test_a_leg_of_a_bracket_may_be_replaced_before_and_after_its_entry_fills(rig):
    entry = bracket(rig)
    target, stop = entry["legs"]
    stop = replaced(rig, stop["id"], stop_price="131")
    assert stop["status"] == "held"
    rig.price("139.99")
    target = replaced(rig, target["id"], limit_price="159")
    assert target["status"] == "new"
    shown = nested(rig, entry["id"])
    assert [(leg["id"], leg["status"]) for leg in shown["legs"]] == [(target["id"], "new"), (stop["id"], "held")]
    rig.price("159")
    shown = nested(rig, entry["id"])
    assert [leg["status"] for leg in shown["legs"]] == ["filled", "canceled"]


def test_an_oto_is_not_replaced_unless_a_switch_says_so(open_rig):
    for replaceable, status in ((False, 422), (True, 200)):
        rig = open_rig(oto_replaceable=replaceable)
        order = bracket(rig, "oto", take_profit=None)
        assert patch(rig, order["id"], qty="5")[1]["message"] == "qty cannot be changed for advanced orders"
        assert patch(rig, order["id"], limit_price="141")[0] == status
