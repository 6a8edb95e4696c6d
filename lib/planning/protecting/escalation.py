"""Stops that triggered and cannot fill: the market has jumped over their limit.

A stop of shares held becomes a market order when it triggers and needs no help. A coin's stop has a limit of ours; a
buy stop has one of Alpaca's making, 4 % above a stop below 50 dollars, 2.5 % from there ("Placing Orders"). Once a
fresh quote is beyond that limit, the order is cancelled. The next stop of shares is then refused as through, and what
follows is a market order. Whether a coin's stop would be refused nobody has measured, so the quote says it; two limits
come first, 1 % and 3 % through the quote. Nothing is remembered: how far the ladder was climbed is read from the
trade's orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from lib.domain.bodies import Body, is_coin, limit_exit_body, market_exit_body
from lib.domain.facts import Quote
from lib.domain.money import ONE
from lib.domain.records import Order, Trade
from lib.domain.states import ENDED, Role
from lib.planning.books import TradeBook, exits, is_live
from lib.planning.context import Context
from lib.planning.protecting.coins import stepped
from lib.planning.protecting.steps import tops, trades_now
from lib.planning.protecting.watching import closing_price
from lib.planning.terms import is_long, is_worse, stop_of

THROUGH = (Decimal("0.01"), Decimal("0.03"))
"""How far through the quote the limits of the ladder lie, as shares of it; after the last comes a market order."""

DEAR = Decimal(50)
CAP_CHEAP, CAP_DEAR = Decimal("1.04"), Decimal("1.025")


def jumped(book: TradeBook, quotes: Mapping[str, Quote], context: Context) -> tuple[Order, str] | None:
    """Find a live stop whose limit the market is beyond.

    One of this pass is left until the next: should the broker go by another price than the quote's, stops would else
    come and go from round to round.
    """
    price = closing_price(quotes.get(book.trade.symbol), book.trade, context)
    if price is None or not trades_now(book.trade.symbol, context):
        return None
    for order in exits(book):
        limit = _limit(order)
        if limit is None or not is_live(order) or order.created_at >= context.pass_started_at:
            continue
        if price == limit or not is_worse(price, limit, book.trade):
            continue
        top = next((o for o in tops(book) if o.id in {order.id, order.parent_id}), order)
        return top, "the market has jumped over the limit of the stop: close at what it gives"
    return None


def is_through(trade: Trade, quotes: Mapping[str, Quote], context: Context) -> bool:
    """Say whether a coin is at or beyond its stop by a fresh quote, so that another stop would not protect it."""
    price = closing_price(quotes.get(trade.symbol), trade, context)
    return is_coin(trade.symbol) and price is not None and is_worse(price, stop_of(trade), trade)


def _limit(order: Order) -> Decimal | None:
    """Return the price beyond which a stop does not fill once it has triggered; None if there is none."""
    if order.order_type != Role.STOP_LOSS or order.stop_price is None:
        return None
    if order.kind == "stop_limit":
        return order.limit_price
    if order.side != "buy":
        return None
    return order.stop_price * (CAP_DEAR if order.stop_price >= DEAR else CAP_CHEAP)


def at_market(
    book: TradeBook, client_order_id: str, qty: Decimal, quotes: Mapping[str, Quote], context: Context
) -> Body:
    """Close at what the market gives: at market, for a coin first at two limits through the quote.

    The limits are immediate-or-cancel: what they do not get is free again at once, for the next step.
    """
    trade = book.trade
    price, rung = closing_price(quotes.get(trade.symbol), trade, context), _tried(book)
    if not is_coin(trade.symbol) or price is None or rung >= len(THROUGH):
        return market_exit_body(client_order_id, trade.symbol, qty, side=trade.side)
    through = ONE - THROUGH[rung] if is_long(trade) else ONE + THROUGH[rung]
    limit = stepped(price * through)
    return limit_exit_body(client_order_id, trade.symbol, qty, limit, side=trade.side, time_in_force="ioc")


def _tried(book: TradeBook) -> int:
    """Count the limits of the ladder that ended unfilled since the trade last had a stop."""
    accepted = [o for o in exits(book) if o.alpaca_order_id is not None]
    newest_stop = max((o.id for o in accepted if o.order_type == Role.STOP_LOSS), default=0)
    return sum(
        o.order_type == Role.EXIT and o.kind == "limit" and o.order_status in ENDED and o.filled_qty < o.qty
        for o in accepted
        if o.id > newest_stop
    )
