from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from lib.paper_broker.prices import ScriptedFeed
from tests.paper_broker.replacing import replaced
from tests.paper_broker.rig import WEDNESDAY_OPEN, oco_body


def group(rig, parent):
    shown = rig.order(parent["id"], nested=True)
    return shown, shown["legs"][0]


def test_the_parent_is_the_target_and_the_held_leg_the_stop(holder):
    parent = holder.oco()
    (leg,) = parent["legs"]
    assert (parent["order_class"], parent["type"], parent["limit_price"], parent["stop_price"]) == (
        "oco",
        "limit",
        "160",
        None,
    )
    assert (leg["order_class"], leg["type"], leg["limit_price"], leg["stop_price"]) == ("oco", "stop", None, "145")
    assert (parent["status"], leg["status"]) == ("new", "held")
    assert parent["submitted_at"] == leg["submitted_at"]
    assert (leg["qty"], leg["side"], leg["legs"]) == ("10", "sell", None)
    assert UUID(leg["client_order_id"]) != UUID(leg["id"])


def test_held_legs_are_seen_under_their_parent_only(holder):
    parent = holder.oco()
    leg = parent["legs"][0]
    assert [order["id"] for order in holder.get("/v2/orders", status="open")] == [parent["id"]]
    (nested,) = holder.get("/v2/orders", status="open", nested="True")
    assert [order["id"] for order in nested["legs"]] == [leg["id"]]
    flat = holder.get("/v2/orders", status="all", direction="asc")[1:]
    assert [(order["id"], order["legs"]) for order in flat] == [(parent["id"], None), (leg["id"], None)]


def test_an_oco_without_a_position_is_no_exit(rig):
    body = rig.refused(422, 42210000, **oco_body())
    assert body["message"] == "oco orders must be exit orders"


def test_an_oco_before_the_position_is_booked_is_no_exit(open_rig):
    rig = open_rig(booking_lag_s=Decimal(2))
    rig.buy()
    assert rig.get("/v2/positions") == []
    assert rig.refused(422, 42210000, **oco_body())["message"] == "oco orders must be exit orders"
    rig.advance(2)
    assert rig.position()["qty"] == "10"
    assert rig.oco()["status"] == "new"


def test_target_and_stop_must_lie_a_cent_from_the_market(holder):
    body = holder.refused(422, 42210000, **oco_body(target="150"))
    assert body["message"] == "take_profit.limit_price must be >= base_price + 0.01"
    assert body["base_price"] == "150"
    body = holder.refused(422, 42210000, **oco_body(stop="150"))
    assert body["message"] == "stop_loss.stop_price must be <= base_price - 0.01"
    assert body["base_price"] == "150"
    assert holder.oco(target="150.01", stop="149.99")["status"] == "new"


def test_the_target_fills_and_the_stop_is_canceled(holder):
    parent = holder.oco()
    holder.price("160")
    target, stop = group(holder, parent)
    assert (target["status"], target["filled_avg_price"]) == ("filled", "160")
    assert (stop["status"], stop["filled_qty"]) == ("canceled", "0")
    assert holder.get("/v2/positions") == []


def test_the_stop_fills_through_a_gap_and_the_target_is_canceled(holder):
    parent = holder.oco()
    holder.price("144.90")
    target, stop = group(holder, parent)
    assert (stop["status"], stop["filled_avg_price"]) == ("filled", "144.9")
    assert (target["status"], target["filled_qty"]) == ("canceled", "0")
    assert holder.get("/v2/account")["cash"] == "99948.9"  # 100,000 - 10 x 150.01 + 10 x 144.90


def test_a_target_that_fills_in_part_leaves_the_stop_the_rest(open_rig):
    rig = open_rig(fill_plan={"exit": (Decimal(4),)})
    rig.buy()
    parent = rig.oco(client_order_id="exit")
    rig.price("160")
    target, stop = group(rig, parent)
    assert (target["status"], target["qty"], target["filled_qty"]) == ("partially_filled", "10", "4")
    assert (stop["status"], stop["qty"]) == ("held", "6")
    assert rig.position()["qty_available"] == "0"
    rig.price("144.90")
    target, stop = group(rig, parent)
    assert (stop["status"], stop["filled_qty"]) == ("filled", "6")
    assert (target["status"], target["filled_qty"]) == ("canceled", "4")
    assert rig.get("/v2/positions") == []


