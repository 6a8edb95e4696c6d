from decimal import Decimal
from uuid import UUID

import pytest

from tests.paper_broker.rig import order_body

TARGET, STOP = {"take_profit": {"limit_price": "160"}}, {"stop_loss": {"stop_price": "145"}}


def bracket_body(**body):
    return order_body(order_class="bracket", time_in_force="gtc", **TARGET, **STOP) | body


def oto_body(leg, **body):
    return order_body(order_class="oto", time_in_force="gtc", **leg) | body


@pytest.fixture
def entered(rig):
    """A bracket whose entry filled at 150.01: the broker, and the ids of entry, target and stop."""
    entry = rig.post("/v2/orders", **bracket_body())
    return rig, entry["id"], *(leg["id"] for leg in entry["legs"])


def statuses(rig, entry_id):
    shown = rig.order(entry_id, nested=True)
    return [order["status"] for order in (shown, *shown["legs"])]


def test_the_entry_is_the_parent_of_a_held_target_and_a_held_stop(rig):
    entry = rig.post("/v2/orders", **bracket_body(type="limit", limit_price="149"))
    target, stop = entry["legs"]
    assert (entry["status"], entry["side"], entry["type"], entry["position_intent"]) == (
        "new",
        "buy",
        "limit",
        "buy_to_open",
    )
    for leg, kind, limit, stop_price in ((target, "limit", "160", None), (stop, "stop", None, "145")):
        assert (leg["type"], leg["limit_price"], leg["stop_price"]) == (kind, limit, stop_price)
        assert (leg["status"], leg["side"], leg["qty"], leg["legs"]) == ("held", "sell", "10", None)
        assert (leg["order_class"], leg["time_in_force"], leg["position_intent"]) == ("bracket", "gtc", "sell_to_close")
        assert (leg["submitted_at"], leg["expires_at"]) == (entry["submitted_at"], entry["expires_at"])
    assert len({UUID(leg[key]) for leg in (entry, target, stop) for key in ("id", "client_order_id")}) == 6


def test_the_stop_of_a_group_is_a_stop_limit_when_it_has_a_limit(rig):
    loss = {"stop_loss": {"stop_price": "145", "limit_price": "144.50"}}
    stop = rig.post("/v2/orders", **bracket_body(**loss))["legs"][1]
    assert (stop["type"], stop["stop_price"], stop["limit_price"]) == ("stop_limit", "145", "144.5")


def test_the_exits_wait_until_the_entry_has_filled_whole(open_rig):
    rig = open_rig(fill_plan={"entry": (Decimal(4), Decimal(5))})
    entry = rig.post("/v2/orders", **bracket_body(type="limit", limit_price="150.01", client_order_id="entry"))
    assert statuses(rig, entry["id"]) == ["partially_filled", "held", "held"]
    # Through target and stop: neither is in the market.
    rig.price("165")
    rig.price("140", "151")
    assert statuses(rig, entry["id"]) == ["partially_filled", "held", "held"]
    rig.price("150")
    assert statuses(rig, entry["id"]) == ["partially_filled", "held", "held"]
    rig.price("149")
    assert statuses(rig, entry["id"]) == ["filled", "new", "held"]
    assert rig.position()["qty_available"] == "0"


def test_an_entry_canceled_with_a_part_filled_leaves_its_shares_without_cover(open_rig):
    rig = open_rig(fill_plan={"entry": (Decimal(4), Decimal(0))})
    entry = rig.post("/v2/orders", **bracket_body(client_order_id="entry"))
    assert rig.cancel(entry["legs"][1]["id"]) == (204, None)
    assert statuses(rig, entry["id"]) == ["canceled", "canceled", "canceled"]
    position = rig.position()
    assert (position["qty"], position["qty_available"]) == ("4", "4")


def test_an_entry_of_the_day_that_expires_takes_its_exits_with_it(open_rig):
    rig = open_rig(fill_plan={"entry": (Decimal(4), Decimal(0))})
    body = bracket_body(type="limit", limit_price="150.01", time_in_force="day", client_order_id="entry")
    entry = rig.post("/v2/orders", **body)
    rig.price("155")
    rig.go_to("2013-01-02T21:00:00Z")
    assert statuses(rig, entry["id"]) == ["expired", "canceled", "canceled"]
    assert rig.position()["qty_available"] == "4"


def test_exits_of_the_day_expire_together(rig):
    entry = rig.post("/v2/orders", **bracket_body(time_in_force="day"))
    rig.go_to("2013-01-02T21:00:00Z")
    assert statuses(rig, entry["id"]) == ["filled", "expired", "expired"]


