"""Clock and calendar, version 2 and 3.

Version 3 knows the markets of US equities, which all keep the same sessions; Alpaca's lists banks, bonds and markets
abroad too, whose holidays are not known here.
"""

from __future__ import annotations

from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING

from lib.paper_broker.answers import market as render_market
from lib.paper_broker.exchange.hours import NEW_YORK
from lib.paper_broker.exchange.refusal import MALFORMED, Refusal
from lib.paper_broker.message import answer

if TYPE_CHECKING:
    from lib.paper_broker.answers.values import Json
    from lib.paper_broker.call import Call
    from lib.paper_broker.message import Response
    from lib.sessions import Session

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2029, 12, 31)
SETTLES_WITHIN = timedelta(days=10)
WEEK = timedelta(days=7)
MARKETS: tuple[tuple[str, str, str], ...] = (
    ("IEX", "IEXG", "Investors Exchange"),
    ("NASDAQ", "XNAS", "National Association of Securities Dealers Automated Quotations"),
    ("NYSE", "XNYS", "New York Stock Exchange"),
    ("OTC", "OTCM", "Over-The-Counter"),
)


def show_clock(call: Call) -> Response:
    """Show whether the market is open, and when it next opens and closes."""
    return answer(render_market.clock(call.exchange.market.hours, call.exchange.now))


def show_calendar(call: Call) -> Response:
    """Show trading days, both ends included, by the day of the trade or of its settlement."""
    first, last = call.day("start") or FIRST_DAY, call.day("end") or LAST_DAY
    if call.choice("date_type", ("trading", "settlement")) == "settlement":
        earlier = first - SETTLES_WITHIN if first > date.min + SETTLES_WITHIN else first
        pairs = [pair for pair in _days(call, earlier, last) if first <= pair[1].date <= last]
    else:
        pairs = _days(call, first, last)
    return answer([render_market.calendar_day(day, settles) for day, settles in pairs])


def show_clocks(call: Call) -> Response:
    """Show the clocks of several markets, of all when none is named."""
    named = call.request.params().get("markets")
    markets = [_market(name) for name in named.split(",")] if named else [_describe(*market) for market in MARKETS]
    hours, now = call.exchange.market.hours, call.time("time") or call.exchange.now
    if now.date() < FIRST_DAY:
        # New York's offset once had seconds, which no instant in RFC 3339 can say.
        raise _wrong(f"invalid time: {now.isoformat()}")
    try:
        return answer({"clocks": [render_market.market_clock(market, hours, now) for market in markets]})
    except (LookupError, OverflowError):
        raise _wrong(f"invalid time: {now.isoformat()}") from None


def show_market_calendar(call: Call) -> Response:
    """Show the trading days of a market, a week of them unless told."""
    market = _market(call.names["market"])
    first = call.day("start") or call.exchange.now.astimezone(NEW_YORK).date()
    last = call.day("end") or min(first, date.max - WEEK) + WEEK
    zone = UTC if call.choice("timezone", ("utc",)) else NEW_YORK
    days = [render_market.market_day(day, settles, zone) for day, settles in _days(call, first, last)]
    return answer({"market": market, "calendar": days})


def _days(call: Call, first: date, last: date) -> list[tuple[Session, Session]]:
    """Return trading days, each with the next one, on which its trades settle."""
    until = last + SETTLES_WITHIN if last < date.max - SETTLES_WITHIN else last
    days = call.exchange.market.hours.calendar(first, until) if first <= last else ()
    following = (*days[1:], *days[-1:])
    return [pair for pair in zip(days, following, strict=True) if pair[0].date <= last]


def _market(name: str) -> Json:
    found = next((market for market in MARKETS if name in market[:2]), None)
    if found is None:
        raise _wrong(f"invalid market: {name}")
    return _describe(*found)


def _describe(acronym: str, mic: str, name: str) -> Json:
    return {"acronym": acronym, "mic": mic, "name": name, "timezone": "America/New_York"}


def _wrong(message: str) -> Refusal:
    return Refusal(400, MALFORMED, message)
