"""Replacements: the chain, its races, what may be changed, and what the account sets aside meanwhile."""

from decimal import Decimal

import pytest
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import ReplaceOrderRequest

from tests.paper_broker.replacing import patch, refused, replaced


@pytest.fixture
def slow(open_rig):
    """A replacement takes two seconds; ten shares of AAPL at hand."""
    rig = open_rig(replace_latency_s=Decimal(2), fill_plan={"parts": (Decimal(4),)})
    rig.buy()
    return rig


@pytest.fixture
def resting(rig):
    """A buy of ten that does not fill."""
    return rig.buy(type="limit", limit_price="140", client_order_id="first")


def test_a_new_order_takes_the_place_of_the_old_one(rig, resting):
    rig.advance(1)
    new = replaced(rig, resting["id"], limit_price="141", qty="12", time_in_force="gtc", client_order_id="second")
    shown = ("status", "limit_price", "qty", "time_in_force", "client_order_id", "replaces", "replaced_by")
    assert [new[name] for name in shown] == ["new", "141", "12", "gtc", "second", resting["id"], None]
    assert new["submitted_at"] == "2013-01-02T15:00:01Z"
    old = rig.order(resting["id"])
    assert (old["status"], old["replaced_by"], old["limit_price"]) == ("replaced", new["id"], "140")
    assert old["replaced_at"] == "2013-01-02T15:00:01Z"
    assert [row["id"] for row in rig.get("/v2/orders")] == [new["id"]]


def test_what_is_not_asked_for_stays_and_the_new_order_has_an_id_of_its_own(rig, resting):
    new = replaced(rig, resting["id"], limit_price=141.5)
    same = ("symbol", "side", "type", "qty", "time_in_force", "order_class", "position_intent")
    assert {name: new[name] for name in same} == {name: resting[name] for name in same}
    assert new["client_order_id"] not in {"first", new["id"]}
    by_client_id = rig.get("/v2/orders:by_client_order_id", client_order_id="first")
    assert (by_client_id["id"], by_client_id["status"]) == (resting["id"], "replaced")


def test_a_chain_goes_on(rig, resting):
    second = replaced(rig, resting["id"], limit_price="141")
    third = replaced(rig, second["id"], limit_price="142")
    assert third["replaces"] == second["id"]
    assert refused(rig, resting["id"], 42210000, limit_price="143") == "order already replaced"
    assert rig.cancel(second["id"])[0] == 422
    assert rig.cancel(third["id"]) == (204, None)


def test_the_new_order_may_fill_at_once(rig, resting):
    new = replaced(rig, resting["id"], limit_price="150.01")
    assert new["status"] == "new"
    assert rig.order(new["id"])["status"] == "filled"
    assert rig.position()["qty"] == "10"


def test_the_clients_own_request_is_understood(rig, resting):
    client = TradingClient("k", "s", url_override=rig.url)
    client._session = rig.session
    new = client.replace_order_by_id(resting["id"], ReplaceOrderRequest(qty=7, limit_price=139.5))
    assert (str(new.replaces), new.qty, new.limit_price) == (resting["id"], "7", "139.5")


# Races


def test_until_the_venue_answers_the_old_order_is_pending_and_the_new_one_too(slow):
    old = slow.buy(type="limit", limit_price="140")
    new = replaced(slow, old["id"], limit_price="141")
    assert (new["status"], new["replaces"]) == ("pending_new", old["id"])
    old = slow.order(old["id"])
    assert (old["status"], old["replaced_by"], old["replaced_at"]) == ("pending_replace", None, None)
    status, body = slow.cancel(old["id"])
    assert (status, body["code"]) == (422, 42210000)
    assert slow.cancel(new["id"])[0] == 422
    assert refused(slow, old["id"], 42210000, limit_price="142") == "order already pending replacement"
    assert refused(slow, new["id"], 42210000, limit_price="142") == "order chain not fully replaced"
    slow.advance(2)
    assert (slow.order(old["id"])["status"], slow.order(new["id"])["status"]) == ("replaced", "new")
    replaced(slow, new["id"], limit_price="142")


def test_an_old_order_that_fills_first_leaves_the_new_one_rejected(slow):
    old = slow.buy(type="limit", limit_price="140")
    new = replaced(slow, old["id"], limit_price="130")
    slow.price("139.99")
    assert slow.order(old["id"])["status"] == "filled"
    slow.advance(2)
    old, new = slow.order(old["id"]), slow.order(new["id"])
    assert (old["status"], old["replaced_by"]) == ("filled", None)
    assert (new["status"], new["filled_qty"], new["failed_at"]) == ("rejected", "0", "2013-01-02T15:00:02Z")
    assert slow.position()["qty"] == "20"


