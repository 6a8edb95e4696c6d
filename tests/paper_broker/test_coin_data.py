from datetime import UTC, datetime
from decimal import Decimal

import pytest

from lib.paper_broker.prices import ScriptedFeed

CRYPTO = "/v1beta3/crypto/us"


@pytest.fixture
def coins(open_rig):
    """BTC/USD at half past midnight UTC and two minutes later, seen at 00:34:10."""
    early, late = datetime(2013, 1, 2, 0, 30, tzinfo=UTC), datetime(2013, 1, 2, 0, 32, 15, tzinfo=UTC)
    feed = ScriptedFeed({"BTC/USD": [(early, Decimal(100)), (late, Decimal(110))]})
    return open_rig(feed=feed, now=datetime(2013, 1, 2, 0, 34, 10, tzinfo=UTC))


def refused(rig, path, **params):
    response = rig.request("GET", path, params=params)
    assert list(response.json()) == ["message"]
    return response.status_code, response.json()["message"]


def test_a_coins_minute_without_a_trade_has_a_bar_without_volume_at_the_middle_of_the_quote(coins):
    shown = coins.get(f"{CRYPTO}/bars", symbols="BTC/USD", timeframe="1Min")["bars"]["BTC/USD"]
    # Quotes of 100 and 110 dollars are a cent wide.
    assert [(bar["t"][11:16], bar["o"], bar["c"], bar["v"], bar["n"], bar["vw"]) for bar in shown] == [
        ("00:30", 100, 100, 0.01, 1, 100),
        ("00:31", 100.005, 100.005, 0, 0, 0),
        ("00:32", 110, 110, 0.01, 1, 110),
        ("00:33", 110.005, 110.005, 0, 0, 0),
        ("00:34", 110.005, 110.005, 0, 0, 0),
    ]


def test_a_coins_day_begins_at_midnight_utc_and_knows_no_weekend(coins):
    coins.go_to("2013-01-06T12:00:00Z")
    shown = coins.get(f"{CRYPTO}/bars", symbols="BTC/USD", timeframe="1Day", start="2013-01-01")["bars"]["BTC/USD"]
    assert [bar["t"] for bar in shown] == [f"2013-01-0{day}T00:00:00Z" for day in (2, 3, 4, 5, 6)]
    assert (shown[0]["o"], shown[0]["c"], shown[0]["n"]) == (100, 110, 2)


def test_the_latest_of_a_coin(coins):
    quote = {"t": "2013-01-02T00:32:15Z", "bp": 110, "bs": 1, "ap": 110.01, "as": 1}
    asked = {"symbols": "BTC/USD,ETH/USD"}
    assert coins.get(f"{CRYPTO}/latest/quotes", **asked) == {"quotes": {"BTC/USD": quote}}
    trade = coins.get(f"{CRYPTO}/latest/trades", **asked)["trades"]["BTC/USD"]
    assert (trade["t"], trade["p"], trade["tks"]) == ("2013-01-02T00:32:15Z", 110, "S")
    assert coins.get(f"{CRYPTO}/latest/bars", **asked)["bars"]["BTC/USD"]["t"] == "2013-01-02T00:34:00Z"
    book = {"t": "2013-01-02T00:32:15Z", "b": [{"p": 110, "s": 1}], "a": [{"p": 110.01, "s": 1}]}
    assert coins.get(f"{CRYPTO}/latest/orderbooks", **asked) == {"orderbooks": {"BTC/USD": book}}
    snapshot = coins.get(f"{CRYPTO}/snapshots", **asked)["snapshots"]
    assert list(snapshot) == ["BTC/USD"]
    assert snapshot["BTC/USD"]["dailyBar"]["h"] == 110


def test_quotes_and_trades_of_a_coin(coins):
    for kind, price in (("quotes", "bp"), ("trades", "p")):
        shown = coins.get(f"{CRYPTO}/{kind}", symbols="BTC/USD", sort="desc")[kind]["BTC/USD"]
        assert [(one["t"], one[price]) for one in shown] == [
            ("2013-01-02T00:32:15Z", 110),
            ("2013-01-02T00:30:00Z", 100),
        ]


def test_a_pair_is_named_with_its_slash(coins):
    told = "invalid symbol: BTCUSD does not match ^[A-Z]+/[A-Z]+$"
    assert refused(coins, f"{CRYPTO}/latest/quotes", symbols="BTCUSD") == (400, told)


def test_other_locations_of_crypto_have_nothing_and_unknown_ones_are_refused(coins):
    assert coins.get("/v1beta3/crypto/eu-1/latest/quotes", symbols="BTC/USD") == {"quotes": {}}
    assert refused(coins, "/v1beta3/crypto/moon/latest/quotes", symbols="BTC/USD")[0] == 400
