"""Market data: the latest of everything, history page by page, snapshots; stocks and coins alike.

A feed of Alpaca's is a venue; all prices here are of one. `sip` and `iex` both show it, `delayed_sip` as it was a
quarter of an hour ago, and on the others nothing trades, nor in crypto's other locations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any

from lib.paper_broker.answers import market as render_market
from lib.paper_broker.exchange.hours import NEW_YORK
from lib.paper_broker.history.adjusting import adjuster
from lib.paper_broker.history.tape import Tape
from lib.paper_broker.message import answer
from lib.paper_broker.routes import data_query
from lib.paper_broker.routes.data_query import RECENT, Mark, wrong

if TYPE_CHECKING:
    from lib.paper_broker.answers.values import Json
    from lib.paper_broker.call import Call
    from lib.paper_broker.history.tape import Bar
    from lib.paper_broker.message import Response
    from lib.paper_broker.routes.data_query import Span

    Handler = Callable[[Call], Response]
    Reader = Callable[[str, Tape, datetime, datetime, bool], Iterator[Any]]

SILENT_FEEDS = frozenset({"otc", "boats", "overnight"})
LOCATION = "us"
KINDS = ("quotes", "trades", "bars")
TAPES = frozenset("ABC")
CONDITIONS = {
    "quote": {render_market.REGULAR_QUOTE: "Regular, Two Sided Open"},
    "trade": {render_market.REGULAR_TRADE: "Regular Sale"},
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What of stocks or coins is asked for, as of when; nothing trades where it is `silent`."""

    symbols: list[str]
    now: datetime
    silent: bool
    delayed: bool = False

    def tapes(self, call: Call) -> Iterator[tuple[str, Tape]]:
        """Go through the symbols and what happened to them."""
        for symbol in () if self.silent else self.symbols:
            yield symbol, Tape(call.exchange.market, symbol, self.now)


@dataclass(frozen=True, slots=True)
class Venue:
    """What differs between stocks and coins."""

    zone: tzinfo
    latest: Callable[[Call], Asked]
    history: Callable[[Call], Asked]
    faces: dict[str, Callable[[Any], Json]]


def latest_of(venue: Venue, kind: str) -> Handler:
    """Make what shows the latest quote, trade or bar of each symbol; those without one are absent."""

    def show(call: Call) -> Response:
        asked = venue.latest(call)
        found = {symbol: _latest(call, venue, kind, symbol, tape) for symbol, tape in asked.tapes(call)}
        return answer({kind: {symbol: shown for symbol, shown in found.items() if shown is not None}})

    return show


def latest_of_one(venue: Venue, kind: str) -> Handler:
    """Make what shows the latest quote, trade or bar of the symbol in the path."""
    singular = kind.removesuffix("s")

    def show(call: Call) -> Response:
        for symbol, tape in venue.latest(call).tapes(call):
            shown = _latest(call, venue, kind, symbol, tape)
            if shown is not None:
                return answer({"symbol": symbol, singular: shown})
        # As is measured of snapshots.
        raise wrong(f"no {singular} found for {call.names['symbol']}", 404)

    return show


def history_of(venue: Venue, kind: str) -> Handler:
    """Make what shows a page of the past, by symbol and then by time."""

    def show(call: Call) -> Response:
        shown, token = _page(call, venue, kind)
        return answer({kind: shown, "next_page_token": token})

    return show


def history_of_one(venue: Venue, kind: str) -> Handler:
    """Make what shows a page of the past of the symbol in the path."""

    def show(call: Call) -> Response:
        shown, token = _page(call, venue, kind)
        symbol = call.names["symbol"]
        return answer({"symbol": symbol, kind: shown.get(symbol, []), "next_page_token": token})

    return show


def stock_snapshots(call: Call) -> Response:
    """Show the snapshots of stocks; the symbols are the keys of the answer itself."""
    return answer(_snapshots(call, STOCKS))


def coin_snapshots(call: Call) -> Response:
    """Show the snapshots of coins."""
    return answer({"snapshots": _snapshots(call, COINS)})


def stock_snapshot(call: Call) -> Response:
    """Show the snapshot of one stock."""
    symbol, found = call.names["symbol"], _snapshots(call, STOCKS)
    if symbol not in found:
        raise wrong(f"no snapshot found for {symbol}", 404)
    return answer({"symbol": symbol, **found[symbol]})


def latest_orderbooks(call: Call) -> Response:
    """Show the order books of coins."""
    exchange, asked = call.exchange, _latest_coins(call)
    quotes = {
        symbol: exchange.market.quote(exchange.book.account, symbol, asked.now) for symbol, _ in asked.tapes(call)
    }
    return answer({"orderbooks": {symbol: render_market.orderbook(quote) for symbol, quote in quotes.items() if quote}})


def stock_exchanges(_: Call) -> Response:
    """Show what the codes of exchanges mean: of Alpaca's, the one that answers here have."""
    return answer({render_market.VENUE: "IEX"})


def stock_conditions(call: Call) -> Response:
    """Show what the conditions of quotes or trades mean, again those that answers here have."""
    tick, tape = call.names["ticktype"], call.request.params().get("tape")
    if tick not in CONDITIONS:
        raise wrong(f"invalid ticktype: {tick}")
    if tape not in TAPES:
        raise wrong(f"invalid tape: {tape}")
    return answer(CONDITIONS[tick] | {render_market.SYNTHETIC: "Made Up By The Paper Broker"})


def _latest_stocks(call: Call) -> Asked:
    symbols, feed, now = data_query.stocks(call), data_query.latest_feed(call), call.exchange.now
    return Asked(symbols, now - RECENT if feed == "delayed_sip" else now, feed in SILENT_FEEDS)