def test_the_quantity_of_the_new_order_is_that_of_the_whole_chain(slow):
    old = slow.buy(type="limit", limit_price="140", client_order_id="parts")
    slow.price("139.99")
    assert slow.order(old["id"])["filled_qty"] == "4"
    slow.price("150")
    for qty in ("4", "3"):
        assert refused(slow, old["id"], 42210000, qty=qty) == "qty must be > filled_qty"
    new = replaced(slow, old["id"], qty="6")
    slow.advance(2)
    old, new = slow.order(old["id"]), slow.order(new["id"])
    assert (old["status"], old["filled_qty"]) == ("replaced", "4")
    assert (new["status"], new["qty"], new["filled_qty"], new["filled_avg_price"]) == (
        "partially_filled",
        "6",
        "4",
        "140",
    )
    slow.price("139.99")
    assert slow.order(new["id"])["status"] == "filled"
    assert [(row["order_id"], row["qty"], row["cum_qty"]) for row in slow.fills()[:2]] == [
        (new["id"], "2", "6"),
        (old["id"], "4", "4"),
    ]
    assert slow.position()["qty"] == "16"


def test_a_replacement_smaller_than_what_fills_meanwhile_is_rejected_and_the_old_order_goes_on(slow):
    old = slow.buy(type="limit", limit_price="140", client_order_id="parts")
    new = replaced(slow, old["id"], qty="3")
    slow.price("139.99")  # four fill
    slow.price("150")
    slow.advance(2)
    assert slow.order(new["id"])["status"] == "rejected"
    old = slow.order(old["id"])
    assert (old["status"], old["filled_qty"], old["replaced_by"]) == ("partially_filled", "4", None)


def test_what_the_venue_has_overnight_is_replaced_at_the_opening(slow):
    old = slow.buy(type="limit", limit_price="140", time_in_force="gtc")
    slow.go_to("2013-01-02T22:00:00Z")
    new = replaced(slow, old["id"], limit_price="141")
    slow.go_to("2013-01-03T14:29:59Z")
    assert slow.order(new["id"])["status"] == "pending_new"
    slow.go_to("2013-01-03T14:30:00Z")
    assert (slow.order(old["id"])["status"], slow.order(new["id"])["status"]) == ("replaced", "new")


# What is set aside


def test_the_larger_of_the_two_is_what_buying_power_goes_without(open_rig):
    rig = open_rig(replace_latency_s=Decimal(2), multiplier=Decimal(1), cash=Decimal(10_000))

    def power():
        return rig.get("/v2/account")["buying_power"]

    old = rig.buy(type="limit", limit_price="140")
    assert power() == "8600"
    dearer = replaced(rig, old["id"], limit_price="145")
    assert power() == "8550"
    rig.advance(2)
    replaced(rig, dearer["id"], limit_price="100")
    assert power() == "8550"
    rig.advance(2)
    assert power() == "9000"


def test_what_fills_of_the_old_order_meanwhile_is_not_set_aside_for_the_new_one(open_rig):
    rig = open_rig(
        replace_latency_s=Decimal(2),
        multiplier=Decimal(1),
        cash=Decimal(10_000),
        fill_plan={"entry": (Decimal(4),), "exit": (Decimal(1),)},
    )
    entry = rig.buy(type="limit", limit_price="140", client_order_id="entry")
    replaced(rig, entry["id"], limit_price="145")
    rig.price("139.99")  # four fill
    rig.price("150")
    assert rig.get("/v2/account")["buying_power"] == "8570"  # 10,000 less 4 x 140 less 6 x 145
    rig.advance(2)
    rig.request("DELETE", "/v2/orders")
    leave = rig.sell(qty="3", type="limit", limit_price="160", client_order_id="exit")
    replaced(rig, leave["id"], limit_price="161")
    rig.price("160")  # one fills
    assert rig.position()["qty_available"] == "1"  # 4 less 1 less 2


def test_the_money_of_the_old_order_pays_for_the_new_one(open_rig):
    rig = open_rig(multiplier=Decimal(1), cash=Decimal(1_500))
    old = rig.buy(type="limit", limit_price="140")
    new = replaced(rig, old["id"], limit_price="149")
    status, body = patch(rig, new["id"], qty="11")
    assert (status, body["code"], body["message"]) == (403, 40310000, "insufficient buying power")
    assert rig.order(new["id"])["status"] == "new"


def test_the_shares_of_the_old_order_are_there_for_the_new_one_and_no_more(holder):
    old = holder.sell(qty="6", type="limit", limit_price="160")
    new = replaced(holder, old["id"], qty="10")
    assert holder.position()["qty_available"] == "0"
    status, body = patch(holder, new["id"], qty="11")
    assert (status, body["message"]) == (403, "insufficient qty available for order (requested: 11, available: 10)")


