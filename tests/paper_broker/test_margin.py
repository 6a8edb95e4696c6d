"""Margin: what positions bind, and what is left to buy with."""

from datetime import timedelta
from decimal import Decimal

import pytest

from lib.paper_broker.prices import ScriptedFeed
from tests.paper_broker.rig import WEDNESDAY_OPEN, order_body


def margins(rig):
    account = rig.get("/v2/account")
    return account["initial_margin"], account["maintenance_margin"]


def power(rig, name="buying_power"):
    return rig.get("/v2/account")[name]


@pytest.mark.parametrize(
    ("side", "price", "initial", "maintenance"),
    [
        ("buy", "100", "5000", "3000"),
        ("buy", "2.5", "125", "75"),
        ("buy", "2.49", "249", "249"),  # below $2.50: all of it
        ("sell", "100", "5000", "3000"),
        ("sell", "10", "500", "500"),  # $5.00 a share is more than 30 %
        ("sell", "5", "500", "500"),
        ("sell", "4.99", "499", "499"),  # below $5.00: all of it
        ("sell", "2", "250", "250"),  # or $2.50 a share
    ],
)
def test_what_a_hundred_shares_bind_goes_by_side_and_price(rig, side, price, initial, maintenance):
    rig.price(price)
    rig.post("/v2/orders", **order_body(side=side, qty="100"))
    assert margins(rig) == (initial, maintenance)


@pytest.mark.parametrize(
    ("side", "fact", "expected"),
    [
        ("buy", {"margin_requirement_long": "40"}, ("7500", "6000")),
        ("buy", {"margin_requirement_long": 75}, ("11250", "11250")),
        ("sell", {"margin_requirement_short": "100"}, ("15000", "15000")),
        ("buy", {"marginable": False}, ("15000", "15000")),
    ],
)
def test_an_asset_may_bind_more_than_others(rig, side, fact, expected):
    rig.post("/paper/asset", symbol="AAPL", **fact)
    rig.post("/v2/orders", **order_body(side=side, qty="100"))
    assert margins(rig) == expected


@pytest.mark.parametrize(
    ("options", "configured", "multiplier", "expected"),
    [
        ({}, "4", "2", "200000"),
        ({}, "2", "2", "200000"),
        ({}, "1", "1", "100000"),
        ({"multiplier": Decimal(1)}, "4", "1", "100000"),
        ({"multiplier": Decimal(4)}, "4", "4", "400000"),
        ({"multiplier": Decimal(4)}, "2", "2", "200000"),
        ({"cash": Decimal(2000)}, "4", "2", "4000"),
        ({"cash": Decimal("1999.99")}, "4", "1", "1999.99"),
    ],
)
def test_the_account_and_its_owner_say_how_much_is_lent(open_rig, options, configured, multiplier, expected):
    rig = open_rig(**options)
    rig.request("PATCH", "/v2/account/configurations", json={"max_margin_multiplier": configured})
    account = rig.get("/v2/account")
    assert (account["multiplier"], account["buying_power"]) == (multiplier, expected)


def test_a_purchase_may_cost_twice_the_equity_and_no_more(open_rig):
    rig = open_rig(cash=Decimal(15_001))
    body = rig.refused(403, 40310000, **order_body(qty="201"))
    assert (body["buying_power"], body["cost_basis"]) == ("30002", "30152.01")
    rig.buy(qty="200")
    account = rig.get("/v2/account")
    # 200 shares, bought at 150.01 and worth 150.00, half of which is lent.
    assert (account["cash"], account["equity"], account["buying_power"]) == ("-15001", "14999", "0")


def test_with_a_multiplier_of_one_a_purchase_may_cost_the_cash(open_rig):
    rig = open_rig(cash=Decimal(15_001), multiplier=Decimal(1))
    rig.refused(403, 40310000, **order_body(qty="101"))
    rig.buy(qty="100")
    assert (power(rig), margins(rig)[0]) == ("0", "15000")


def test_with_a_multiplier_of_four_positions_bind_their_maintenance_margin(open_rig):
    rig = open_rig(multiplier=Decimal(4))
    rig.buy(qty="100", type="limit", limit_price="150.01")
    # Equity 99,999, maintenance 4,500: 4 x 95,499; Regulation T goes by half the value: 2 x 92,499.
    assert (power(rig), power(rig, "regt_buying_power")) == ("381996", "184998")


def test_open_orders_that_open_a_position_take_their_value_from_buying_power_until_they_end(rig):
    bid = rig.buy(type="limit", limit_price="140")
    offer = rig.sell(symbol="MSFT", type="limit", limit_price="40")
    assert power(rig) == "198200"  # 1,400 and 400
    rig.cancel(bid["id"])
    rig.cancel(offer["id"])
    assert power(rig) == "200000"


