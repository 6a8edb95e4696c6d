"""Short positions: who may open one, what it looks like, how it is closed."""

from decimal import Decimal

import pytest

from tests.paper_broker.rig import oco_body, order_body


def sell(**body):
    return order_body(side="sell", **body)


@pytest.fixture
def seller(rig):
    """AAPL at 150.00 / 150.01, ten shares of it sold short at 150.00."""
    rig.sell()
    return rig


def test_a_sale_without_shares_opens_a_short_position_and_all_its_values_are_signed(seller):
    seller.price("160")
    position = seller.position()
    shown = {
        "side": "short",
        "qty": "-10",
        "qty_available": "-10",
        "avg_entry_price": "150",
        "cost_basis": "-1500",
        "market_value": "-1600",
        "unrealized_pl": "-100",
        "unrealized_plpc": "-0.066666667",
        "unrealized_intraday_pl": "-100",
        "unrealized_intraday_plpc": "-0.066666667",
        "current_price": "160",
    }
    assert {name: position[name] for name in shown} == shown


def test_what_was_sold_short_counts_against_the_proceeds(seller):
    seller.price("160")
    account = seller.get("/v2/account")
    shown = {"cash": "101500", "long_market_value": "0", "short_market_value": "-1600", "equity": "99900"}
    assert {name: account[name] for name in shown} == shown


def test_covering_in_two_parts_books_the_gain_and_leaves_the_entry_price(seller):
    seller.price("140")
    order = seller.buy(qty="4")
    assert order["position_intent"] == "buy_to_close"
    position = seller.position()
    assert (position["qty"], position["avg_entry_price"], position["cost_basis"]) == ("-6", "150", "-900")
    seller.buy(qty="6")
    assert seller.get("/v2/positions") == []
    assert seller.get("/v2/account")["cash"] == "100099.9"  # ten shares at 150.00 less 140.01


def test_last_equity_takes_a_short_sale_back(seller):
    assert seller.get("/v2/account")["last_equity"] == "100000"
    seller.go_to("2013-01-03T15:00:00Z")
    seller.price("170")
    account = seller.get("/v2/account")
    assert (account["last_equity"], account["equity"]) == ("100000", "99800")


@pytest.mark.parametrize(("first", "second", "sign"), [("buy", "sell", ""), ("sell", "buy", "-")])
def test_no_order_takes_a_position_through_zero(rig, first, second, sign):
    rig.post("/v2/orders", **order_body(side=first))
    body = rig.refused(403, 40310000, **order_body(side=second, qty="11"))
    assert body == {
        "code": 40310000,
        "message": "insufficient qty available for order (requested: 11, available: 10)",
        "available": "10",
        "existing_qty": f"{sign}10",
        "held_for_orders": "0",
        "related_orders": [],
        "symbol": "AAPL",
    }


def test_an_open_cover_sets_aside_what_it_may_buy_back(seller):
    cover = seller.buy(type="limit", limit_price="140", qty="7")
    assert seller.position()["qty_available"] == "-3"
    body = seller.refused(403, 40310000, **order_body(type="limit", limit_price="141", qty="4"))
    assert (body["available"], body["held_for_orders"], body["related_orders"]) == ("3", "-7", [cover["id"]])


@pytest.mark.parametrize(
    "options",
    [{"multiplier": Decimal(1)}, {"shorting": False}, {"cash": Decimal("1999.99")}],
    ids=lambda it: next(iter(it)),
)
def test_without_margin_leave_or_2000_dollars_nothing_is_sold_short(open_rig, options):
    rig = open_rig(**options)
    body = rig.refused(403, 40310000, **sell(qty="1"))
    assert body["message"] == "account is not allowed to short"
    assert rig.get("/v2/account")["shorting_enabled"] is False


@pytest.mark.parametrize(
    "fact", [{"shortable": False}, {"borrow_status": "hard_to_borrow"}], ids=lambda it: next(iter(it))
)
def test_a_stock_that_nobody_lends_is_not_sold_short(rig, fact):
    rig.post("/paper/asset", symbol="AAPL", **fact)
    body = rig.refused(422, 42210000, **sell())
    assert body["message"] == 'asset "AAPL" cannot be sold short'


