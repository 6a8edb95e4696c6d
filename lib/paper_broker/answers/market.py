"""What Alpaca's answers about the market look like: quotes, trades and bars of stocks and coins, clock and calendar.

Market data has numbers where all else has strings. A made-up price says so in its conditions; the answers about coins
have no such field.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from lib.domain.money import text
from lib.paper_broker.answers.values import Json, instant
from lib.paper_broker.exchange.hours import NEW_YORK, POST_AFTER_CLOSE, PRE_BEFORE_OPEN, Phase, TradingDay

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from lib.paper_broker.exchange.hours import Hours
    from lib.paper_broker.exchange.market import Quote
    from lib.paper_broker.history.tape import Bar, Trade
    from lib.sessions import Session

STOCK_QUOTE_SIZE, COIN_QUOTE_SIZE = 100, 1
VENUE, NO_VENUE = "V", " "
TAPE = "C"
SYNTHETIC = "synthetic"
REGULAR_QUOTE, REGULAR_TRADE = "R", "@"
STOCK_AVERAGE, COIN_AVERAGE = Decimal("0.000001"), Decimal("0.000000001")
PHASES = {Phase.CORE: "core", Phase.PRE: "pre", Phase.POST: "post"}


def stock_quote(shown: Quote) -> Json:
    """Show a stock's quote; a side where nobody is has price and size zero."""
    return {
        "t": instant(shown.at),
        "ax": VENUE if shown.ask else NO_VENUE,
        "ap": shown.ask,
        "as": STOCK_QUOTE_SIZE if shown.ask else 0,
        "bx": VENUE if shown.bid else NO_VENUE,
        "bp": shown.bid,
        "bs": STOCK_QUOTE_SIZE if shown.bid else 0,
        "c": [SYNTHETIC] if shown.synthetic else [REGULAR_QUOTE],
        "z": TAPE,
    }


def coin_quote(shown: Quote) -> Json:
    """Show a coin's quote."""
    return {
        "t": instant(shown.at),
        "ap": shown.ask,
        "as": COIN_QUOTE_SIZE if shown.ask else 0,
        "bp": shown.bid,
        "bs": COIN_QUOTE_SIZE if shown.bid else 0,
    }


def orderbook(shown: Quote) -> Json:
    """Show a coin's order book, of which there is only the top."""
    return {
        "t": instant(shown.at),
        "b": [{"p": shown.bid, "s": COIN_QUOTE_SIZE}] if shown.bid else [],
        "a": [{"p": shown.ask, "s": COIN_QUOTE_SIZE}] if shown.ask else [],
    }


def stock_trade(shown: Trade) -> Json:
    """Show a stock's trade."""
    return {
        "t": instant(shown.at),
        "x": VENUE,
        "p": shown.price,
        "s": shown.size,
        "c": [SYNTHETIC] if shown.synthetic else [REGULAR_TRADE],
        "i": shown.number,
        "z": TAPE,
    }


def coin_trade(shown: Trade) -> Json:
    """Show a coin's trade."""
    return {"t": instant(shown.at), "p": shown.price, "s": shown.size, "i": shown.number, "tks": "S"}


def stock_bar(shown: Bar) -> Json:
    """Show a stock's bar."""
    return _bar(shown, STOCK_AVERAGE)


def coin_bar(shown: Bar) -> Json:
    """Show a coin's bar."""
    return _bar(shown, COIN_AVERAGE)


def clock(hours: Hours, now: datetime) -> Json:
    """Show the clock of the one market that version 2 knows."""
    session = hours.at(now)
    return {"timestamp": _local(now), "is_open": session is not None, **_next(hours, now, "next_open", "next_close")}


def market_clock(market: Json, hours: Hours, now: datetime) -> Json:
    """Show the clock of a market with its phase; the night, which it has no word for, is closed."""
    phase, until = Phase.CORE, hours.lives_in(now).close
    if not hours.always_open:
        day = hours.trading_day(now)
        part = day.part_at(now)
        known = part is not None and part[0] in PHASES
        phase, until = (part[0], part[1].close) if part and known else (Phase.CLOSED, day.pre.open)
    return {
        "market": market,
        "timestamp": _local(now),
        "is_market_day": hours.on(now.astimezone(NEW_YORK).date()) is not None,
        **_next(hours, now, "next_market_open", "next_market_close"),
        "phase": str(phase),
        "phase_until": _local(until),
    }


def calendar_day(session: Session, settles: Session) -> Json:
    """Show a trading day as version 2 does; trades settle on the next one."""
    # Asked for sixty years at once, the parts of each day are not made.
    return {
        "date": session.date.isoformat(),
        "open": session.open.astimezone(NEW_YORK).strftime("%H:%M"),
        "close": session.close.astimezone(NEW_YORK).strftime("%H:%M"),
        "session_open": (session.open - PRE_BEFORE_OPEN).astimezone(NEW_YORK).strftime("%H%M"),
        "session_close": (session.close + POST_AFTER_CLOSE).astimezone(NEW_YORK).strftime("%H%M"),
        "settlement_date": settles.date.isoformat(),
    }


def market_day(session: Session, settles: Session, zone: tzinfo) -> Json:
    """Show a trading day as version 3 does."""
    day = TradingDay.of(session)
    parts = {"pre": day.pre, "core": day.core, "post": day.post}
    starts = {f"{name}_start": _local(part.open, zone) for name, part in parts.items()}
    ends = {f"{name}_end": _local(part.close, zone) for name, part in parts.items()}
    return {"date": session.date.isoformat(), **starts, **ends, "settlement_date": settles.date.isoformat()}


def _bar(shown: Bar, places: Decimal) -> Json:
    average = (shown.turnover / shown.volume).quantize(places, ROUND_HALF_EVEN) if shown.volume else shown.volume
    return {
        "t": instant(shown.at),
        "o": shown.open,
        "h": shown.high,
        "l": shown.low,
        "c": shown.close,
        "v": shown.volume,
        "n": shown.count,
        "vw": Decimal(text(average)),
    }


def _next(hours: Hours, now: datetime, opens: str, closes: str) -> Json:
    session, following = hours.at(now), hours.next_after(now)
    return {opens: _local(following.open), closes: _local(session.close if session else following.close)}


def _local(at: datetime, zone: tzinfo = NEW_YORK) -> str:
    return at.astimezone(zone).isoformat()
