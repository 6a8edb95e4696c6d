"""Alpaca's own clients of market data, unpatched, against every endpoint they know."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.enums import Adjustment, DataFeed
from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
from alpaca.data.requests import (
    CryptoBarsRequest,
    CryptoLatestBarRequest,
    CryptoLatestOrderbookRequest,
    CryptoLatestQuoteRequest,
    CryptoLatestTradeRequest,
    CryptoQuoteRequest,
    CryptoSnapshotRequest,
    CryptoTradesRequest,
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockQuotesRequest,
    StockSnapshotRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit
from alpaca.trading.client import TradingClient

from lib.paper_broker.prices import ScriptedFeed
from tests.paper_broker.rig import connected

FIRST, SECOND = datetime(2013, 1, 2, 14, 30, tzinfo=UTC), datetime(2013, 1, 3, 14, 30, tzinfo=UTC)
BOTH = {"symbol_or_symbols": ["AAPL", "NOPE"]}
PAIRS = {"symbol_or_symbols": ["BTC/USD", "ETH/USD"]}


@pytest.fixture
def rig(open_rig):
    prices = {
        "AAPL": [(FIRST, Decimal(100)), (SECOND, Decimal(104))],
        "BTC/USD": [(FIRST, Decimal(20_000)), (SECOND, Decimal(21_000))],
    }
    return open_rig(feed=ScriptedFeed(prices), now=SECOND)


@pytest.fixture
def stocks(rig):
    client = connected(StockHistoricalDataClient("key", "secret", url_override=rig.url), rig)
    yield client
    client._session.close()


@pytest.fixture
def coins(rig):
    client = connected(CryptoHistoricalDataClient(url_override=rig.url), rig)
    yield client
    client._session.close()


def test_the_stock_client_reads_the_latest(stocks):
    assert stocks.get_stock_latest_trade(StockLatestTradeRequest(**BOTH))["AAPL"].price == 104
    quotes = stocks.get_stock_latest_quote(StockLatestQuoteRequest(**BOTH, feed=DataFeed.IEX))
    assert list(quotes) == ["AAPL"]
    assert (quotes["AAPL"].bid_price, quotes["AAPL"].ask_price) == (104, 104.01)
    assert stocks.get_stock_latest_bar(StockLatestBarRequest(**BOTH))["AAPL"].timestamp == SECOND


def test_the_stock_client_reads_snapshots(stocks):
    snapshot = stocks.get_stock_snapshot(StockSnapshotRequest(**BOTH))["AAPL"]
    assert (snapshot.latest_trade.price, snapshot.latest_quote.bid_price) == (104, 104)
    assert (snapshot.minute_bar.close, snapshot.daily_bar.close, snapshot.previous_daily_bar.close) == (104, 104, 100)


def test_the_stock_client_reads_bars_page_by_page(stocks):
    asked = StockBarsRequest(**BOTH, timeframe=TimeFrame.Day, start=FIRST.replace(hour=0), adjustment=Adjustment.ALL)
    bars = stocks.get_stock_bars(asked)["AAPL"]
    assert [(bar.timestamp.day, bar.close, bar.volume, bar.trade_count) for bar in bars] == [
        (2, 100, 100, 1),
        (3, 104, 100, 1),
    ]
    asked = StockBarsRequest(**BOTH, timeframe=TimeFrame(5, TimeFrameUnit.Minute), start=FIRST, end=SECOND, limit=1)
    assert len(stocks.get_stock_bars(asked)["AAPL"]) == 1


def test_the_stock_client_reads_quotes_and_trades_of_the_past(stocks):
    quotes = stocks.get_stock_quotes(StockQuotesRequest(**BOTH, start=FIRST))["AAPL"]
    assert [quote.ask_price for quote in quotes] == [100.01, 104.01]
    trades = stocks.get_stock_trades(StockTradesRequest(symbol_or_symbols="AAPL", start=FIRST))["AAPL"]
    assert [trade.price for trade in trades] == [100, 104]


def test_the_stock_client_sees_a_refusal(stocks):
    with pytest.raises(APIError) as caught:
        stocks.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="BRK-B"))
    assert (caught.value.status_code, caught.value.message) == (400, "invalid symbol: BRK-B")


def test_the_crypto_client_needs_no_keys_and_reads_the_latest(coins):
    assert coins.get_crypto_latest_trade(CryptoLatestTradeRequest(**PAIRS))["BTC/USD"].price == 21_000
    quotes = coins.get_crypto_latest_quote(CryptoLatestQuoteRequest(**PAIRS))
    assert list(quotes) == ["BTC/USD"]
    assert quotes["BTC/USD"].ask_price == 21_000.01
    assert coins.get_crypto_latest_bar(CryptoLatestBarRequest(**PAIRS))["BTC/USD"].timestamp == SECOND
    book = coins.get_crypto_latest_orderbook(CryptoLatestOrderbookRequest(**PAIRS))["BTC/USD"]
    assert (book.bids[0].price, book.asks[0].price) == (21_000, 21_000.01)


def test_the_crypto_client_reads_snapshots(coins):
    snapshot = coins.get_crypto_snapshot(CryptoSnapshotRequest(**PAIRS))["BTC/USD"]
    assert (snapshot.daily_bar.open, snapshot.previous_daily_bar.open) == (21_000, 20_000)


def test_the_crypto_client_reads_the_past(coins):
    asked = CryptoBarsRequest(**PAIRS, timeframe=TimeFrame.Hour, start=FIRST.replace(minute=0))
    # From 14:00 of one day to 14:00 of the next, both included.
    assert len(coins.get_crypto_bars(asked)["BTC/USD"]) == 25
    assert len(coins.get_crypto_quotes(CryptoQuoteRequest(**PAIRS, start=FIRST))["BTC/USD"]) == 2
    assert len(coins.get_crypto_trades(CryptoTradesRequest(**PAIRS, start=FIRST))["BTC/USD"]) == 2


def test_the_trading_client_asks_for_a_pair_with_its_slash(rig):
    client = connected(TradingClient("key", "secret", paper=True, url_override=rig.url), rig)
    assert client.get_asset("BTC/USD").symbol == "BTC/USD"
    client._session.close()
