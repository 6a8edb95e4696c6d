"""The market: clock, calendar, assets, latest quotes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from lib.paper_broker import render
from lib.paper_broker.exchange.book import asset_id
from lib.paper_broker.exchange.refusal import not_found
from lib.paper_broker.message import answer

if TYPE_CHECKING:
    from lib.paper_broker.call import Call
    from lib.paper_broker.message import Response

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2029, 12, 31)
SETTLES_WITHIN = timedelta(days=10)
FEEDS = ("sip", "iex", "delayed_sip", "otc", "boats", "overnight")


def show_clock(call: Call) -> Response:
    """Show whether the market is open, and when it next opens and closes."""
    return answer(render.clock(call.exchange))


def show_calendar(call: Call) -> Response:
    """Show trading days, both ends included."""
    first, last = call.day("start") or FIRST_DAY, call.day("end") or LAST_DAY
    hours = call.exchange.market.hours
    until = last + SETTLES_WITHIN if last < date.max - SETTLES_WITHIN else last
    days = hours.calendar(first, until) if first <= last else ()
    following = (*days[1:], *days[-1:])
    pairs = zip(days, following, strict=True)
    return answer([render.calendar_day(day, settles) for day, settles in pairs if day.date <= last])


def list_assets(call: Call) -> Response:
    """Show every asset that has prices."""
    market, status = call.exchange.market, call.choice("status", ("active", "inactive", "all"))
    shown = [render.asset(market, symbol) for symbol in sorted(market.symbols)]
    asset_class = call.request.params().get("asset_class", "us_equity")
    return answer(
        [asset for asset in shown if status in (None, "all", asset["status"]) and asset["class"] == asset_class]
    )


def show_asset(call: Call) -> Response:
    """Show an asset by its symbol or its id."""
    market, name = call.exchange.market, call.names["symbol"]
    for symbol in market.symbols:
        if name in (symbol, asset_id(symbol)):
            return answer(render.asset(market, symbol))
    raise not_found(f"symbol not found: {name}")


def latest_quotes(call: Call) -> Response:
    """Show the latest quote of each symbol; those without one are absent."""
    symbols = call.request.params().get("symbols")
    if not symbols:
        return answer({"message": "symbols is required"}, 400)
    if call.request.params().get("feed", "sip") not in FEEDS:
        return answer({"message": f"invalid feed: {call.request.params()['feed']}"}, 400)
    exchange = call.exchange
    names = sorted(set(filter(None, symbols.split(","))))
    quotes = ((symbol, exchange.market.quote(exchange.book.account, symbol, exchange.now)) for symbol in names)
    return answer({"quotes": {symbol: render.quote(quote) for symbol, quote in quotes if quote is not None}})