def test_a_stop_that_fills_in_part_leaves_the_target_the_rest(open_rig):
    rig = open_rig(fill_plan={"exit:stop": (Decimal(7),)})
    rig.buy()
    parent = rig.oco(client_order_id="exit")
    rig.price("145")
    target, stop = group(rig, parent)
    assert (stop["status"], stop["qty"], stop["filled_qty"]) == ("partially_filled", "10", "7")
    assert (target["status"], target["qty"]) == ("new", "3")
    rig.price("146")
    target, stop = group(rig, parent)
    assert (stop["status"], stop["filled_avg_price"]) == ("filled", "145.3")  # an elected stop is a market order
    assert target["status"] == "canceled"


def test_a_group_is_open_while_any_member_is_live(open_rig):
    rig = open_rig(fill_plan={"exit:stop": (Decimal(7),)})
    rig.buy()
    parent = rig.oco(client_order_id="exit")
    rig.price("145")
    assert [order["id"] for order in rig.get("/v2/orders", status="open", nested="true")] == [parent["id"]]
    rig.price("146")
    assert rig.get("/v2/orders", status="open", nested="true") == []


def test_cancel_of_either_member_cancels_the_group_and_frees_the_shares(holder):
    for member in ("parent", "leg"):
        parent = holder.oco()
        assert holder.position()["qty_available"] == "0"
        order_id = parent["id"] if member == "parent" else parent["legs"][0]["id"]
        assert holder.cancel(order_id) == (204, None)
        target, stop = group(holder, parent)
        assert (target["status"], stop["status"]) == ("canceled", "canceled")
        assert holder.position()["qty_available"] == "10"


def test_a_member_that_was_canceled_by_its_sibling_cancels_silently_a_filled_one_does_not(holder):
    parent = holder.oco()
    holder.price("160")
    assert holder.cancel(parent["legs"][0]["id"]) == (204, None)
    status, body = holder.cancel(parent["id"])
    assert (status, body["code"], body["message"]) == (422, 42210000, 'order is already in "filled" state')


def test_a_day_oco_expires_as_a_group(holder):
    parent = holder.oco(time_in_force="day")
    holder.go_to("2013-01-02T21:00:00Z")
    target, stop = group(holder, parent)
    assert (target["status"], stop["status"]) == ("expired", "expired")
    assert target["expired_at"] == "2013-01-02T21:00:00Z"
    assert holder.position()["qty_available"] == "10"


def test_the_walk_takes_the_price_of_the_step_that_reached_the_stop(open_rig):
    minutes = (150, 147, "144.90", 143, 170)
    feed = ScriptedFeed(
        {"AAPL": [(WEDNESDAY_OPEN + timedelta(hours=hour), Decimal(price)) for hour, price in enumerate(minutes)]}
    )
    rig = open_rig(feed=feed)
    rig.buy()
    rig.oco()
    rig.go_to("2013-01-05T00:00:00Z")
    latest = rig.fills()[0]
    assert (latest["price"], latest["transaction_time"]) == ("144.9", "2013-01-02T16:30:00Z")


def test_the_stop_of_an_oco_with_a_limit_is_left_behind_by_a_gap_and_the_target_lives_on(holder):
    parent = holder.oco(stop_loss={"stop_price": "145", "limit_price": "144"})
    assert (parent["legs"][0]["type"], parent["legs"][0]["limit_price"]) == ("stop_limit", "144")
    holder.price("143")
    target, stop = group(holder, parent)
    assert (target["status"], stop["status"], stop["filled_qty"]) == ("new", "new", "0")
    holder.price("160")
    # Both are limits now and both could sell; the shares are sold once.
    target, stop = group(holder, parent)
    assert {target["status"], stop["status"]} == {"filled", "canceled"}
    assert holder.get("/v2/positions") == []