def _past_stocks(call: Call) -> Asked:
    symbols, feed = data_query.stocks(call), data_query.historical_feed(call)
    delayed = feed == "sip" and not call.exchange.rules.sip_subscription
    return Asked(symbols, call.exchange.now, feed in SILENT_FEEDS, delayed)


def _latest_coins(call: Call) -> Asked:
    return Asked(data_query.coins(call), call.exchange.now, call.names["loc"] != LOCATION)


STOCKS = Venue(
    NEW_YORK,
    _latest_stocks,
    _past_stocks,
    {"quotes": render_market.stock_quote, "trades": render_market.stock_trade, "bars": render_market.stock_bar},
)
COINS = Venue(
    UTC,
    _latest_coins,
    _latest_coins,
    {"quotes": render_market.coin_quote, "trades": render_market.coin_trade, "bars": render_market.coin_bar},
)


def _latest(call: Call, venue: Venue, kind: str, symbol: str, tape: Tape) -> Json | None:
    account, market = call.exchange.book.account, call.exchange.market
    readers: dict[str, Callable[[], object]] = {
        "quotes": lambda: market.quote(account, symbol, tape.now),
        "trades": lambda: tape.latest_trade(account),
        "bars": tape.latest_bar,
    }
    found = readers[kind]()
    return venue.faces[kind](found) if found is not None else None


def _snapshots(call: Call, venue: Venue) -> dict[str, Json]:
    """Return snapshots by symbol, without the parts that a symbol does not have."""
    shown = {}
    for symbol, tape in venue.latest(call).tapes(call):
        days = [venue.faces["bars"](bar) for bar in tape.latest_days()]
        parts = {
            "latestTrade": _latest(call, venue, "trades", symbol, tape),
            "latestQuote": _latest(call, venue, "quotes", symbol, tape),
            "minuteBar": _latest(call, venue, "bars", symbol, tape),
            "dailyBar": days[0] if days else None,
            "prevDailyBar": days[1] if len(days) > 1 else None,
        }
        known: Json = {name: part for name, part in parts.items() if part is not None}
        if known:
            shown[symbol] = known
    return shown


def _page(call: Call, venue: Venue, kind: str) -> tuple[dict[str, list[Json]], str | None]:
    """Return what a page shows, by symbol, and the token of the next page if there is more."""
    asked = venue.history(call)
    read = _reader(call, kind, asked.now)
    span = data_query.span(call, asked.symbols, venue.zone, delayed=asked.delayed)
    shown: dict[str, list[Json]] = {}
    left, mark = span.limit, span.mark
    for symbol, tape in asked.tapes(call):
        if span.mark and symbol < span.mark.symbol:
            continue
        for item in _after_mark(read, symbol, tape, span):
            if not left:
                return shown, data_query.write_token(mark) if mark else None
            left -= 1
            shown.setdefault(symbol, []).append(venue.faces[kind](item))
            again = mark.count if mark and (mark.symbol, mark.at) == (symbol, item.at) else 0
            mark = Mark(symbol, item.at, again + 1)
    return shown, None


def _reader(call: Call, kind: str, now: datetime) -> Reader:
    if kind == "quotes":
        return lambda _, tape, first, last, back: tape.quotes(first, last, newest_first=back)
    if kind == "trades":
        return lambda _, tape, first, last, back: tape.trades(first, last, newest_first=back)
    frame, wanted, market = data_query.timeframe(call), data_query.adjustments(call), call.exchange.market
    actions = (*market.announced, *call.exchange.book.account.announced)

    def bars(symbol: str, tape: Tape, first: datetime, last: datetime, back: bool) -> Iterator[Bar]:  # noqa: FBT001
        adjusted = adjuster(market, actions, symbol, wanted, now)
        return tape.bars(frame, first, last, newest_first=back, adjusted=adjusted)

    return bars


def _after_mark(read: Reader, symbol: str, tape: Tape, span: Span) -> Iterator[Any]:
    """Go through a symbol's things from where the page before ended."""
    mark = span.mark if span.mark and span.mark.symbol == symbol else None
    if mark is None:
        yield from read(symbol, tape, span.first, span.last, span.newest_first)
        return
    first, last = (span.first, mark.at) if span.newest_first else (mark.at, span.last)
    seen = mark.count
    for item in read(symbol, tape, first, last, span.newest_first):
        if seen and item.at == mark.at:
            seen -= 1
        else:
            yield item


def _routes() -> dict[str, dict[str, Handler]]:
    routes: dict[str, dict[str, Handler]] = {}
    for kind in KINDS:
        routes |= {
            f"/v2/stocks/{kind}": {"GET": history_of(STOCKS, kind)},
            f"/v2/stocks/{kind}/latest": {"GET": latest_of(STOCKS, kind)},
            f"/v2/stocks/{{symbol}}/{kind}": {"GET": history_of_one(STOCKS, kind)},
            f"/v2/stocks/{{symbol}}/{kind}/latest": {"GET": latest_of_one(STOCKS, kind)},
            f"/v1beta3/crypto/{{loc}}/{kind}": {"GET": history_of(COINS, kind)},
            f"/v1beta3/crypto/{{loc}}/latest/{kind}": {"GET": latest_of(COINS, kind)},
        }
    return routes | {
        "/v2/stocks/snapshots": {"GET": stock_snapshots},
        "/v2/stocks/{symbol}/snapshot": {"GET": stock_snapshot},
        "/v2/stocks/meta/exchanges": {"GET": stock_exchanges},
        "/v2/stocks/meta/conditions/{ticktype}": {"GET": stock_conditions},
        "/v1beta3/crypto/{loc}/snapshots": {"GET": coin_snapshots},
        "/v1beta3/crypto/{loc}/latest/orderbooks": {"GET": latest_orderbooks},
    }


ROUTES = _routes()
