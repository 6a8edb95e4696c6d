"""What an order means for the position, and what it may spend: shares at hand, or buying power.

No order takes a position through zero: a sell closes shares or, without any, sells short; a buy covers a short or,
without one, opens. What is more than the position is refused (Alpaca-API#90, alpaca-trade-api-python#129).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from lib.domain.money import ZERO, text
from lib.paper_broker.exchange import holdings, margin
from lib.paper_broker.exchange.assets import DOLLARS
from lib.paper_broker.exchange.hours import Phase
from lib.paper_broker.exchange.records import OrderClass, Side, TimeInForce
from lib.paper_broker.exchange.refusal import Refusal, forbidden, unprocessable
from lib.paper_broker.exchange.ticket import quantity

if TYPE_CHECKING:
    from datetime import datetime

    from lib.paper_broker.exchange.assets import Asset
    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.margin import Power
    from lib.paper_broker.exchange.market import Market
    from lib.paper_broker.exchange.records import Order
    from lib.paper_broker.exchange.rules import Rules
    from lib.paper_broker.exchange.ticket import Ticket

DEAR = Decimal(50)
BUY_STOP_SLACK_CHEAP, BUY_STOP_SLACK_DEAR = Decimal("1.04"), Decimal("1.025")
SHORT_SLACK = Decimal("1.03")
HARD_TO_BORROW = "hard_to_borrow"


def inferred_intent(book: Book, ticket: Ticket) -> str:
    """Return what an order does to the position that the account shows."""
    held = holdings.booked_qty(book, ticket.symbol)
    if ticket.side is Side.BUY:
        return "buy_to_close" if held < 0 else "buy_to_open"
    return "sell_to_close" if held > 0 else "sell_to_open"


def check_permission(book: Book, ticket: Ticket) -> None:
    """Refuse what the account's owner has ruled out."""
    set_up = book.account.configuration
    if set_up.suspend_trade:
        raise forbidden("new orders are rejected by user request")
    # Words and status as two clients have them; `qty must be integer` is what owners of paper accounts from before
    # there were fractions met (alpaca-py#499, #500).
    if not set_up.fractional_trading and ticket.fractional and "/" not in ticket.symbol:
        raise forbidden("fractional trading is disabled for this account")


def check_intent(book: Book, ticket: Ticket) -> None:
    """Refuse an order that means something else for the position than its sender says."""
    inferred = inferred_intent(book, ticket)
    # An OCO without a position is answered by its own rule.
    if ticket.position_intent not in (None, inferred) and ticket.order_class is OrderClass.SIMPLE:
        message = f"position intent mismatch, inferred: {inferred}, specified: {ticket.position_intent}"
        raise unprocessable(message)


def check_funds(
    book: Book, market: Market, rules: Rules, ticket: Ticket, now: datetime, *, replacing: Order | None = None
) -> None:
    """Refuse an order that the account cannot cover; what the one that it replaces has set aside is free for it."""
    asset = margin.asset_of(book, market, ticket.symbol)
    _check_day_only(asset, ticket)
    held = holdings.booked_qty(book, ticket.symbol)
    if held and ticket.side is holdings.closing_side(book, ticket.symbol):
        _check_shares(book, market, ticket, now, replacing)
        return
    if ticket.side is Side.SELL:
        _check_short(book, market, rules, ticket, now)
    power = margin.power(book, market, rules, now, without=replacing)
    _check_power(book, market, ticket, now, power)


def reserve_price(book: Book, market: Market, ticket: Ticket, now: datetime) -> Decimal:
    """Return what an order that opens a position sets aside per share; one that closes needs nothing.

    A buy: its limit, the cap of its stop, else the market price. A short sale: the larger of its limit and 3 % above
    the ask.
    """
    if inferred_intent(book, ticket).endswith("_to_close"):
        return ZERO
    if ticket.side is Side.SELL:
        return max(ticket.limit_price or ZERO, SHORT_SLACK * _market_price(book, market, ticket, now))
    if ticket.limit_price is not None:
        return ticket.limit_price
    if ticket.stop_price is not None:
        return buy_stop_cap(ticket.stop_price)
    return _market_price(book, market, ticket, now)


def buy_stop_cap(stop_price: Decimal) -> Decimal:
    """Return the most that an elected buy stop pays: Alpaca turns it into a stop limit."""
    return stop_price * (BUY_STOP_SLACK_DEAR if stop_price >= DEAR else BUY_STOP_SLACK_CHEAP)


