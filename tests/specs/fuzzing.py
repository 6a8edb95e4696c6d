"""Requests that Alpaca's documents allow, drawn by schemathesis, and narrowed to what an account could mean.

The documents say `string` where only a price will do, so that nearly everything drawn from them as they stand is
refused. One part of the requests is drawn so; the larger part has the values below in the places of those names.
"""

from __future__ import annotations

import copy
from functools import cache

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.specs.validation import documents

WHOLE_NUMBERS = ["1", "2", "3", "10"]
VALUES = {
    "symbol": ["AAPL", "MSFT", "BTC/USD"],
    "symbols": ["AAPL", "AAPL,MSFT"],
    "qty": WHOLE_NUMBERS,
    "limit_price": ["100", "149.50", "150.01", "160"],
    "stop_price": ["120", "140", "170"],
    "trail_price": ["1", "2.5"],
    "trail_percent": ["0.5", "3"],
    "trail": ["1", "4"],
    "percentage": ["10", "50", "100"],
    "side": ["buy", "sell"],
    "limit": [1, 10, 50],
    "page_size": [1, 10, 100],
    "after": ["2013-01-02", "2013-01-02T14:30:00Z"],
    "until": ["2013-01-03", "2013-01-03T14:30:00Z"],
    "start": ["2013-01-02", "2013-01-02T14:30:00Z"],
    "end": ["2013-01-03", "2013-01-02T15:00:00Z"],
    "date": ["2013-01-02"],
    "since": ["2013-01-02"],
    "timeframe": ["1Min", "5Min", "1Hour", "1Day"],
    "feed": ["sip", "iex"],
    "currency": ["USD"],
    "asset_class": ["us_equity", "crypto"],
    "exchange": ["NASDAQ"],
    "attributes": ["has_options"],
    "markets": ["NYSE", "NASDAQ"],
    "market": ["NYSE", "NASDAQ"],
    "timezone": ["UTC", "America/New_York"],
    "time": ["2013-01-02T15:00:00Z"],
    "max_margin_multiplier": ["1", "2", "4"],
    "trade_confirm_email": ["all", "none"],
    "suspend_trade": [False],
    "ca_types": ["dividend", "split"],
    "types": ["forward_split,cash_dividend", "name_change"],
    "order_class": ["simple"],
}
LEFT_OUT = frozenset({
    # Places in a list: drawn, they name nothing; tests of paging have them.
    "page_token", "before_order_id", "after_order_id", "cusip", "cusips", "ids",
    # What other kinds of orders and accounts have.
    "advanced_instructions", "legs", "notional", "client_order_id", "position_intent", "take_profit", "stop_loss",
    "asof", "max_options_trading_level",
})  # fmt: skip


def cases(*, narrowed):
    """Return a strategy of requests over all operations."""
    return st.one_of(
        [operation.as_strategy(generation_mode=GenerationMode.POSITIVE) for operation in _operations(narrowed)]
    )


@cache
def _operations(narrowed):
    found = []
    for document in documents():
        drawn_from = _narrow(copy.deepcopy(document)) if narrowed else document
        schema = schemathesis.openapi.from_dict(drawn_from)
        found += [result.ok() for result in schema.get_all_operations()]
    return found


def _narrow(document):
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["parameters"] = [
                {**one, "schema": {"enum": VALUES[one["name"]]}} if one["name"] in VALUES else one
                for one in operation["parameters"]
                if one["name"] not in LEFT_OUT or one["in"] == "path"
            ]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                content["schema"] = _narrow_body(content["schema"])
    schemas = document["components"]["schemas"]
    for name in schemas.keys() & {"PatchOrderRequest", "AccountConfigurations"}:
        schemas[name] = _narrow_body(schemas[name])
    return document


def _narrow_body(schema):
    if "properties" not in schema:
        return schema
    properties = {
        name: {"enum": VALUES[name]} if name in VALUES else part
        for name, part in schema["properties"].items()
        if name not in LEFT_OUT
    }
    return {**schema, "properties": properties, "additionalProperties": False}


PRICES_OF = {
    "market": (),
    "limit": ("limit_price",),
    "stop": ("stop_price",),
    "stop_limit": ("stop_price", "limit_price"),
    "trailing_stop": ("trail_percent",),
}
PRICES = frozenset({"limit_price", "stop_price", "trail_price", "trail_percent"})


def sensible(body):
    """Give a drawn order the prices that its type has, and no others, and a time in force that its asset knows."""
    kind = body["type"]
    order = {name: value for name, value in body.items() if name not in PRICES and name != "extended_hours"}
    wanted = {name: body.get(name, VALUES[name][0]) for name in PRICES_OF[kind]}
    return {"symbol": "AAPL", "qty": "1", "side": "buy"} | order | wanted
