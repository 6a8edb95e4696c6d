"""Whether an order may enter the book.

The checks come in this order, the first that fails answers: the asset, the client_order_id, ticks, what the order
means for the position, prices against the market, wash trades, shares or cash at hand. A request refused here leaves
no trace: its client_order_id is not burnt.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.money import CENT, is_on_tick, text
from lib.paper_broker.exchange import holdings
from lib.paper_broker.exchange.records import Kind, OrderClass, Side
from lib.paper_broker.exchange.refusal import MALFORMED, UNPROCESSABLE, Refusal, forbidden, sub_penny, unprocessable
from lib.paper_broker.exchange.wash import check_wash

if TYPE_CHECKING:
    from datetime import datetime

    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.market import Market, Quote
    from lib.paper_broker.exchange.rules import Rules
    from lib.paper_broker.exchange.ticket import Ticket

ZERO = Decimal(0)
DEAR = Decimal(50)
BUY_STOP_SLACK_CHEAP, BUY_STOP_SLACK_DEAR = Decimal("1.04"), Decimal("1.025")


def check(book: Book, market: Market, rules: Rules, ticket: Ticket, now: datetime) -> None:
    """Refuse an order that may not enter."""
    quote = market.quote(book.account, ticket.symbol, now)
    _check_asset(market, ticket)
    _check_client_order_id(book, ticket)
    _check_ticks(ticket)
    _check_intent(book, ticket)
    if ticket.order_class is OrderClass.OCO:
        _check_oco(book, ticket, quote)
    _check_stop(ticket, quote)
    check_wash(book, rules, ticket)
    if ticket.side is Side.SELL:
        _check_shares(book, ticket)
    else:
        _check_cash(book, ticket, quote)


def inferred_intent(book: Book, ticket: Ticket) -> str:
    """Return what an order does to the position that the account shows."""
    if ticket.side is Side.BUY:
        return "buy_to_open"
    return "sell_to_close" if holdings.booked_qty(book, ticket.symbol) > 0 else "sell_to_open"


def reserve_price(ticket: Ticket, quote: Quote | None) -> Decimal:
    """Return what a buy sets aside per share: its limit, the cap of its stop, else the ask."""
    if ticket.limit_price is not None:
        return ticket.limit_price
    if ticket.stop_price is not None:
        return buy_stop_cap(ticket.stop_price)
    return (quote.ask or quote.bid) if quote else ZERO


def buy_stop_cap(stop_price: Decimal) -> Decimal:
    """Return the most that an elected buy stop pays: Alpaca turns it into a stop limit."""
    return stop_price * (BUY_STOP_SLACK_DEAR if stop_price >= DEAR else BUY_STOP_SLACK_CHEAP)


def _check_asset(market: Market, ticket: Ticket) -> None:
    if ticket.symbol not in market.symbols:
        raise unprocessable(f'asset "{ticket.symbol}" not found')
    flags = market.flags(ticket.symbol)
    if flags.get("status", "active") != "active":
        raise unprocessable(f"asset {ticket.symbol} is not active")
    if not flags.get("tradable", True):
        raise unprocessable(f'asset "{ticket.symbol}" is not tradable')
    if not flags.get("fractionable", True) and ticket.qty % 1 != 0:
        raise forbidden(f'asset "{ticket.symbol}" is not fractionable')


def _check_client_order_id(book: Book, ticket: Ticket) -> None:
    earlier = book.by_client_id(ticket.client_order_id) if ticket.client_order_id else None
    if earlier is not None:
        raise Refusal(422, UNPROCESSABLE if earlier.live else MALFORMED, "client_order_id must be unique")


def _check_ticks(ticket: Ticket) -> None:
    prices = (
        ("limit_price", ticket.limit_price),
        ("stop_price", ticket.stop_price),
        ("take_profit.limit_price", ticket.take_profit_price),
        ("stop_loss.stop_price", ticket.stop_loss_price),
    )
    for name, price in prices:
        if price is not None and not is_on_tick(price):
            raise sub_penny(name, price)


def _check_intent(book: Book, ticket: Ticket) -> None:
    inferred = inferred_intent(book, ticket)
    # An OCO without a position is answered by its own rule.
    if ticket.position_intent not in (None, inferred) and ticket.order_class is OrderClass.SIMPLE:
        message = f"position intent mismatch, inferred: {inferred}, specified: {ticket.position_intent}"
        raise unprocessable(message)


def _check_oco(book: Book, ticket: Ticket, quote: Quote | None) -> None:
    if ticket.side is not Side.SELL or holdings.booked_qty(book, ticket.symbol) <= 0:
        raise unprocessable("oco orders must be exit orders")
    base = quote.bid if quote else ZERO
    target, stop = ticket.take_profit_price or ZERO, ticket.stop_loss_price or ZERO
    if not base:
        return
    if target < base + CENT:
        raise unprocessable("take_profit.limit_price must be >= base_price + 0.01", base_price=text(base))
    if stop > base - CENT:
        raise unprocessable("stop_loss.stop_price must be <= base_price - 0.01", base_price=text(base))


def _check_stop(ticket: Ticket, quote: Quote | None) -> None:
    """Refuse a stop that is already breached: it is not triggered, it is refused."""
    if ticket.kind is not Kind.STOP or ticket.stop_price is None or quote is None:
        return
    price = quote.bid if ticket.side is Side.SELL else quote.ask
    if not price:
        return
    extra = {"market_price": text(price), "stop_price": text(ticket.stop_price)}
    if ticket.side is Side.SELL and ticket.stop_price >= price:
        raise unprocessable("stop price must be less than current price", **extra)
    if ticket.side is Side.BUY and ticket.stop_price <= price:
        raise unprocessable("stop price must be greater than current price", **extra)


def _check_shares(book: Book, ticket: Ticket) -> None:
    existing = holdings.booked_qty(book, ticket.symbol)
    if existing <= 0:
        raise forbidden("account is not allowed to short")
    available = holdings.available_qty(book, ticket.symbol)
    if ticket.qty <= available:
        return
    raise forbidden(
        f"insufficient qty available for order (requested: {text(ticket.qty)}, available: {text(available)})",
        available=text(available),
        existing_qty=text(existing),
        held_for_orders=text(holdings.held_for_orders(book, ticket.symbol)),
        related_orders=[order.id for order in holdings.selling(book, ticket.symbol)],
        symbol=ticket.symbol,
    )


def _check_cash(book: Book, ticket: Ticket, quote: Quote | None) -> None:
    cost, power = ticket.qty * reserve_price(ticket, quote), holdings.buying_power(book)
    if cost > power:
        raise forbidden("insufficient buying power", buying_power=text(power), cost_basis=text(cost))
