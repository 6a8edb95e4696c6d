"""What Alpaca does not have: move the clock, set a quote or facts of an asset by hand, ask what this is."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.money import D, NotMoney
from lib.paper_broker.answers.values import instant
from lib.paper_broker.call import read_instant
from lib.paper_broker.exchange.engine import Exchange
from lib.paper_broker.exchange.records import HandQuote
from lib.paper_broker.exchange.refusal import malformed, unprocessable
from lib.paper_broker.message import answer, read_json
from lib.paper_broker.routes.asset_facts import read_facts

if TYPE_CHECKING:
    from datetime import datetime

    from lib.paper_broker.call import Call
    from lib.paper_broker.message import Response

STEP_S_MAX = 366 * 24 * 3600


def show_paper(call: Call) -> Response:
    """Tell what is imitated: the clock, the seed, where each price comes from."""
    exchange = call.exchange
    market, now = exchange.market, exchange.now
    by_hand = {symbol for symbol, _ in exchange.book.account.by_hand}
    sources = {
        symbol: "by hand" if symbol in by_hand else "synthetic" if market.feed.is_synthetic(symbol, now) else "recorded"
        for symbol in sorted(market.symbols)
    }
    return answer(
        {
            "paper_broker": "imitates Alpaca's trading and market-data API; no order leaves this machine",
            "now": instant(now),
            "clock": "recorded" if call.clock else "external",
            "seed": exchange.book.account.seed,
            "always_open": market.hours.always_open,
            "prices": sources,
        }
    )


def move_clock(call: Call) -> Response:
    """Move the clock forward, to an instant or by seconds, and walk the market there."""
    if call.clock is None:
        raise unprocessable("the clock is external and cannot be moved")
    body = read_json(call.request)
    now = _wanted(body, call.exchange.now)
    if now < call.exchange.now:
        raise unprocessable("time does not go backwards", now=instant(call.exchange.now))
    try:
        call.exchange.market.hours.next_after(now)
    except (LookupError, OverflowError):
        raise unprocessable("the calendar does not go that far") from None
    book = call.exchange.book
    moved = Exchange(book, call.exchange.market, call.exchange.rules, now)
    moved.advance()
    call.clock.move_to(now)
    # The clock is this program's own, so where it stands must outlive the process.
    book.keep()
    return answer({"now": instant(moved.now)})


def set_price(call: Call) -> Response:
    """Set a quote by hand; it holds until `clear`, whatever the feed says."""
    body, exchange = read_json(call.request), call.exchange
    symbol = exchange.market.symbol(str(body.get("symbol")))
    if symbol not in exchange.market.symbols:
        raise unprocessable(f'asset "{symbol}" not found')
    if body.get("clear") is True:
        exchange.set_quote(symbol, None)
        return answer({"symbol": symbol, "by_hand": False})
    quote = HandQuote(bid=_side(body, "bid"), ask=_side(body, "ask"))
    if quote.bid and quote.ask and quote.bid > quote.ask:
        raise malformed("bid must not be above ask")
    exchange.set_quote(symbol, quote)
    return answer({"symbol": symbol, "by_hand": True, "bid": quote.bid, "ask": quote.ask})


def set_asset(call: Call) -> Response:
    """Say what is special about an asset, in the words of its own fields; it holds until `clear`, or is said anew."""
    body, exchange = read_json(call.request), call.exchange
    symbol = exchange.market.symbol(str(body.pop("symbol", None)))
    if symbol not in exchange.market.symbols:
        raise unprocessable(f'asset "{symbol}" not found')
    if body.pop("clear", False) is True:
        exchange.set_facts(symbol, None)
    else:
        exchange.set_facts(symbol, exchange.book.account.asset_facts(symbol) | read_facts(body))
    return answer({"symbol": symbol, "by_hand": exchange.book.account.asset_facts(symbol)})


def _wanted(body: dict[str, object], now: datetime) -> datetime:
    step = body.get("advance_s")
    if ("now" in body) == (step is not None):
        raise malformed("one of now and advance_s is required")
    if step is None:
        return read_instant("now", body["now"])
    if isinstance(step, bool) or not isinstance(step, int | Decimal) or not 0 <= step <= STEP_S_MAX:
        raise malformed(f"advance_s must be between 0 and {STEP_S_MAX}")
    return now + timedelta(seconds=int(step), microseconds=int(step % 1 * 1_000_000))


def _side(body: dict[str, object], name: str) -> Decimal:
    value = body.get(name)
    if value is None or not isinstance(value, str | int | Decimal):
        raise malformed(f"{name} is required; 0 means that nobody is there")
    try:
        price = D(value)
    except NotMoney:
        raise malformed(f"invalid {name}: {value}") from None
    if price < 0:
        raise malformed(f"{name} must not be below 0")
    return price
