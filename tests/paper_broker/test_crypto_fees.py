"""The fee of coins: in what is received, at once, and told at the end of the day."""

from decimal import Decimal

import pytest

from lib.paper_broker.prices import ScriptedFeed
from tests.paper_broker.rig import WEDNESDAY_OPEN

ACTIVITIES = "/v2/account/activities"


@pytest.fixture
def coins(open_rig):
    """BTC/USD, quoted by hand at 50,000 / 50,000, so that amounts are round."""
    rig = open_rig(feed=ScriptedFeed({"BTC/USD": [(WEDNESDAY_OPEN, Decimal(50_000))]}))
    rig.price("50000", "50000", symbol="BTC/USD")
    return rig


def send(rig, side, qty, **body):
    order = {"symbol": "BTC/USD", "side": side, "qty": qty, "type": "market", "time_in_force": "gtc"} | body
    return rig.post("/v2/orders", **order)["id"]


def held(rig):
    return Decimal(rig.position("BTCUSD")["qty"])


def cash(rig):
    return Decimal(rig.get("/v2/account")["cash"])


def test_a_buy_pays_in_coins_and_the_order_stays_gross(coins):
    order = send(coins, "buy", "0.1")
    assert coins.order(order)["filled_qty"] == "0.1"
    position = coins.position("BTCUSD")
    assert position["qty"] == "0.09975"  # 25 basis points less
    assert position["avg_entry_price"] == "50000"
    assert cash(coins) == 95_000


def test_a_sale_pays_in_money_and_takes_all_its_coins(coins):
    send(coins, "buy", "0.1")
    send(coins, "sell", "0.05")
    assert held(coins) == Decimal("0.04975")
    assert cash(coins) == 95_000 + 2_500 - Decimal("6.25")


def test_what_was_bought_cannot_be_sold_gross(coins):
    send(coins, "buy", "0.1")
    coins.refused(403, 40310000, symbol="BTC/USD", side="sell", qty="0.1", type="market", time_in_force="gtc")


def test_fees_are_rounded_up_in_coins_to_nine_decimals_and_in_money_to_the_cent(coins):
    send(coins, "buy", "0.000256643")  # x 0.0025 = 0.0000006416075
    assert held(coins) == Decimal("0.000256643") - Decimal("0.000000642")
    before = cash(coins)
    send(coins, "sell", "0.000250001")  # 12.50005, x 0.0025 = 0.03125
    assert cash(coins) == before + Decimal("12.50005") - Decimal("0.04")


def test_a_limit_that_rested_makes_and_one_that_fills_at_once_takes(coins):
    send(coins, "buy", "0.1", type="limit", limit_price="50000")
    assert held(coins) == Decimal("0.09975")
    send(coins, "buy", "0.1", type="limit", limit_price="49000")
    coins.advance(60)
    coins.price("49000", "49000", symbol="BTC/USD")
    assert held(coins) == Decimal("0.09975") + Decimal("0.09985")  # 25, then 15 basis points less


def test_a_limit_that_fills_part_at_once_pays_each_rate_on_its_part(open_rig):
    rig = open_rig(
        feed=ScriptedFeed({"BTC/USD": [(WEDNESDAY_OPEN, Decimal(50_000))]}), fill_plan={"two": (Decimal("0.04"),)}
    )
    rig.price("50000", "50000", symbol="BTC/USD")
    send(rig, "buy", "0.1", type="limit", limit_price="50000", client_order_id="two")
    rig.advance(60)
    assert held(rig) == Decimal("0.1") - Decimal("0.0001") - Decimal("0.00009")


def test_fees_are_told_once_the_day_is_over(coins):
    send(coins, "buy", "0.1")
    send(coins, "sell", "0.05")
    assert coins.get(f"{ACTIVITIES}/CFEE") == []
    before = cash(coins), held(coins)
    coins.go_to("2013-01-03T01:15:00Z")
    coin, money = coins.get(f"{ACTIVITIES}/CFEE", direction="asc")
    assert (cash(coins), held(coins)) == before  # they were taken when the coins were traded
    assert coin.pop("id").startswith("20130102000000000::")
    assert money.pop("id").startswith("20130102000000000::")
    told = {"activity_type": "CFEE", "date": "2013-01-02", "created_at": "2013-01-03T01:15:00Z"}
    told |= {"status": "executed", "currency": "USD"}
    assert coin == told | {
        "net_amount": "0",
        "description": "Coin Pair Transaction Fee (Non USD)",
        "symbol": "BTCUSD",
        "qty": "-0.00025",
        "price": "50000",
    }
    assert money == told | {"net_amount": "-6.25", "description": "Coin Pair Transaction Fee (USD)"}


def test_each_day_tells_its_own_fees(coins):
    send(coins, "buy", "0.1")
    coins.go_to("2013-01-03T01:15:00Z")
    send(coins, "buy", "0.2")
    coins.go_to("2013-01-06T12:00:00Z")
    rows = coins.get(f"{ACTIVITIES}/CFEE", direction="asc")
    assert [(row["date"], row["qty"]) for row in rows] == [("2013-01-02", "-0.00025"), ("2013-01-03", "-0.0005")]


def test_what_trades_as_fees_go_out_is_told_a_day_later(open_rig):
    feed = ScriptedFeed({"BTC/USD": [(WEDNESDAY_OPEN, Decimal(50_000))]})
    rig = open_rig(feed=feed, ack_latency_s=Decimal(60))
    send(rig, "buy", "0.1")
    rig.go_to("2013-01-03T01:14:00Z")
    send(rig, "buy", "0.2")  # comes to the venue at 20:15 in New York
    rig.go_to("2013-01-05T12:00:00Z")
    rows = rig.get(f"{ACTIVITIES}/CFEE", direction="asc")
    assert [(row["date"], row["qty"]) for row in rows] == [("2013-01-02", "-0.00025"), ("2013-01-03", "-0.0005")]


def test_the_rates_may_be_switched_off(open_rig):
    feed = ScriptedFeed({"BTC/USD": [(WEDNESDAY_OPEN, Decimal(50_000))]})
    rig = open_rig(feed=feed, crypto_taker_bps=Decimal(0), crypto_maker_bps=Decimal(0))
    rig.price("50000", "50000", symbol="BTC/USD")
    send(rig, "buy", "0.1")
    rig.go_to("2013-01-04T00:00:00Z")
    assert held(rig) == Decimal("0.1")
    assert rig.get(f"{ACTIVITIES}/CFEE") == []


def test_the_rounding_may_be_switched_finer_or_coarser(open_rig):
    feed = ScriptedFeed({"BTC/USD": [(WEDNESDAY_OPEN, Decimal(50_000))]})
    rig = open_rig(feed=feed, crypto_fee_coin_digits=6, crypto_fee_money_digits=9)
    rig.price("50000", "50000", symbol="BTC/USD")
    send(rig, "buy", "0.000256643")  # x 0.0025 = 0.0000006416075
    assert held(rig) == Decimal("0.000256643") - Decimal("0.000001")
    before = cash(rig)
    send(rig, "sell", "0.000250001")  # 12.50005, x 0.0025 = 0.031250125
    assert cash(rig) == before + Decimal("12.50005") - Decimal("0.031250125")