def test_a_bracket_of_the_evening_waits_for_the_open(rig):
    rig.go_to("2013-01-02T22:00:00Z")
    entry = rig.post("/v2/orders", **bracket_body())
    assert [order["status"] for order in (entry, *entry["legs"])] == ["accepted", "held", "held"]
    rig.price("150")
    rig.go_to("2013-01-03T14:30:00Z")
    assert statuses(rig, entry["id"]) == ["filled", "new", "held"]


def test_exits_are_open_under_their_filled_entry(entered):
    rig, entry, target, stop = entered
    (shown,) = rig.get("/v2/orders", status="open", nested="true")
    assert (shown["id"], [leg["id"] for leg in shown["legs"]]) == (entry, [target, stop])
    assert [order["id"] for order in rig.get("/v2/orders", status="open")] == [target]


def test_the_target_of_a_bracket_fills_and_its_stop_is_canceled(entered):
    rig, entry, _, _ = entered
    rig.price("160")
    assert statuses(rig, entry) == ["filled", "filled", "canceled"]
    assert rig.get("/v2/positions") == []


def test_the_stop_of_a_bracket_fills_and_its_target_is_canceled(entered):
    rig, entry, _, _ = entered
    rig.price("144")
    assert statuses(rig, entry) == ["filled", "canceled", "filled"]
    assert rig.get("/v2/positions") == []


def test_a_target_that_fills_in_part_leaves_the_stop_of_its_bracket_the_rest(open_rig):
    rig = open_rig(fill_plan={"entry:target": (Decimal(4),)})
    entry = rig.post("/v2/orders", **bracket_body(client_order_id="entry"))
    rig.price("160")
    target, stop = rig.order(entry["id"], nested=True)["legs"]
    assert (target["status"], target["filled_qty"], stop["status"], stop["qty"]) == (
        "partially_filled",
        "4",
        "held",
        "6",
    )
    rig.price("140")
    assert statuses(rig, entry["id"]) == ["filled", "canceled", "filled"]
    assert rig.get("/v2/positions") == []


@pytest.mark.parametrize("leg", [2, 3])
def test_cancel_of_one_exit_cancels_the_other_and_sells_nothing(entered, leg):
    rig, entry, *_ = entered
    assert rig.cancel(entered[leg]) == (204, None)
    assert statuses(rig, entry) == ["filled", "canceled", "canceled"]
    assert rig.position()["qty_available"] == "10"


def test_a_filled_entry_cannot_be_canceled_and_its_exits_stay(entered):
    rig, entry, _, _ = entered
    status, body = rig.cancel(entry)
    assert (status, body["message"]) == (422, 'order is already in "filled" state')
    assert statuses(rig, entry) == ["filled", "new", "held"]


@pytest.mark.parametrize(
    ("leg", "kind", "through"), [(TARGET, "limit", "160"), (STOP, "stop", "145")], ids=["target", "stop"]
)
def test_the_one_exit_of_an_oto_goes_out_when_the_entry_has_filled(rig, leg, kind, through):
    entry = rig.post("/v2/orders", **oto_body(leg, type="limit", limit_price="149"))
    (shown,) = entry["legs"]
    assert (shown["type"], shown["order_class"], shown["status"]) == (kind, "oto", "held")
    rig.price("148.99")
    assert statuses(rig, entry["id"]) == ["filled", "new"]
    rig.price(through)
    assert statuses(rig, entry["id"]) == ["filled", "filled"]
    assert rig.get("/v2/positions") == []


def test_an_aged_bracket_loses_its_exits_with_its_entry(rig):
    entry = rig.post("/v2/orders", **bracket_body(type="limit", limit_price="149"))
    rig.go_to("2013-04-02T20:15:00Z")
    assert statuses(rig, entry["id"]) == ["pending_cancel", "held", "held"]
    rig.go_to("2013-04-03T13:30:00Z")
    assert statuses(rig, entry["id"]) == ["canceled", "canceled", "canceled"]


def test_a_short_bracket_is_the_mirror_of_a_long_one(rig):
    legs = {"take_profit": {"limit_price": "140"}, "stop_loss": {"stop_price": "155"}}
    entry = rig.post("/v2/orders", **bracket_body(side="sell", **legs))
    assert [(leg["side"], leg["position_intent"]) for leg in entry["legs"]] == [("buy", "buy_to_close")] * 2
    assert statuses(rig, entry["id"]) == ["filled", "new", "held"]
    assert rig.position()["qty"] == "-10"
    rig.price("155", "155.01")
    assert statuses(rig, entry["id"]) == ["filled", "canceled", "filled"]
    assert rig.get("/v2/positions") == []
