"""Alpaca's own clients, unpatched, against every endpoint."""

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.requests import StockLatestQuoteRequest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide, OrderStatus, OrderType, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
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

from lib.paper_broker.transport import PaperAdapter


def connected(client, rig):
    client._session.trust_env = False
    if rig.url.endswith(".invalid"):
        client._session.mount(rig.url, PaperAdapter(rig.paper))
    return client


@pytest.fixture
def trading(rig):
    client = connected(TradingClient("key", "secret", paper=True, url_override=rig.url), rig)
    yield client
    client._session.close()


@pytest.fixture
def data(rig):
    client = connected(StockHistoricalDataClient("key", "secret", url_override=rig.url), rig)
    yield client
    client._session.close()


def day_order(kind, side=OrderSide.BUY, **values):
    return kind(symbol="AAPL", qty=10, side=side, time_in_force=TimeInForce.DAY, **values)


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
        trading.submit_order(day_order(MarketOrderRequest, OrderSide.SELL))
    assert (caught.value.status_code, caught.value.code) == (403, 40310000)
    with pytest.raises(APIError) as caught:
        trading.get_open_position("AAPL")
    assert (caught.value.status_code, caught.value.code) == (404, 40410000)


def test_the_data_client_reads_latest_quotes(data):
    quotes = data.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols=["AAPL", "NOPE"]))
    assert (quotes["AAPL"].bid_price, quotes["AAPL"].ask_price) == (150.0, 150.01)
    assert list(quotes) == ["AAPL"]
