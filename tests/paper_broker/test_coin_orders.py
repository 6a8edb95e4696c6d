"""Orders for coins: what may be asked, and in which words it is refused."""

from decimal import Decimal

import pytest

from lib.paper_broker.prices import ScriptedFeed
from tests.paper_broker.rig import WEDNESDAY_OPEN, order_body

LEGS = {"take_profit": {"limit_price": "25000"}, "stop_loss": {"stop_price": "15000"}}


@pytest.fixture
def coins(open_rig):
    """BTC/USD at 20,000 and ETH/BTC at 0.07, at ten in the morning in New York; a million in cash."""
    feed = ScriptedFeed({"BTC/USD": [(WEDNESDAY_OPEN, Decimal(20000))], "ETH/BTC": [(WEDNESDAY_OPEN, Decimal("0.07"))]})
    return open_rig(feed=feed, cash=Decimal(1_000_000))


def coin(**body):
    return order_body(symbol="BTC/USD", qty="0.1", time_in_force="gtc") | body


PRICES = {
    "market": {},
    "limit": {"limit_price": "19000"},
    "stop": {"stop_price": "21000"},
    "stop_limit": {"stop_price": "21000", "limit_price": "21100"},
    "trailing_stop": {"trail_percent": "1"},
}
TAKEN = {("market", "gtc"), ("market", "ioc"), ("limit", "gtc"), ("limit", "ioc"), ("stop_limit", "gtc")}


@pytest.mark.parametrize("kind", PRICES)
@pytest.mark.parametrize("time", ["gtc", "ioc", "day", "fok", "opg", "cls"])
def test_three_types_go_with_gtc_and_two_with_ioc(coins, kind, time):
    body = coin(type=kind, time_in_force=time, **PRICES[kind])
    if (kind, time) in TAKEN:
        assert coins.post("/v2/orders", **body)["time_in_force"] == time
    elif kind in {"stop", "trailing_stop"}:
        assert coins.refused(422, 40010001, **body)["message"] == "invalid order type for crypto order"
    else:
        assert coins.refused(422, 42210000, **body)["message"] == "invalid crypto time_in_force"


@pytest.mark.parametrize(("name", "called"), [("bracket", "otoco"), ("oco", "oco"), ("oto", "oto")])
def test_coins_have_no_groups(coins, name, called):
    legs = {"stop_loss": LEGS["stop_loss"]} if name == "oto" else LEGS
    body = coins.refused(422, 42210000, **coin(type="limit", limit_price="19000", order_class=name, **legs))
    assert body["message"] == f"crypto orders not allowed for advanced order_class: {called}"


def test_the_leg_of_a_simple_order_is_left_out_silently(coins):
    order = coins.post("/v2/orders", **coin(stop_loss={"stop_price": "15000"}))
    assert (order["order_class"], order["legs"], order["asset_class"]) == ("", None, "crypto")
    assert [row["id"] for row in coins.get("/v2/orders", status="all")] == [order["id"]]


def test_a_pair_may_be_written_without_its_slash_and_is_shown_with_it(coins):
    order = coins.post("/v2/orders", **coin(symbol="BTCUSD", type="limit", limit_price="19000"))
    assert order["symbol"] == "BTC/USD"
    for name in ("BTCUSD", "BTC/USD"):
        assert [row["id"] for row in coins.get("/v2/orders", symbols=name)] == [order["id"]]
    assert coins.get("/v2/orders", asset_class="us_equity") == []
    assert len(coins.get("/v2/orders", asset_class="us_equity,crypto")) == 1
    assert coins.request("GET", "/v2/orders", params={"asset_class": "shells"}).status_code == 422


@pytest.mark.parametrize(
    ("change", "status", "code", "message"),
    [
        ({"qty": "0.0004"}, 403, 40310000, "cost basis must be >= minimal amount of order 10"),
        ({"qty": None, "notional": "9.99"}, 403, 40310000, "cost basis must be >= minimal amount of order 10"),
        ({"qty": None, "notional": "200000.01"}, 403, 40310000, "cost basis must be <= maximal amount of order 200000"),
        ({"qty": "0.0000000005"}, 422, 40010001, "qty must be limited to 9 decimal places"),
    ],
)
def test_a_coin_order_has_a_least_and_a_greatest_size(coins, change, status, code, message):
    assert coins.refused(status, code, **coin(**change))["message"] == message


def test_ten_dollars_and_two_hundred_thousand_are_sizes(coins):
    for notional in ("10", "200000"):
        assert coins.post("/v2/orders", **coin(qty=None, notional=notional))["notional"] == notional


def test_an_asset_may_have_a_least_quantity_and_coarser_steps(coins):
    coins.post("/paper/asset", symbol="BTC/USD", min_order_size="0.01", min_trade_increment="0.005")
    message = coins.refused(403, 40310000, **coin(qty="0.005"))["message"]
    assert message == "order qty must be >= minimal qty of order 0.01"
    coins.refused(422, 42210000, **coin(qty="0.012"))
    coins.post("/v2/orders", **coin(qty="0.015"))


def test_prices_of_coins_have_nine_decimals(coins):
    order = coins.post("/v2/orders", **coin(type="limit", limit_price="19000.123456789"))
    assert order["limit_price"] == "19000.123456789"
    coins.refused(422, 42210000, **coin(type="limit", limit_price="19000.1234567891"))


def test_a_pair_that_is_not_quoted_in_dollars_has_prices_and_does_not_trade(coins):
    # The account has dollars only: trading it would have to spend and to hold bitcoins as money.
    coins.post("/paper/asset", symbol="ETH/BTC", tradable=True)
    coins.price("0", "0", symbol="ETH/BTC")
    assert coins.get("/v2/assets/ETH/BTC")["tradable"] is False
    for order in (coin(type="limit", limit_price="0.07"), coin(), coin(side="sell")):
        body = coins.refused(422, 42210000, **order | {"symbol": "ETH/BTC"})
        assert body["message"] == 'asset "ETH/BTC" is not tradable'


def test_a_coins_order_may_be_replaced_quantity_and_all(coins):
    order = coins.post("/v2/orders", **coin(type="limit", limit_price="19000"))
    response = coins.request("PATCH", f"/v2/orders/{order['id']}", json={"qty": "0.25", "limit_price": "18000"})
    assert response.status_code == 200, response.text
    assert (response.json()["qty"], response.json()["limit_price"]) == ("0.25", "18000")
