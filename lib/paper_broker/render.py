"""What Alpaca's answers look like: which fields, in which form.

Quantities, prices and money are JSON strings; only market data has numbers. Times are RFC 3339 in UTC, the clock's in
New York time.
"""

from __future__ import annotations

from datetime import UTC
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from lib.domain.money import text
from lib.paper_broker.exchange import holdings
from lib.paper_broker.exchange.book import asset_id
from lib.paper_broker.exchange.records import OrderClass

if TYPE_CHECKING:
    from datetime import datetime

    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.engine import Exchange
    from lib.paper_broker.exchange.market import Market, Quote
    from lib.paper_broker.exchange.records import Activity, Order, Position
    from lib.sessions import Session

NEW_YORK = ZoneInfo("America/New_York")
NINE_PLACES = Decimal("0.000000001")
ZERO = Decimal(0)
QUOTE_SIZE = 100
EXCHANGE = "NASDAQ"
MAINTENANCE = Decimal("0.3")

Json = dict[str, object]


def instant(at: datetime | None) -> str | None:
    """Write an instant as Alpaca does."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def number(value: Decimal | None) -> str | None:
    """Write a quantity, a price or money as a string."""
    return text(value) if value is not None else None


def rounded(value: Decimal) -> str:
    """Write a quotient: nine decimals, as Alpaca keeps them."""
    return text(value.quantize(NINE_PLACES, rounding=ROUND_HALF_EVEN))


def order(shown: Order, legs: list[Order] | None = None) -> Json:
    """Show an order, with its legs if the request asks for them and it has any."""
    average = rounded(shown.filled_notional / shown.filled_qty) if shown.filled_qty else None
    return {
        "id": shown.id,
        "client_order_id": shown.client_order_id,
        "created_at": instant(shown.created_at),
        "updated_at": instant(shown.updated_at),
        "submitted_at": instant(shown.created_at),
        "filled_at": instant(shown.filled_at),
        "expired_at": instant(shown.expired_at),
        "expires_at": instant(shown.expires_at),
        "canceled_at": instant(shown.canceled_at),
        "failed_at": None,
        "replaced_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": asset_id(shown.symbol),
        "symbol": shown.symbol,
        "asset_class": "us_equity",
        "notional": None,
        "qty": text(shown.qty),
        "filled_qty": text(shown.filled_qty),
        "filled_avg_price": average,
        "order_class": "" if shown.order_class is OrderClass.SIMPLE else shown.order_class,
        "order_type": shown.kind,
        "type": shown.kind,
        "side": shown.side,
        "position_intent": shown.position_intent,
        "time_in_force": shown.time_in_force,
        "limit_price": number(shown.limit_price),
        "stop_price": number(shown.stop_price),
        "status": shown.status,
        "extended_hours": False,
        "legs": [order(leg) for leg in legs] if legs else None,
        "trail_percent": number(shown.trail_percent),
        "trail_price": number(shown.trail_price),
        "hwm": number(shown.hwm),
        "ratio_qty": None,
        "subtag": None,
        "source": None,
    }


def activity(shown: Activity) -> Json:
    """Show an execution."""
    return {
        "id": shown.id,
        "activity_type": "FILL",
        "transaction_time": instant(shown.at),
        "type": "partial_fill" if shown.leaves_qty else "fill",
        "price": text(shown.price),
        "qty": text(shown.qty),
        "side": shown.side,
        "symbol": shown.symbol,
        "leaves_qty": text(shown.leaves_qty),
        "order_id": shown.order_id,
        "cum_qty": text(shown.cum_qty),
        "order_status": "partially_filled" if shown.leaves_qty else "filled",
    }


def position(exchange: Exchange, held: Position) -> Json:
    """Show a position and what it is worth."""
    book, market, now = exchange.book, exchange.market, exchange.now
    price = holdings.last_price(book, market, held.symbol, now)
    current = held.cost / held.qty if price is None else price
    value, before = held.qty * current, _last_day_price(market, held.symbol, now) or current
    gain = value - held.cost
    old, today = _held_since(book, market, held, now)
    today_basis = old * before + today * held.cost / held.qty
    return {
        "asset_id": asset_id(held.symbol),
        "symbol": held.symbol,
        "exchange": EXCHANGE,
        "asset_class": "us_equity",
        "asset_marginable": True,
        "qty": text(held.qty),
        "qty_available": text(holdings.available_qty(book, held.symbol)),
        "side": "long",
        "avg_entry_price": rounded(held.cost / held.qty),
        "market_value": rounded(value),
        "cost_basis": rounded(held.cost),
        "unrealized_pl": rounded(gain),
        "unrealized_plpc": rounded(gain / held.cost) if held.cost else "0",
        "unrealized_intraday_pl": rounded(value - today_basis),
        "unrealized_intraday_plpc": rounded((value - today_basis) / today_basis) if today_basis else "0",
        "current_price": rounded(current),
        "lastday_price": rounded(before),
        "change_today": rounded(current / before - 1),
    }


def account(exchange: Exchange) -> Json:
    """Show the account: cash, without margin."""
    book, market, now = exchange.book, exchange.market, exchange.now
    held = book.account
    value = holdings.market_value(book, market, now)
    equity, power = rounded(held.cash + value), rounded(holdings.buying_power(book))
    close = market.hours.last_close(now)
    return {
        "id": held.id,
        "account_number": held.number,
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "currency": "USD",
        "cash": rounded(held.cash),
        "equity": equity,
        "last_equity": rounded(holdings.last_equity(book, market, now)),
        "portfolio_value": equity,
        "buying_power": power,
        "regt_buying_power": power,
        "non_marginable_buying_power": power,
        "options_buying_power": power,
        "long_market_value": rounded(value),
        "short_market_value": "0",
        "initial_margin": rounded(value),
        "maintenance_margin": rounded(value * MAINTENANCE),
        "last_maintenance_margin": "0",
        "multiplier": "1",
        "sma": "0",
        "accrued_fees": "0",
        "pending_transfer_in": "0",
        "pending_transfer_out": "0",
        "pending_reg_taf_fees": "0",
        "balance_asof": close.date().isoformat() if close else held.created_at.date().isoformat(),
        "intraday_adjustments": "0",
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": False,
        "shorting_enabled": False,
        "created_at": instant(held.created_at),
        "options_approved_level": 0,
        "options_trading_level": 0,
    }


def asset(market: Market, symbol: str) -> Json:
    """Show an asset; what the price directory says of it overrides the rest."""
    return {
        "id": asset_id(symbol),
        "class": "us_equity",
        "exchange": EXCHANGE,
        "symbol": symbol,
        "name": f"{symbol} Common Stock",
        "cusip": None,
        "status": "active",
        "tradable": True,
        "marginable": True,
        "shortable": True,
        "easy_to_borrow": True,
        "borrow_status": "easy_to_borrow",
        "fractionable": True,
        "maintenance_margin_requirement": 30,
        "margin_requirement_long": "30",
        "margin_requirement_short": "30",
        "attributes": [],
        **market.flags(symbol),
    }


def quote(shown: Quote) -> Json:
    """Show a quote; a made-up one says so in its conditions, a side where nobody is has price and size zero."""
    return {
        "t": instant(shown.at),
        "ax": "V" if shown.ask else " ",
        "ap": shown.ask,
        "as": QUOTE_SIZE if shown.ask else 0,
        "bx": "V" if shown.bid else " ",
        "bp": shown.bid,
        "bs": QUOTE_SIZE if shown.bid else 0,
        "c": ["synthetic"] if shown.synthetic else ["R"],
        "z": "C",
    }


def clock(exchange: Exchange) -> Json:
    """Show the market clock."""
    hours, now = exchange.market.hours, exchange.now
    session, following = hours.at(now), hours.next_after(now)
    return {
        "timestamp": _new_york(now),
        "is_open": session is not None,
        "next_open": _new_york(following.open),
        "next_close": _new_york(session.close if session else following.close),
    }


def calendar_day(session: Session, settles: Session) -> Json:
    """Show a trading day; trades settle on the next one."""
    return {
        "date": session.date.isoformat(),
        "open": session.open.astimezone(NEW_YORK).strftime("%H:%M"),
        "close": session.close.astimezone(NEW_YORK).strftime("%H:%M"),
        "session_open": "0400",
        "session_close": "2000",
        "settlement_date": settles.date.isoformat(),
    }


def _new_york(at: datetime) -> str:
    return at.astimezone(NEW_YORK).isoformat()


def _last_day_price(market: Market, symbol: str, now: datetime) -> Decimal | None:
    close = market.hours.last_close(now)
    return market.feed.price(symbol, close) if close else None


def _held_since(book: Book, market: Market, held: Position, now: datetime) -> tuple[Decimal, Decimal]:
    """Split a position into the shares held since before the last close, and those bought after it."""
    close, bought = market.hours.last_close(now), ZERO
    for fill in book.latest_activities():
        if close is None or fill.at < close:
            break
        if fill.symbol == held.symbol and fill.side == "buy":
            bought += fill.qty
    today = min(bought, held.qty)
    return held.qty - today, today
