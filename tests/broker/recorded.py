"""Alpaca's answers as its documentation and its users show them, and the adapter on top of them."""

from lib.broker.alpaca import AlpacaBroker
from lib.broker.wire import NO_RETRY

TRADING = "https://paper-api.alpaca.markets"
DATA = "https://data.alpaca.markets"
ORDERS = f"{TRADING}/v2/orders"
FILLS = f"{TRADING}/v2/account/activities/FILL"
QUOTES = f"{DATA}/v2/stocks/quotes/latest"
API_KEY = "PKRECORDED0000000001"
SECRET_KEY = "recorded-secret-that-opens-nothing"

ORDER_ID = "61e69015-8549-4bfd-b9c3-01e75843f47d"
ONE_ORDER = f"{ORDERS}/{ORDER_ID}"
CLIENT_ID = "ns-d12-entry-1"
BODY = {
    "symbol": "AAPL",
    "qty": "10",
    "side": "buy",
    "type": "limit",
    "time_in_force": "day",
    "limit_price": "150",
    "client_order_id": CLIENT_ID,
    "position_intent": "buy_to_open",
}

NOT_FOUND = {"code": 40410000, "message": "order not found"}
HTML_502 = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502</h1></center></body></html>"


def broker(**changes):
    settings = {
        "api_key": API_KEY,
        "secret_key": SECRET_KEY,
        "trading_url": TRADING,
        "data_url": DATA,
        "where": "Alpaca paper, recorded",
        "read_retry": NO_RETRY,
    }
    return AlpacaBroker(**(settings | changes))


def order_row(**changes):
    row = {
        "id": ORDER_ID,
        "client_order_id": CLIENT_ID,
        "created_at": "2026-10-02T13:46:00.123456789Z",
        "updated_at": "2026-10-02T13:46:00.123456789Z",
        "submitted_at": "2026-10-02T13:46:00.123456789Z",
        "filled_at": None,
        "expired_at": None,
        "expires_at": "2026-10-02T20:00:00Z",
        "canceled_at": None,
        "failed_at": None,
        "replaced_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415",
        "symbol": "AAPL",
        "asset_class": "us_equity",
        "notional": None,
        "qty": "10",
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_class": "",
        "order_type": "limit",
        "type": "limit",
        "side": "buy",
        "position_intent": "buy_to_open",
        "time_in_force": "day",
        "limit_price": "150",
        "stop_price": None,
        "status": "accepted",
        "extended_hours": False,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "subtag": None,
        "source": "access_key",
    }
    return row | changes


def fill_row(**changes):
    row = {
        "activity_type": "FILL",
        "cum_qty": "2",
        "id": "20220202135509981::2d7be4ff-d1f3-43e9-856a-0f5cf5c5088e",
        "leaves_qty": "0",
        "order_id": "b5abe576-6a8a-49f3-a353-46b72c1ccae9",
        "order_status": "filled",
        "price": "174.78",
        "qty": "2",
        "side": "buy",
        "symbol": "AAPL",
        "transaction_time": "2022-02-02T18:55:09.981482Z",
        "type": "fill",
    }
    return row | changes


def position_row(**changes):
    row = {
        "asset_id": "904837e3-3b76-47ec-b432-046db621571b",
        "symbol": "AAPL",
        "exchange": "NASDAQ",
        "asset_class": "us_equity",
        "avg_entry_price": "100.0",
        "qty": "5",
        "qty_available": "4",
        "side": "long",
        "market_value": "600.0",
        "cost_basis": "500.0",
        "current_price": "120.0",
    }
    return row | changes


def quote_row(**changes):
    row = {"t": "2026-10-02T15:00:00.000000001Z", "ax": "V", "ap": 150.03, "as": 200, "bx": "V", "bp": 150.01}
    return row | {"bs": 100, "c": ["R"], "z": "C"} | changes


def account_row(**changes):
    row = {
        "id": "e6fe16f3-64a4-4921-8928-cadf02f92f98",
        "account_number": "PA3ABCDEFGH1",
        "status": "ACTIVE",
        "currency": "USD",
        "cash": "95000.5",
        "equity": "100250.75",
        "buying_power": "190001",
        "trading_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": False,
    }
    return row | changes


def asset_row(**changes):
    row = {
        "id": "904837e3-3b76-47ec-b432-046db621571b",
        "class": "us_equity",
        "exchange": "NASDAQ",
        "symbol": "AAPL",
        "status": "active",
        "tradable": True,
        "shortable": True,
        "fractionable": True,
    }
    return row | changes


def session_row(**changes):
    row = {
        "date": "2026-10-02",
        "open": "09:30",
        "close": "16:00",
        "session_open": "0400",
        "session_close": "2000",
        "settlement_date": "2026-10-05",
    }
    return row | changes