def test_the_new_price_may_not_meet_the_accounts_own_orders(holder):
    holder.sell(type="limit", limit_price="160")
    buy = holder.buy(qty="1", type="limit", limit_price="140")
    status, body = patch(holder, buy["id"], limit_price="160")
    assert (status, body["message"]) == (403, "potential wash trade detected. use complex orders")


# What may be changed


@pytest.mark.parametrize(
    ("order", "body", "code", "message"),
    [
        ({}, {"limit_price": "140"}, 42210000, "order parameters are not changed"),
        ({}, {}, 42210000, "order parameters are not changed"),
        ({}, {"qty": "1.5"}, 40010001, "qty must be integer"),
        ({}, {"qty": "0"}, 40010001, "qty must be > 0"),
        ({}, {"stop_price": "139"}, 40010001, "limit orders must not have stop_price"),
        ({}, {"trail": "1"}, 40010001, "limit orders must not have trail"),
        ({}, {"time_in_force": "gtd"}, 40010001, "invalid time_in_force"),
        ({}, {"notional": "100"}, 42210000, "notional is only accepted for IPO order replacement"),
        ({}, {"client_order_id": "first"}, 42210000, "client_order_id must be unique"),
        ({}, {"client_order_id": "x" * 129}, 40010001, "client_order_id must be no more than 128 characters"),
        (
            {},
            {"limit_price": "140.001"},
            42210000,
            "invalid limit_price 140.001. sub-penny increment does not fulfill minimum pricing criteria",
        ),
        (
            {"type": "stop", "limit_price": None, "stop_price": "160"},
            {"limit_price": "161"},
            40010001,
            "stop orders must not have limit_price",
        ),
        (
            {"type": "stop", "limit_price": None, "stop_price": "160"},
            {"stop_price": "150"},
            42210000,
            "stop price must be greater than current price",
        ),
        ({"qty": "1.5"}, {"qty": "2"}, 42210000, "qty cannot be changed for fractional orders"),
        ({"qty": "1.5"}, {"time_in_force": "gtc"}, 42210000, "fractional orders must be DAY orders"),
        ({"qty": None, "notional": "100"}, {"limit_price": "141"}, 42210000, "notional orders cannot be replaced"),
        (
            {"type": "trailing_stop", "limit_price": None, "trail_percent": "5"},
            {"trail": "0.05"},
            40010001,
            "trail_percent must be greater than or equal to 0.1",
        ),
    ],
)
def test_what_an_order_cannot_become_is_refused(rig, order, body, code, message):
    sent = rig.buy(**({"type": "limit", "limit_price": "140", "client_order_id": "first"} | order))
    assert refused(rig, sent["id"], code, **body) == message
    assert rig.order(sent["id"])["status"] == "new"


def test_a_trail_goes_on_from_the_same_high_water_mark(holder):
    order = holder.sell(type="trailing_stop", trail_price="5")
    holder.price("155")
    new = replaced(holder, order["id"], trail="2")
    assert (new["trail_price"], new["trail_percent"], new["hwm"], new["stop_price"]) == ("2", None, "155", "153")


def test_both_prices_of_a_stop_limit_may_be_changed(rig):
    order = rig.buy(type="stop_limit", stop_price="155", limit_price="156")
    new = replaced(rig, order["id"], stop_price="157", limit_price="158")
    assert (new["stop_price"], new["limit_price"]) == ("157", "158")


def test_an_order_that_no_venue_has_is_not_replaced(rig):
    rig.go_to("2013-01-02T22:00:00Z")
    order = rig.buy(type="limit", limit_price="140")
    assert refused(rig, order["id"], 42210000, limit_price="141") == "cannot replace order in accepted status"


@pytest.mark.parametrize(("end", "status"), [("cancel", "canceled"), ("price", "filled"), ("close", "expired")])
def test_an_order_that_is_over_is_not_replaced(rig, resting, end, status):
    {
        "cancel": lambda: rig.cancel(resting["id"]),
        "price": lambda: rig.price("139"),
        "close": lambda: rig.go_to("2013-01-02T21:00:00Z"),
    }[end]()
    assert refused(rig, resting["id"], 42210000, limit_price="141") == f"cannot replace order in {status} status"


def test_an_order_that_is_being_canceled_is_not_replaced(open_rig):
    rig = open_rig(cancel_latency_s=Decimal(2))
    order = rig.buy(type="limit", limit_price="140")
    rig.cancel(order["id"])
    assert refused(rig, order["id"], 42210000, limit_price="141") == "cannot replace order in pending_cancel status"


def test_an_unknown_order_is_not_replaced(rig):
    unknown = "c0ffee00-0000-4000-8000-000000000000"
    assert patch(rig, unknown, qty="1") == (404, {"code": 40410000, "message": f"order not found for {unknown}"})