@pytest.mark.parametrize(("side", "limit"), [("buy", "160"), ("sell", "140")])
def test_open_orders_that_close_a_position_neither_take_nor_give_buying_power(rig, side, limit):
    rig.post("/v2/orders", **order_body(side=side))
    before = power(rig)
    exit_side = "sell" if side == "buy" else "buy"
    rig.post("/v2/orders", **order_body(side=exit_side, type="limit", limit_price=limit))
    assert power(rig) == before


def test_covering_takes_no_buying_power_at_all(open_rig):
    rig = open_rig(cash=Decimal(2_500))
    rig.sell(qty="20", type="limit", limit_price="150")
    rig.price("180")  # the equity is down to $1,900
    assert power(rig) == "0"
    assert rig.buy(qty="20")["position_intent"] == "buy_to_close"
    assert rig.get("/v2/positions") == []


@pytest.mark.parametrize(
    ("now", "left"),
    [
        ("2013-01-03T15:00:00Z", "198499.9"),  # in the session: the ask
        ("2013-01-03T13:00:00Z", "198499.95"),  # before it opens: the middle of the quote
        ("2013-01-05T15:00:00Z", "198500"),  # on a Saturday: the last price
    ],
)
def test_a_market_order_is_checked_at_the_price_of_its_hour(open_rig, now, left):
    rig = open_rig(ack_latency_s=Decimal(60))
    rig.go_to(now)
    rig.buy()
    assert power(rig) == left


def test_what_is_not_marginable_is_bought_with_cash_alone(rig):
    rig.post("/paper/asset", symbol="AAPL", marginable=False)
    body = rig.refused(403, 40310000, **order_body(qty="667"))
    assert (body["buying_power"], body["cost_basis"]) == ("100000", "100056.67")
    rig.buy(qty="600")
    # 90,006 spent; what it bought, worth 90,000, lends nothing.
    assert (power(rig, "non_marginable_buying_power"), power(rig)) == ("9994", "19988")


def test_coins_are_bought_with_cash_alone(open_rig):
    rig = open_rig(feed=ScriptedFeed({"BTC/USD": [(WEDNESDAY_OPEN, Decimal(30_000))]}), crypto_taker_bps=Decimal(0))
    coin = {"symbol": "BTC/USD", "type": "limit", "limit_price": "30010", "time_in_force": "gtc"}
    body = rig.refused(403, 40310000, **order_body(qty="3.4", **coin))
    assert body == {
        "code": 40310000,
        "message": "insufficient balance for USD (requested: 102034, available: 100000)",
        "available": "100000",
        "balance": "100000",
        "symbol": "USD",
    }
    rig.buy(qty="3", **coin)
    account = rig.get("/v2/account")
    assert account["long_market_value"] == account["initial_margin"] == "90000"
    assert Decimal(account["buying_power"]) == 2 * Decimal(account["cash"])


@pytest.mark.parametrize(("held", "available"), [(None, "0"), ("1", "1")])
def test_no_coin_is_sold_that_is_not_there(open_rig, held, available):
    rig = open_rig(feed=ScriptedFeed({"BTC/USD": [(WEDNESDAY_OPEN, Decimal(30_000))]}), crypto_taker_bps=Decimal(0))
    if held:
        rig.buy(symbol="BTC/USD", qty=held, time_in_force="gtc")
    body = rig.refused(403, 40310000, **order_body(symbol="BTC/USD", side="sell", qty="2", time_in_force="gtc"))
    assert body["message"] == f"insufficient balance for BTC (requested: 2, available: {available})"


def test_fills_that_positions_do_not_show_yet_count_in_what_the_account_is_worth(open_rig):
    rig = open_rig(booking_lag_s=Decimal(5))
    rig.buy(qty="100")
    assert rig.get("/v2/positions") == []
    account = rig.get("/v2/account")
    assert (account["equity"], account["buying_power"]) == ("99999", "184998")


def test_before_an_assets_first_price_nobody_can_say_what_an_order_takes(open_rig):
    first = WEDNESDAY_OPEN + timedelta(hours=2)
    rig = open_rig(feed=ScriptedFeed({"AAPL": [(first, Decimal(150))]}))
    for side in ("buy", "sell"):
        assert rig.refused(422, 42210000, **order_body(side=side))["message"] == 'no price for asset "AAPL"'
    rig.refused(403, 40310000, **order_body(type="limit", limit_price="150", qty="1334"))  # 200,100 of 200,000
    rig.buy(type="limit", limit_price="150", qty="1333")


def test_where_nobody_bids_or_offers_an_order_is_checked_at_the_latest_close(rig):
    rig.go_to("2013-01-03T15:00:00Z")
    rig.price("0", "0")
    rig.refused(403, 40310000, **order_body(qty="1334"))
    assert rig.buy(qty="1333")["status"] == "new"
    assert power(rig) == "50"
