"""Levels that no order can rest at: they are watched, and sold or bought at market once a quote has come to them.

Fractions of a share and coins take no OCO, so that their target (or the limit of a CLOSE) is watched beside a stop.
Nothing is done by a quote that is old, crossed or half: then the stop stays, and the next look has another quote.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from lib.domain.bodies import is_coin
from lib.domain.facts import Quote
from lib.domain.money import ZERO, whole_down
from lib.domain.records import Order, Rows, Trade
from lib.domain.states import Role, TradeStatus
from lib.planning.books import TradeBook, books, exits, is_live, owned_qty
from lib.planning.context import Context
from lib.planning.protecting.steps import tops, trades_now
from lib.planning.terms import is_better, is_long, rests_at_target, target_of, wanted


def usable(quote: Quote | None, symbol: str, context: Context) -> Quote | None:
    """Return a quote to go by: whole, not crossed, not old; None for any other.

    What was quoted before the open is not what an order of the session gets.
    """
    if quote is None or quote.bid is None or quote.ask is None or quote.bid > quote.ask:
        return None
    opened = None if is_coin(symbol) or context.session is None else context.session.open
    if context.now - quote.at > context.limits.quote_age_max or (opened is not None and quote.at < opened):
        return None
    return quote


def closing_price(quote: Quote | None, trade: Trade, context: Context) -> Decimal | None:
    """Return what the trade's shares would be closed at now: the bid of a long trade; None by a quote not to go by."""
    found = usable(quote, trade.symbol, context)
    if found is None:
        return None
    return found.bid if is_long(trade) else found.ask


def is_fraction(qty: Decimal) -> bool:
    """Say whether a quantity is no whole number of shares."""
    return qty != whole_down(qty)


def watched_level(trade: Trade) -> Decimal | None:
    """Return the level at which a part that no limit can rest for is to be closed: a CLOSE's limit, else the target."""
    asked = wanted(trade)
    if asked.close_by is not None and asked.close_price is not None:
        return asked.close_price
    return target_of(trade) if rests_at_target(trade) else None


def has_reached(trade: Trade, quotes: Mapping[str, Quote], context: Context) -> bool:
    """Say whether the market is at or beyond the trade's watched level, as far as anybody can know now."""
    level, price = watched_level(trade), closing_price(quotes.get(trade.symbol), trade, context)
    if level is None or price is None or not trades_now(trade.symbol, context):
        return False
    return is_better(price, level, trade)


def stop_in_the_way(book: TradeBook, quotes: Mapping[str, Quote], context: Context) -> tuple[Order, str] | None:
    """Find the stop of a part whose watched level is reached: it holds the shares that are to be closed."""
    trade = book.trade
    held = [
        o
        for o in tops(book)
        if o.order_type == Role.STOP_LOSS and o.kind != "market" and (is_coin(o.symbol) or is_fraction(o.qty))
    ]
    if not held or not has_reached(trade, quotes, context):
        return None
    return held[-1], "the quote has come to the level that is watched for it: close at market"


def symbols_to_quote(rows: Rows) -> tuple[str, ...]:
    """Name the symbols whose protection goes by quotes: a pass over plain stocks needs none."""
    return tuple(sorted({b.trade.symbol for b in books(rows) if _needs_a_quote(b)}))


def _needs_a_quote(book: TradeBook) -> bool:
    trade = book.trade
    if trade.status != TradeStatus.POSITION:
        return False
    if is_coin(trade.symbol) or not is_long(trade):  # their stops have a limit, which the market may jump over
        return True
    if is_fraction(owned_qty(book)) and watched_level(trade) is not None:
        return True
    trails = [o for o in exits(book) if o.kind == "trailing_stop"]
    trailing = sum((o.qty - o.filled_qty for o in trails if is_live(o)), ZERO)
    return bool(trails) and trailing < whole_down(owned_qty(book))
