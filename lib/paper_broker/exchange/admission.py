"""Whether an order may enter the book.

The checks come in this order, the first that fails answers: the account's own settings, the asset, what goes together,
the client_order_id, ticks, auctions, what the order means for the position, prices against the market, wash trades,
shares or cash at hand. A request refused here leaves no trace: its client_order_id is not burnt.
"""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import TYPE_CHECKING

from lib.paper_broker.exchange import coins, combinations, funds, holdings, levels, wash
from lib.paper_broker.exchange.hours import NEW_YORK
from lib.paper_broker.exchange.records import ENTERING, Kind, OrderClass, Side, TimeInForce
from lib.paper_broker.exchange.refusal import (
    MALFORMED,
    UNPROCESSABLE,
    Refusal,
    forbidden,
    malformed,
    sub_penny,
    unprocessable,
)
from lib.paper_broker.exchange.ticket import likely_price, quantity

if TYPE_CHECKING:
    from datetime import datetime

    from lib.paper_broker.exchange.assets import Asset
    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.market import Market, Quote
    from lib.paper_broker.exchange.rules import Rules
    from lib.paper_broker.exchange.ticket import Ticket

DOLLAR = Decimal(1)
AUCTIONS_REOPEN = time(19)
OPENING_CUTOFF = time(9, 28)
CLOSING_CUTOFF, CLOSING_CUTOFF_LATE = time(15, 50), time(15, 55)
AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


def check(book: Book, market: Market, rules: Rules, ticket: Ticket, now: datetime) -> None:
    """Refuse an order that may not enter."""
    funds.check_permission(book, ticket)
    quote = holdings.quote(book, market, ticket.symbol, now)
    asset = _check_asset(book, market, ticket)
    check_combination(rules, ticket, asset)
    check_client_order_id(book, ticket.client_order_id)
    check_ticks(ticket, asset)
    check_auction(rules, ticket.time_in_force, now)
    if rules.at_once_refused_outside_session:
        _check_session(market, ticket, now)
    check_size(ticket, asset, quote)
    funds.check_intent(book, ticket)
    _check_direction(book, rules, ticket)
    levels.check_legs(ticket, quote)
    levels.check_stop(ticket.kind, ticket.side, ticket.stop_price, quote)
    wash.check_directions(book, ticket, funds.inferred_intent(book, ticket))
    wash.check_wash(book, rules, ticket)
    funds.check_funds(book, market, rules, ticket, now)


def check_combination(rules: Rules, ticket: Ticket, asset: Asset) -> None:
    """Refuse an order whose parts do not go together for its asset."""
    if asset.is_crypto:
        coins.check_coin(ticket, asset)
    else:
        combinations.check_stock(rules, ticket)


def check_client_order_id(book: Book, client_order_id: str | None) -> None:
    """Refuse an id that an earlier order has; what the refusal's code is depends on whether that one still lives."""
    earlier = book.by_client_id(client_order_id) if client_order_id else None
    if earlier is not None:
        raise Refusal(422, UNPROCESSABLE if earlier.live else MALFORMED, "client_order_id must be unique")


def check_ticks(ticket: Ticket, asset: Asset) -> None:
    """Refuse a price finer than its tick."""
    prices = (
        ("take_profit.limit_price", ticket.take_profit_price),
        ("stop_loss.stop_price", ticket.stop_loss_price),
        ("stop_loss.limit_price", ticket.stop_loss_limit_price),
        ("limit_price", ticket.limit_price),
        ("stop_price", ticket.stop_price),
    )
    for name, price in prices:
        if price is not None and price % asset.tick(price):
            raise sub_penny(name, price)


def check_auction(rules: Rules, time_in_force: TimeInForce, now: datetime) -> None:
    """Refuse an order for an auction that is too late for this one and too early for the next.

    The clock decides, on half days and days without a session too (no source for those).
    """
    at = now.astimezone(NEW_YORK).time()
    if time_in_force is TimeInForce.OPG and OPENING_CUTOFF <= at < AUCTIONS_REOPEN:
        raise forbidden("opg orders must be submitted after 7:00pm and before 9:28am")
    closing = CLOSING_CUTOFF_LATE if rules.cls_cutoff_late else CLOSING_CUTOFF
    if time_in_force is TimeInForce.CLS and closing <= at < AUCTIONS_REOPEN:
        raise forbidden("cls orders must be submitted after 7:00pm and before 3:55pm")


def _check_asset(book: Book, market: Market, ticket: Ticket) -> Asset:
    asset = market.asset(book.account, ticket.symbol)
    if asset is None:
        raise unprocessable(f'asset "{ticket.symbol}" not found')
    if asset.status != "active":
        raise malformed(f"asset {ticket.symbol} is not active")
    if not asset.tradable:
        raise unprocessable(f'asset "{ticket.symbol}" is not tradable')
    if not asset.fractionable and ticket.fractional:
        raise forbidden(f'asset "{ticket.symbol}" is not fractionable')
    if asset.halted and ticket.kind is Kind.MARKET:
        # Users' words; other orders are taken, and rest.
        words = f'market order rejected due to trading halt on symbol: "{ticket.symbol}"'
        raise unprocessable(f"{words}, please place a limit order instead")
    return asset


def check_size(ticket: Ticket, asset: Asset, quote: Quote | None) -> None:
    """Refuse what is worth too little or, of a coin, too much."""
    price = likely_price(ticket, quote)
    if ticket.notional is not None and not price:
        # No source: without a price nobody can say how much the money buys.
        raise unprocessable(f'no price for asset "{ticket.symbol}"')
    cost = ticket.notional or quantity(ticket, quote) * price
    if asset.is_crypto and price:
        coins.check_cost(cost)
    elif ticket.fractional and ticket.side is Side.BUY and price and cost < DOLLAR:
        if ticket.notional is not None:
            raise malformed("notional must be >= 1.00")
        raise forbidden("cost basis must be >= minimal amount of order 1")


def _check_session(market: Market, ticket: Ticket, now: datetime) -> None:
    if ticket.time_in_force in AT_ONCE and not market.hours.of(ticket.symbol).at(now):
        # No source for the wording.
        raise unprocessable(f"{ticket.time_in_force} orders must be submitted during market hours")


def _check_direction(book: Book, rules: Rules, ticket: Ticket) -> None:
    """Refuse a group that does not do what its class is for: an OCO leaves a position, the others enter one."""
    intent = funds.inferred_intent(book, ticket)
    if ticket.order_class is OrderClass.OCO and intent.endswith("_to_open"):
        raise unprocessable("oco orders must be exit orders")
    if ticket.order_class not in ENTERING:
        return
    beside = holdings.booked_qty(book, ticket.symbol) or book.live_ids(ticket.symbol)
    if intent.endswith("_to_close") or (beside and not rules.group_entry_beside_position):
        raise unprocessable(f"{ticket.order_class} orders must be entry orders")
