"""What Alpaca's answers look like: the account, its configuration, positions, assets."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.money import ZERO, text
from lib.paper_broker.answers.values import Json, instant, number, rounded
from lib.paper_broker.exchange import holdings, margin
from lib.paper_broker.exchange.actions import earlier
from lib.paper_broker.exchange.postings import moved
from lib.paper_broker.exchange.records import Side

if TYPE_CHECKING:
    from lib.paper_broker.exchange.assets import Asset
    from lib.paper_broker.exchange.engine import Exchange
    from lib.paper_broker.exchange.records import Configuration, Position


def position(exchange: Exchange, held: Position) -> Json:
    """Show a position and what it is worth; one that is short has quantity, value and cost below zero."""
    book, market, now = exchange.book, exchange.market, exchange.now
    asset = margin.asset_of(book, market, held.symbol)
    price = holdings.last_price(book, market, held.symbol, now)
    entry = held.cost / held.qty
    current = entry if price is None else price
    before = holdings.lastday_price(book, market, held.symbol, now) or current
    value = held.qty * current
    old, today = _held_since(exchange, held)
    today_basis = old * before + today * entry
    available = holdings.available_qty(book, held.symbol)
    sign = -1 if held.qty < 0 and not exchange.rules.short_values_signed else 1
    return {
        "asset_id": asset.id,
        "symbol": asset.position_symbol,
        "exchange": asset.exchange,
        "asset_class": asset.asset_class,
        "asset_marginable": asset.marginable,
        "qty": text(sign * held.qty),
        "qty_available": text(sign * (available if held.qty > 0 else -available)),
        "side": "long" if held.qty > 0 else "short",
        "avg_entry_price": rounded(entry),
        "market_value": rounded(sign * value),
        "cost_basis": rounded(sign * held.cost),
        "unrealized_pl": rounded(value - held.cost),
        "unrealized_plpc": _share(value - held.cost, held.cost),
        "unrealized_intraday_pl": rounded(value - today_basis),
        "unrealized_intraday_plpc": _share(value - today_basis, today_basis),
        "current_price": rounded(current),
        "lastday_price": rounded(before),
        "change_today": rounded(current / before - 1),
    }


def account(exchange: Exchange) -> Json:
    """Show the account."""
    book, market, rules, now = exchange.book, exchange.market, exchange.rules, exchange.now
    held = book.account
    standing, last = margin.standing(book, market, rules, now), margin.last_standing(book, market, rules, now)
    power = margin.power(book, market, rules, now)
    close = market.hours.last_close(now)
    return {
        "id": held.id,
        "account_number": held.number,
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "currency": "USD",
        "cash": rounded(standing.cash),
        "equity": rounded(standing.equity),
        "last_equity": rounded(last.equity),
        "portfolio_value": rounded(standing.equity),
        "buying_power": rounded(power.buying_power),
        "regt_buying_power": rounded(power.reg_t),
        "non_marginable_buying_power": rounded(power.cash),
        "options_buying_power": rounded(power.cash),
        "long_market_value": rounded(standing.long_value),
        "short_market_value": rounded(standing.short_value),
        "initial_margin": rounded(standing.initial_margin),
        "maintenance_margin": rounded(standing.maintenance_margin),
        "last_maintenance_margin": rounded(last.maintenance_margin),
        "multiplier": text(standing.multiplier),
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
        "trade_suspended_by_user": held.configuration.suspend_trade,
        "shorting_enabled": margin.may_short(book, rules, standing),
        "created_at": instant(held.created_at),
        "options_approved_level": 0,
        "options_trading_level": 0,
    }


def configuration(shown: Configuration) -> Json:
    """Show what the account's owner has set; the settings for day traders went with Alpaca's change of 2026-07-06."""
    shows = {name: getattr(shown, name) for name in shown.__dataclass_fields__}
    return {name: value for name, value in shows.items() if value is not None}


def asset(shown: Asset) -> Json:
    """Show an asset."""
    facts: Json = {
        "id": shown.id,
        "class": shown.asset_class,
        "exchange": shown.exchange,
        "symbol": shown.symbol,
        "name": shown.name,
        "cusip": None,
        "status": shown.status,
        "tradable": shown.tradable,
        "marginable": shown.marginable,
        "shortable": shown.shortable,
        # Deprecated, and alpaca-py still requires it.
        "easy_to_borrow": not shown.is_crypto and shown.borrow_status == "easy_to_borrow",
        "fractionable": shown.fractionable,
        "maintenance_margin_requirement": shown.margin_requirement_long,
        "margin_requirement_long": text(shown.margin_requirement_long),
        "margin_requirement_short": text(shown.margin_requirement_short),
        "attributes": list(shown.attributes),
    }
    if not shown.is_crypto:
        return facts | {"borrow_status": shown.borrow_status}
    steps = ("min_order_size", "min_trade_increment", "price_increment")
    return facts | {name: number(getattr(shown, name)) for name in steps}


def _share(gain: Decimal, basis: Decimal) -> str:
    """Write a gain as a part of what was laid out; a short position's basis is below zero."""
    return rounded(gain / abs(basis)) if basis else "0"


def _held_since(exchange: Exchange, held: Position) -> tuple[Decimal, Decimal]:
    """Split a position into the shares held since before the last close, and those bought or sold short after it."""
    close, opened = exchange.market.hours.of(held.symbol).last_close(exchange.now), ZERO
    side, acted = Side.BUY if held.qty > 0 else Side.SELL, exchange.book.account.acted
    for fill in exchange.book.latest_executions():
        if close is None or fill.at < close:
            break
        name, shares = earlier(acted, held.symbol, fill.at, exchange.now)
        if fill.symbol == name and fill.side is side:
            opened += abs(moved(fill)[0]) * shares
    today = min(opened, abs(held.qty)).copy_sign(held.qty)
    return held.qty - today, today
