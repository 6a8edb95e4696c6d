"""What a request for market data asks for: symbols, feed, span of time, page. What is wrong is refused without a code.

The wording of most refusals, and that one ill-formed symbol refuses the whole request while an unknown one is just
absent, is as users have pasted it; for a wrong `limit`, `sort`, `currency` and `page_token` there is no source.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from lib.paper_broker.call import read_whole
from lib.paper_broker.exchange.hours import INSTANT, midnight
from lib.paper_broker.exchange.refusal import Refusal
from lib.paper_broker.history.tape import BEGINNING
from lib.paper_broker.history.timeframe import DAY, Timeframe, read_timeframe

if TYPE_CHECKING:
    from lib.paper_broker.call import Call

LATEST_FEEDS = frozenset({"sip", "iex", "delayed_sip", "otc", "boats", "overnight"})
HISTORICAL_FEEDS = frozenset({"sip", "iex", "otc", "boats"})
ADJUSTMENTS = frozenset({"raw", "split", "dividend", "spin-off", "all"})
LOCATIONS = frozenset({"us", "us-1", "us-2", "eu-1", "bs-1"})
# Compiled when first used: most processes ask for no more than latest prices.
STOCK_SYMBOL = r"[A-Z]+(\.[A-Z]+)*"
COIN_SYMBOL = r"[A-Z]+/[A-Z]+"
RFC_3339 = r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"
DATE = r"\d{4}-\d\d-\d\d"
LIMIT, LIMIT_MAX = 1000, 10_000
RECENT = timedelta(minutes=15)
"""What is younger, users without a subscription may not see of the SIP; measured, a span that ends then is let in."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The last thing on a page: its symbol, its instant, and how many things of that instant have been shown."""

    symbol: str
    at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, both included, in which order, how many at most, and after what."""

    first: datetime
    last: datetime
    newest_first: bool
    limit: int
    mark: Mark | None


def wrong(message: str, status: int = 400) -> Refusal:
    """Refuse as the market data API does: with a message alone."""
    return Refusal(status, None, message)


def stocks(call: Call) -> list[str]:
    """Read the symbols of stocks, in order."""
    named = [call.names["symbol"]] if "symbol" in call.names else _symbols(call)
    for name in named:
        if not re.fullmatch(STOCK_SYMBOL, name) and ("/" in name or name not in call.exchange.market.symbols):
            raise wrong(f"invalid symbol: {name}")
    return named


def coins(call: Call) -> list[str]:
    """Read the symbols of coins, in order."""
    if call.names["loc"] not in LOCATIONS:
        raise wrong(f"invalid location: {call.names['loc']}")
    named = _symbols(call)
    for name in named:
        if not re.fullmatch(COIN_SYMBOL, name) and ("/" not in name or name not in call.exchange.market.symbols):
            raise wrong(f"invalid symbol: {name} does not match ^[A-Z]+/[A-Z]+$")
    return named


def latest_feed(call: Call) -> str:
    """Read the feed of a latest price; who may not see the SIP gets IEX unless another is named."""
    subscribed = call.exchange.rules.sip_subscription
    feed = _feed(call, LATEST_FEEDS, "sip" if subscribed else "iex")
    if feed == "sip" and not subscribed:
        raise _no_subscription()
    _currency(call)
    return feed


def historical_feed(call: Call) -> str:
    """Read the feed of past prices."""
    _currency(call)
    return _feed(call, HISTORICAL_FEEDS, "sip")


def timeframe(call: Call) -> Timeframe:
    """Read how long bars are."""
    text = call.request.params().get("timeframe")
    if text is None:
        raise wrong("Invalid format for parameter timeframe: query parameter 'timeframe' is required")
    found = read_timeframe(text)
    if found is None:
        raise wrong(f"invalid timeframe: {text}")
    return found


def adjustments(call: Call) -> frozenset[str]:
    """Read for what prices are to be adjusted."""
    text = call.request.params().get("adjustment", "raw")
    named = frozenset(text.split(","))
    if not named <= ADJUSTMENTS:
        raise wrong(f"invalid adjustment: {text}")
    return named


def span(call: Call, symbols: list[str], zone: tzinfo, *, delayed: bool) -> Span:
    """Read from when to when; a date alone is a whole day in the market's zone.

    Whether the newest is `delayed` depends on the end alone: an end that is too young refuses all of it.
    """
    now = call.exchange.now
    end = _instant(call, "end", zone, at_end=True)
    if delayed and end is not None and end > now - RECENT:
        raise _no_subscription()
    newest = now - RECENT if delayed else now
    start = _instant(call, "start", zone, at_end=False) or min(midnight(now.astimezone(zone).date(), zone), newest)
    end = newest if end is None else end
    if end < start:
        raise wrong("end should not be before start")
    newest_first = descends(call)
    token = call.request.params().get("page_token")
    mark = _read_token(token, symbols) if token else None
    return Span(start, end, newest_first, limit(call, LIMIT, LIMIT_MAX), mark)


def descends(call: Call) -> bool:
    """Read whether the last is to come first."""
    sort = call.request.params().get("sort", "asc")
    if sort not in {"asc", "desc"}:
        raise wrong(f"invalid sort: {sort}")
    return sort == "desc"


def limit(call: Call, default: int, most: int) -> int:
    """Read how many things a page may have."""
    text = call.request.params().get("limit", str(default))
    number = read_whole(text, 1, most)
    if number is None:
        raise wrong(f"invalid limit: {text}")
    return number


def write_token(mark: Mark) -> str:
    """Write where a page ended."""
    return urlsafe_b64encode(f"{mark.symbol}|{(mark.at - BEGINNING) // INSTANT}|{mark.count}".encode()).decode()


def _read_token(token: str, symbols: list[str]) -> Mark:
    try:
        symbol, at, count = urlsafe_b64decode(token.encode()).decode().split("|")
        mark = Mark(symbol, BEGINNING + int(at) * INSTANT, int(count))
    except (ValueError, OverflowError):
        raise wrong("invalid page_token") from None
    if symbol not in symbols:
        raise wrong("invalid page_token")
    return mark


def _symbols(call: Call) -> list[str]:
    named = sorted(set(filter(None, call.request.params().get("symbols", "").split(","))))
    if not named:
        raise wrong("Invalid format for parameter symbols: query parameter 'symbols' is required")
    return named


def _feed(call: Call, feeds: frozenset[str], default: str) -> str:
    feed = call.request.params().get("feed", default)
    if feed not in feeds:
        raise wrong(f"invalid feed: {feed}")
    return feed


def _currency(call: Call) -> None:
    currency = call.request.params().get("currency", "USD")
    if currency != "USD":
        raise wrong(f"invalid currency: {currency}")


def _no_subscription() -> Refusal:
    return wrong("subscription does not permit querying recent SIP data", 403)


def _instant(call: Call, name: str, zone: tzinfo, *, at_end: bool) -> datetime | None:
    text = call.request.params().get(name)
    if text is None:
        return None
    try:
        if re.fullmatch(DATE, text):
            day = date.fromisoformat(text)
            return midnight(day + DAY, zone) - INSTANT if at_end else midnight(day, zone)
        if re.fullmatch(RFC_3339, text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise wrong(f"Invalid format for parameter {name}: error parsing '{text}' as RFC3339 or 2006-01-02 time")
