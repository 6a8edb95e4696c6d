"""Alpaca's own trading client, unpatched, against every endpoint."""

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import (
    AssetClass,
    AssetExchange,
    AssetStatus,
    OrderClass,
    OrderSide,
    OrderStatus,
    OrderType,
    PositionSide,
    QueryOrderStatus,
    TimeInForce,
)
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetOrderByIdRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)

from lib.paper_broker.prices import ScriptedFeed
from tests.paper_broker.rig import WEDNESDAY_OPEN, connected


@pytest.fixture
def trading(rig):
    client = connected(TradingClient("key", "secret", paper=True, url_override=rig.url), rig)
    yield client
    client._session.close()


def day_order(kind, side=OrderSide.BUY, **values):
    return kind(**{"symbol": "AAPL", "qty": 10, "side": side, "time_in_force": TimeInForce.DAY} | values)


def oco():
    return LimitOrderRequest(
        symbol="AAPL",
        qty=10,
        side=OrderSide.SELL,
        time_in_force=TimeInForce.GTC,
        order_class=OrderClass.OCO,
        take_profit=TakeProfitRequest(limit_price=160),
        stop_loss=StopLossRequest(stop_price=145),
    )


def test_the_trading_client_reads_the_account_the_clock_the_calendar_and_assets(trading):
    assert trading.get_account().cash == "100000"
    assert trading.get_clock().is_open
    assert trading.get_calendar(GetCalendarRequest(start="2013-01-02", end="2013-01-03"))[0].open.hour == 9
    assert trading.get_asset("AAPL").tradable
    assert [asset.symbol for asset in trading.get_all_assets(GetAssetsRequest())] == ["AAPL", "MSFT"]


def test_the_trading_client_buys_protects_and_is_stopped_out(trading, rig):
    order = trading.submit_order(day_order(MarketOrderRequest, client_order_id="mine"))
    assert trading.get_order_by_client_id("mine").status is OrderStatus.FILLED
    assert trading.get_all_positions()[0].qty == "10"
    assert trading.get_open_position("AAPL").avg_entry_price == "150.01"
    parent = trading.submit_order(oco())
    assert (parent.order_class, parent.legs[0].status) == (OrderClass.OCO, OrderStatus.HELD)
    (nested,) = trading.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN, nested=True))
    assert nested.legs[0].order_type is OrderType.STOP
    rig.price("144.90")
    shown = trading.get_order_by_id(parent.id, GetOrderByIdRequest(nested=True))
    assert (shown.status, shown.legs[0].filled_avg_price) == (OrderStatus.CANCELED, "144.9")
    rows = trading.get("/account/activities/FILL", {"direction": "asc"})
    assert [row["order_id"] for row in rows] == [str(order.id), str(parent.legs[0].id)]


def test_the_trading_client_sends_stops_and_trailing_stops_and_cancels(trading):
    trading.submit_order(day_order(MarketOrderRequest))
    stop = trading.submit_order(day_order(StopOrderRequest, OrderSide.SELL, stop_price=145))
    trading.cancel_order_by_id(stop.id)
    assert trading.get_order_by_id(stop.id).status is OrderStatus.CANCELED
    trailing = trading.submit_order(day_order(TrailingStopOrderRequest, OrderSide.SELL, trail_percent=5))
    assert (trailing.hwm, trailing.stop_price) == ("150", "142.5")
    (answered,) = trading.cancel_orders()
    assert (answered.id, answered.status) == (trailing.id, 200)


def test_the_trading_client_sees_alpacas_errors(trading):
    with pytest.raises(APIError) as caught:
        trading.submit_order(day_order(MarketOrderRequest, OrderSide.SELL, symbol="MSFT", qty=200_000))
    assert (caught.value.status_code, caught.value.code) == (403, 40310000)
    with pytest.raises(APIError) as caught:
        trading.get_open_position("MSFT")
    assert (caught.value.status_code, caught.value.code) == (404, 40410000)


def test_the_trading_client_reads_and_changes_the_accounts_settings(trading):
    settings = trading.get_account_configurations()
    assert (settings.suspend_trade, settings.max_margin_multiplier) == (False, "4")
    changed = trading.set_account_configurations(settings.model_copy(update={"suspend_trade": True}))
    assert changed.suspend_trade
    assert trading.get_account().trade_suspended_by_user


def test_the_trading_client_sells_short_and_closes_in_parts(trading):
    trading.submit_order(day_order(MarketOrderRequest, OrderSide.SELL))
    held = trading.get_open_position("AAPL")
    assert (held.side, held.qty, held.qty_available) == (PositionSide.SHORT, "-10", "-10")
    half = trading.close_position("AAPL", ClosePositionRequest(percentage="50"))
    assert (half.side, half.qty) == (OrderSide.BUY, "5")
    trading.close_position(held.asset_id, ClosePositionRequest(qty="2"))
    rest = trading.close_position("AAPL")
    assert (rest.qty, trading.get_all_positions()) == ("3", [])


def test_the_trading_client_closes_everything_it_can(trading):
    for symbol in ("AAPL", "MSFT"):
        trading.submit_order(day_order(MarketOrderRequest, symbol=symbol))
    stop = trading.submit_order(day_order(StopOrderRequest, OrderSide.SELL, stop_price=145))
    held_back, closed = trading.close_all_positions()
    assert (held_back.symbol, held_back.status, held_back.body.available) == ("AAPL", 403, 0)
    assert (closed.symbol, closed.status, closed.body.qty) == ("MSFT", 200, "10")
    (closed,) = trading.close_all_positions(cancel_orders=True)
    assert (closed.status, trading.get_all_positions()) == (200, [])
    assert trading.get_order_by_id(stop.id).status is OrderStatus.CANCELED


def test_the_trading_client_finds_coins_by_pair_and_their_positions_by_name(open_rig):
    rig = open_rig(feed=ScriptedFeed({"BTC/USD": [(WEDNESDAY_OPEN, 30_000)]}))
    client = connected(TradingClient("key", "secret", paper=True, url_override=rig.url), rig)
    (coin,) = client.get_all_assets(GetAssetsRequest(asset_class=AssetClass.CRYPTO, status=AssetStatus.ACTIVE))
    assert (coin.symbol, coin.exchange) == ("BTC/USD", AssetExchange.CRYPTO)
    assert client.get_asset("BTC/USD") == client.get_asset("BTCUSD") == client.get_asset(coin.id) == coin
    client.submit_order(MarketOrderRequest(symbol="BTC/USD", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.GTC))
    held = client.get_open_position("BTCUSD")
    assert (held.asset_class, held.symbol) == (AssetClass.CRYPTO, "BTCUSD")
    with pytest.raises(APIError) as caught:
        client.get_open_position("BTC/USD")
    assert caught.value.status_code == 404
    closed = client.close_position("BTCUSD")
    assert (closed.symbol, closed.qty, closed.time_in_force) == ("BTC/USD", held.qty, TimeInForce.GTC)
    client._session.close()
