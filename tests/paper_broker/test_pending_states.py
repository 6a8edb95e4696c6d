from decimal import Decimal

from tests.paper_broker.replacing import replaced
from tests.paper_broker.test_brackets import bracket_body


def test_an_order_that_the_venue_has_not_answered_is_pending_new_and_does_not_fill(open_rig):
    rig = open_rig(ack_latency_s=Decimal(5))
    order = rig.buy()
    assert order["status"] == "pending_new"
    rig.price("155")
    rig.advance(4)
    assert rig.order(order["id"])["status"] == "pending_new"
    rig.advance(1)
    shown = rig.order(order["id"])
    assert (shown["status"], shown["filled_avg_price"], shown["filled_at"]) == (
        "filled",
        "155.01",
        "2013-01-02T15:00:05Z",
    )


def test_an_answered_order_that_cannot_fill_is_new(open_rig):
    rig = open_rig(ack_latency_s=Decimal(5))
    resting, at_once = (rig.buy(type="limit", limit_price="140", time_in_force=tif) for tif in ("day", "ioc"))
    rig.advance(5)
    assert rig.order(resting["id"])["status"] == "new"
    assert rig.order(at_once["id"])["canceled_at"] == "2013-01-02T15:00:05Z"


def test_an_order_of_the_evening_is_accepted_not_pending_new(open_rig):
    rig = open_rig(ack_latency_s=Decimal(5))
    rig.go_to("2013-01-02T22:00:00Z")
    assert rig.buy()["status"] == "accepted"


def test_an_order_that_is_pending_new_can_be_canceled(open_rig):
    rig = open_rig(ack_latency_s=Decimal(5))
    order = rig.buy()
    assert rig.cancel(order["id"]) == (204, None)
    rig.advance(10)
    assert rig.order(order["id"])["status"] == "canceled"
    assert rig.fills() == []


def test_shares_are_free_only_some_time_after_the_cancel_is_done(open_rig):
    # Measured on Alpaca's paper: canceled after 15 ms, shares free after 78 ms.
    rig = open_rig(cancel_latency_s=Decimal("0.015"), release_lag_s=Decimal("0.063"))
    rig.buy()
    order = rig.oco()
    rig.cancel(order["id"])

    def seen():
        return rig.order(order["id"])["status"], rig.position()["qty_available"]

    assert seen() == ("pending_cancel", "0")
    rig.advance(0.015)
    assert seen() == ("canceled", "0")
    body = rig.refused(403, 40310000, symbol="AAPL", qty="10", side="sell", type="market", time_in_force="day")
    assert (body["held_for_orders"], body["available"]) == ("10", "0")
    rig.advance(0.062)
    assert seen() == ("canceled", "0")
    rig.advance(0.001)
    assert seen() == ("canceled", "10")


def test_only_what_had_not_filled_is_released_late(open_rig):
    rig = open_rig(release_lag_s=Decimal(5), fill_plan={"mine": (Decimal(4), Decimal(0))})
    rig.buy()
    order = rig.sell(qty="7", client_order_id="mine")
    rig.cancel(order["id"])
    assert rig.position()["qty_available"] == "3"  # 10 - 4 sold - 3 not free yet
    rig.advance(5)
    assert rig.position()["qty_available"] == "6"


def test_an_entry_that_fills_before_its_cancel_is_done_brings_its_exits_into_force(open_rig):
    rig = open_rig(cancel_latency_s=Decimal(5))
    entry = rig.post("/v2/orders", **bracket_body(type="limit", limit_price="149"))
    assert rig.cancel(entry["id"]) == (204, None)
    assert rig.order(entry["id"])["status"] == "pending_cancel"
    status, body = rig.cancel(entry["legs"][0]["id"])
    assert (status, body["message"]) == (422, "order pending cancel")
    rig.price("148.99")
    rig.advance(5)
    shown = rig.order(entry["id"], nested=True)
    assert [order["status"] for order in (shown, *shown["legs"])] == ["filled", "new", "held"]


def test_while_an_order_is_being_replaced_neither_it_nor_the_new_one_can_be_canceled(open_rig):
    rig = open_rig(replace_latency_s=Decimal(5))
    old = rig.buy(type="limit", limit_price="140")
    new = replaced(rig, old["id"], limit_price="141")
    for order in (old, new):
        status, body = rig.cancel(order["id"])
        assert (status, body["code"]) == (422, 42210000)
    rig.advance(5)
    assert rig.order(new["id"])["status"] == "new"
    assert rig.cancel(new["id"]) == (204, None)