def _check_day_only(asset: Asset, ticket: Ticket) -> None:
    """Refuse what may rest overnight and sells a stock that is hard to borrow, shares at hand or not.

    Users met it with GTC shorts and with GTC stops of what they held; that a group's exits count too has no source.
    """
    if asset.is_crypto or asset.borrow_status != HARD_TO_BORROW or ticket.time_in_force is TimeInForce.DAY:
        return
    if ticket.side is Side.SELL or ticket.order_class is not OrderClass.SIMPLE:
        raise unprocessable(f'only day orders are allowed for hard-to-borrow asset "{asset.symbol}"')


def _check_shares(book: Book, market: Market, ticket: Ticket, now: datetime, replacing: Order | None) -> None:
    """Refuse what is more than the part of the position that no other order has set aside."""
    asset = margin.asset_of(book, market, ticket.symbol)
    wanted = quantity(ticket, holdings.quote(book, market, ticket.symbol, now))
    available = holdings.available_qty(book, ticket.symbol, without=replacing)
    if wanted <= available:
        return
    if asset.is_crypto:
        raise _short_of(asset.symbol.split("/")[0], wanted, available, holdings.booked_qty(book, ticket.symbol))
    existing, held = (
        holdings.booked_qty(book, ticket.symbol),
        holdings.held_for_orders(book, ticket.symbol, without=replacing),
    )
    raise forbidden(
        f"insufficient qty available for order (requested: {text(wanted)}, available: {text(available)})",
        available=text(available),
        existing_qty=text(existing),
        # Of a short position both were seen below zero.
        held_for_orders=text(held if existing > 0 else -held),
        related_orders=[order.id for order, _ in holdings.closing(book, ticket.symbol, without=replacing)],
        symbol=ticket.symbol,
    )


def _check_short(book: Book, market: Market, rules: Rules, ticket: Ticket, now: datetime) -> None:
    """Refuse a short sale that the account, the stock or the quantity does not allow."""
    asset = margin.asset_of(book, market, ticket.symbol)
    if asset.is_crypto:
        wanted = quantity(ticket, holdings.quote(book, market, ticket.symbol, now))
        raise _short_of(asset.symbol.split("/")[0], wanted, ZERO, ZERO)
    if not margin.may_short(book, rules, margin.standing(book, market, rules, now)):
        raise forbidden("account is not allowed to short")
    # A stock that is hard to borrow needs a locate first; there are none here. The wording for it has no source.
    if not asset.shortable or asset.borrow_status == HARD_TO_BORROW:
        raise unprocessable(f'asset "{asset.symbol}" cannot be sold short')
    if ticket.fractional:
        raise unprocessable("fractional orders cannot be sold short")


def _check_power(book: Book, market: Market, ticket: Ticket, now: datetime, power: Power) -> None:
    """Refuse what costs more than the account can pay for."""
    asset = margin.asset_of(book, market, ticket.symbol)
    price, quote = reserve_price(book, market, ticket, now), holdings.quote(book, market, ticket.symbol, now)
    if quote is None and not price:
        # No source: before the first price nobody can say what it takes.
        raise unprocessable(f'no price for asset "{ticket.symbol}"')
    wanted = quantity(ticket, quote)
    cost = ticket.notional or wanted * price
    if asset.is_crypto:
        if cost > power.cash:
            raise _short_of(DOLLARS, cost, power.cash, book.account.cash)
        return
    left = power.buying_power if asset.marginable else power.cash
    needed = margin.order_margin(asset, ticket.side, wanted, price, power.multiplier)
    if needed > power.free or cost > left:
        raise forbidden("insufficient buying power", buying_power=text(left), cost_basis=text(cost))


def _short_of(currency: str, wanted: Decimal, available: Decimal, balance: Decimal) -> Refusal:
    """Refuse what a coin's account, or the money to pay for a coin, does not cover."""
    return forbidden(
        f"insufficient balance for {currency} (requested: {text(wanted)}, available: {text(available)})",
        available=text(available),
        balance=text(balance),
        symbol=currency,
    )


def _market_price(book: Book, market: Market, ticket: Ticket, now: datetime) -> Decimal:
    """Return the price an order without a limit is checked at: the ask, between sessions the last price.

    In the extended hours it is the middle of the quote. A short sale always goes by the ask. Where nobody bids or
    offers it is the latest close (no source).
    """
    quote = holdings.quote(book, market, ticket.symbol, now)
    if quote is None or not (quote.bid or quote.ask):
        return holdings.lastday_price(book, market, ticket.symbol, now) or ZERO
    phase = Phase.CORE if ticket.side is Side.SELL else market.hours.of(ticket.symbol).phase_at(now)
    if phase is Phase.CLOSED:
        return quote.bid or quote.ask
    if phase is Phase.CORE or not quote.bid or not quote.ask:
        return quote.ask or quote.bid
    return (quote.bid + quote.ask) / 2