def test_a_switch_leaves_the_stop_held_for_ever_beside_a_target_that_filled_in_part(open_rig):
    rig = open_rig(fill_plan={"exit": (Decimal(6),)}, oco_stop_follows_target=False)
    rig.buy()
    parent = rig.oco(client_order_id="exit")
    rig.price("160")
    rig.price("100")
    target, stop = group(rig, parent)
    assert (target["status"], stop["status"], stop["qty"], stop["filled_qty"]) == (
        "partially_filled",
        "held",
        "10",
        "0",
    )
    assert rig.position()["qty_available"] == "0"
    assert rig.cancel(stop["id"]) == (204, None)
    assert [order["status"] for order in group(rig, parent)] == ["canceled", "canceled"]
    assert rig.position()["qty_available"] == "4"


def test_a_switch_lets_a_stop_that_filled_in_part_end_its_target(open_rig):
    rig = open_rig(fill_plan={"exit:stop": (Decimal(7),)}, oco_stop_cancels_target=True)
    rig.buy()
    parent = rig.oco(client_order_id="exit")
    rig.price("145")
    target, stop = group(rig, parent)
    assert (target["status"], stop["status"], stop["filled_qty"]) == ("canceled", "partially_filled", "7")
    assert rig.position()["qty_available"] == "0"
    rig.price("150")
    assert rig.get("/v2/positions") == []


def test_a_switch_shows_the_target_as_replaced_by_the_stop_that_filled(open_rig):
    rig = open_rig(oco_target_ends_replaced=True)
    rig.buy()
    parent = rig.oco()
    rig.price("145")
    target, stop = group(rig, parent)
    assert (target["status"], target["replaced_by"], target["replaced_at"]) == (
        "replaced",
        stop["id"],
        "2013-01-02T15:00:00Z",
    )
    assert stop["status"] == "filled"


def test_a_switch_lets_both_legs_fill_within_a_minute(open_rig):
    rig = open_rig(oco_both_legs_may_fill=True)
    rig.buy()
    fast, slow = rig.oco(qty="4"), rig.oco(qty="6")
    rig.price("160")
    rig.advance(59)
    assert [order["status"] for order in group(rig, fast)] == ["filled", "pending_cancel"]
    rig.cancel(slow["id"])
    rig.price("145")
    assert [order["status"] for order in group(rig, fast)] == ["filled", "filled"]
    assert rig.position()["qty"] == "-10"


def test_a_stop_that_stays_held_does_not_outlive_its_target_though_both_legs_may_fill(open_rig):
    rig = open_rig(fill_plan={"exit": (Decimal(6),)}, oco_stop_follows_target=False, oco_both_legs_may_fill=True)
    rig.buy()
    parent = rig.oco(client_order_id="exit")
    rig.price("160")
    rig.advance(60)
    assert [order["status"] for order in group(rig, parent)] == ["filled", "canceled"]
    assert rig.get("/v2/orders", nested=True) == []


def test_a_stop_that_is_being_replaced_while_its_target_fills_in_part_goes_on_for_the_rest(open_rig):
    rig = open_rig(replace_latency_s=Decimal(5), fill_plan={"exit": (Decimal(4),)})
    rig.buy()
    parent = rig.oco(client_order_id="exit")
    moved = replaced(rig, parent["legs"][0]["id"], stop_price="146")
    rig.price("160")
    rig.price("150")
    rig.advance(5)
    target, stop = group(rig, parent)
    assert (target["filled_qty"], stop["id"], stop["status"], stop["qty"]) == ("4", moved["id"], "held", "6")
    rig.price("140")
    assert rig.get("/v2/positions") == []


def test_an_oco_of_a_short_position_buys_it_back_once(rig):
    rig.sell()
    parent = rig.oco(side="buy", target="140", stop="155")
    assert (parent["status"], parent["position_intent"], parent["legs"][0]["status"]) == ("new", "buy_to_close", "held")
    rig.price("155", "155.01")
    target, stop = group(rig, parent)
    assert (target["status"], stop["status"], stop["filled_avg_price"]) == ("canceled", "filled", "155.01")
    assert rig.get("/v2/positions") == []