def test_what_is_hard_to_borrow_takes_day_orders_only_even_to_sell_what_is_held(holder):
    holder.post("/paper/asset", symbol="AAPL", borrow_status="hard_to_borrow")
    stop = sell(type="stop", stop_price="145")
    body = holder.refused(422, 42210000, **stop | {"time_in_force": "gtc"})
    assert body["message"] == 'only day orders are allowed for hard-to-borrow asset "AAPL"'
    assert holder.post("/v2/orders", **stop)["status"] == "new"


def test_a_plain_gtc_buy_of_what_is_hard_to_borrow_is_taken(rig):
    rig.post("/paper/asset", symbol="AAPL", borrow_status="hard_to_borrow")
    assert rig.buy(type="limit", limit_price="140", time_in_force="gtc")["status"] == "new"


def test_no_fraction_is_sold_short(rig):
    body = rig.refused(422, 42210000, **sell(qty="1.5"))
    assert body["message"] == "fractional orders cannot be sold short"


@pytest.mark.parametrize(
    ("held", "side", "inferred"),
    [
        (None, "buy", "buy_to_open"),
        (None, "sell", "sell_to_open"),
        ("buy", "buy", "buy_to_open"),
        ("buy", "sell", "sell_to_close"),
        ("sell", "buy", "buy_to_close"),
        ("sell", "sell", "sell_to_open"),
    ],
)
def test_the_position_says_what_an_order_means_and_a_sender_who_says_otherwise_is_refused(rig, held, side, inferred):
    if held:
        rig.post("/v2/orders", **order_body(side=held))
    other = inferred.replace("open", "close") if "open" in inferred else inferred.replace("close", "open")
    body = rig.refused(422, 42210000, **order_body(side=side, qty="1", position_intent=other))
    assert body["message"] == f"position intent mismatch, inferred: {inferred}, specified: {other}"
    order = rig.post("/v2/orders", **order_body(side=side, qty="1", position_intent=inferred))
    assert order["position_intent"] == inferred


@pytest.mark.parametrize(
    ("order", "taken", "refused", "cost"),
    [
        ({}, "129", "130", "20086.339"),  # 3 % above the ask: 154.5103
        ({"type": "limit", "limit_price": "151"}, "129", "130", "20086.339"),  # a limit below that does not count
        ({"type": "limit", "limit_price": "160"}, "125", "126", "20160"),
    ],
)
def test_a_short_sale_is_valued_at_three_per_cent_above_the_ask_or_its_limit(open_rig, order, taken, refused, cost):
    rig = open_rig(cash=Decimal(10_000))
    body = rig.refused(403, 40310000, **sell(qty=refused, **order))
    assert body == {
        "code": 40310000,
        "message": "insufficient buying power",
        "buying_power": "20000",
        "cost_basis": cost,
    }
    rig.sell(qty=taken, **order)


def test_sales_and_covers_add_up_to_the_fills_to_the_cent(open_rig):
    rig = open_rig(partial_fill_rate=Decimal("0.5"))
    for place in range(8):
        rig.price(str(Decimal(150) - place))
        rig.sell(qty="7")
        rig.advance(600)  # an unfinished sale would make the cover a wash trade
        if place % 2:
            rig.buy(qty="9")
            rig.advance(600)
    cash, held = rig.counted()
    position = rig.position()
    assert (Decimal(rig.get("/v2/account")["cash"]), Decimal(position["qty"])) == (cash, held)
    assert held == -20


def test_the_exits_of_a_short_entry_buy_back_and_set_its_shares_aside_once(rig):
    entry = rig.sell(order_class="bracket", take_profit={"limit_price": "140"}, stop_loss={"stop_price": "160"})
    assert [(leg["side"], leg["position_intent"]) for leg in entry["legs"]] == [("buy", "buy_to_close")] * 2
    position = rig.position()
    assert (position["qty"], position["qty_available"]) == ("-10", "0")
    rig.price("139.98")
    assert rig.get("/v2/positions") == []
    assert rig.get("/v2/account")["cash"] == "100100.1"  # sold at 150.00, bought back at 139.99


def test_an_oco_protects_a_short_position(seller):
    oco = seller.post("/v2/orders", **oco_body(side="buy", target="140", stop="160"))
    assert (oco["position_intent"], seller.position()["qty_available"]) == ("buy_to_close", "0")
    seller.price("160.50")
    assert seller.get("/v2/positions") == []
    assert seller.get("/v2/account")["cash"] == "99894.9"  # sold at 150.00, bought back at 160.51
