"""What the broker port promises of coins, whose names, quotes and quantities Alpaca has its own ways with."""

from datetime import timedelta
from decimal import Decimal

from tests.broker.desk import OPEN, accepted, entry


def coin(name="ns-d1-entry-1", **changes):
    body = {"symbol": "BTC/USD", "qty": "0.5", "side": "buy", "type": "limit", "limit_price": "60000"}
    return body | {"time_in_force": "gtc", "client_order_id": name} | changes


def with_coins(desk):
    return desk.open({"AAPL": [(OPEN, Decimal("149.89"))], "BTC/USD": [(OPEN, Decimal("59900.5"))]})


def test_a_coins_position_goes_by_the_name_that_orders_have(desk):
    broker = with_coins(desk)
    broker.submit(coin())
    broker.submit(entry("ns-d2-entry-1"))
    assert sorted(broker.positions()) == ["AAPL", "BTC/USD"]
    held = broker.position("BTC/USD")
    assert (held.symbol, held.asset_class) == ("BTC/USD", "crypto")
    assert Decimal("0.498") < held.qty < Decimal("0.5")  # net of the fee
    assert {fill.symbol for fill in broker.fills(OPEN - timedelta(minutes=1))} == {"AAPL", "BTC/USD"}
    assert broker.position("ETH/USD") is None


def test_a_coins_stop_has_a_limit(desk):
    broker = with_coins(desk)
    broker.submit(coin())
    qty = str(broker.position("BTC/USD").qty_available)
    body = coin("ns-t1-exit-1", side="sell", type="stop_limit", stop_price="55000", limit_price="53900", qty=qty)
    order = accepted(broker.submit(body))
    assert (order.symbol, order.kind, order.stop_price, order.limit_price) == ("BTC/USD", "stop_limit", 55000, 53900)
    assert broker.position("BTC/USD").qty_available == 0


def test_quotes_of_coins_and_stocks_come_from_their_own_places(desk):
    broker = with_coins(desk)
    quotes = broker.quotes(["AAPL", "BTC/USD", "ETH/USD", "no symbol"])
    assert sorted(quotes) == ["AAPL", "BTC/USD"]
    assert (quotes["BTC/USD"].symbol, quotes["BTC/USD"].bid) == ("BTC/USD", Decimal("59900.5"))
    assert desk.door.seen == ["GET /v2/stocks/quotes/latest", "GET /v1beta3/crypto/us/latest/quotes"]
    desk.door.seen.clear()
    broker.quotes(["BTC/USD"])
    assert desk.door.seen == ["GET /v1beta3/crypto/us/latest/quotes"]


def test_a_coin_is_an_asset_with_its_steps(desk):
    asset = with_coins(desk).asset("BTC/USD")
    assert (asset.symbol, asset.tradable, asset.min_trade_increment) == ("BTC/USD", True, Decimal("0.000000001"))
    assert with_coins(desk).asset("GONE/USD") is None
