"""From a request to the orders that enter the book: one, or a group with its legs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from lib.domain.money import ZERO
from lib.paper_broker.exchange import funds, holdings, matching
from lib.paper_broker.exchange.assets import AssetClass
from lib.paper_broker.exchange.hours import NEW_YORK
from lib.paper_broker.exchange.records import NEVER, Kind, Order, OrderClass, Role, Status, TimeInForce
from lib.paper_broker.exchange.rules import seconds
from lib.paper_broker.exchange.ticket import quantity

if TYPE_CHECKING:
    from lib.paper_broker.exchange.engine import Exchange
    from lib.paper_broker.exchange.ticket import Ticket

GTC_DAYS = 90
AGED_AT = time(16, 15)  # in New York


def make_orders(exchange: Exchange, ticket: Ticket) -> list[Order]:
    """Make the orders of a request that was let in, the group's first order first."""
    if ticket.order_class is OrderClass.OCO:
        return _oco(exchange, ticket)
    first = _order(exchange, ticket)
    return [first] if ticket.order_class is OrderClass.SIMPLE else _with_exits(exchange, ticket, first)


def _order(exchange: Exchange, ticket: Ticket) -> Order:
    book, now, market = exchange.book, exchange.now, exchange.market
    order_id, seq = book.next_id("order")
    quote = holdings.quote(book, market, ticket.symbol, now)
    begun = life(exchange, ticket)
    order = Order(
        id=order_id,
        seq=seq,
        client_order_id=ticket.client_order_id or made_client_id(order_id),
        symbol=ticket.symbol,
        asset_class=AssetClass.CRYPTO if "/" in ticket.symbol else AssetClass.US_EQUITY,
        side=ticket.side,
        kind=ticket.kind,
        order_class=ticket.order_class,
        time_in_force=ticket.time_in_force,
        extended_hours=ticket.extended_hours,
        position_intent=ticket.position_intent or funds.inferred_intent(book, ticket),
        qty=quantity(ticket, quote),
        notional=ticket.notional,
        status=begun.status,
        created_at=now,
        updated_at=now,
        works_from=begun.works_from,
        expires_at=begun.expires_at,
        limit_price=ticket.limit_price,
        stop_price=ticket.stop_price,
        trail_price=ticket.trail_price,
        trail_percent=ticket.trail_percent,
        reserve_price=funds.reserve_price(book, market, ticket, now),
    )
    price = (quote.bid or quote.ask) if quote else None
    return matching.trail(order, price) if order.kind is Kind.TRAILING_STOP and price else order


@dataclass(frozen=True, slots=True)
class Life:
    """How an order begins and when it ends."""

    status: Status
    works_from: datetime
    expires_at: datetime


def life(exchange: Exchange, ticket: Ticket) -> Life:
    """Return how an order sent now begins, and when it ends."""
    now, latency = exchange.now, exchange.rules.ack_latency_s
    opens, closes = _first_day(exchange, ticket)
    if ticket.time_in_force is TimeInForce.GTC:
        closes = _aged(now)
    if opens > now:
        return Life(Status.ACCEPTED, opens, closes)
    if latency:
        return Life(Status.PENDING_NEW, now + seconds(latency), closes)
    return Life(Status.NEW, now, closes)


def _first_day(exchange: Exchange, ticket: Ticket) -> tuple[datetime, datetime]:
    """Return when the day begins on which an order sent now may first work, and when that day is over."""
    market, now = exchange.market, exchange.now
    hours = market.hours.of(ticket.symbol)
    if ticket.extended_hours and not hours.always_open:
        day = market.extended_day(exchange.book.account, ticket.symbol, now)
    elif ticket.time_in_force is TimeInForce.OPG:
        day = hours.next_after(now)
    else:
        day = hours.lives_in(now)
    return day.open, day.close


def _aged(now: datetime) -> datetime:
    """Return when a GTC order is too old: Alpaca asks for its cancel at 16:15 in New York, 90 days on."""
    day = now.astimezone(NEW_YORK).date() + timedelta(days=GTC_DAYS)
    return datetime.combine(day, AGED_AT, NEW_YORK).astimezone(now.tzinfo)


def _oco(exchange: Exchange, ticket: Ticket) -> list[Order]:
    """Make an OCO: the parent is the take-profit limit, its leg the stop, held beside it."""
    parent = replace(_order(exchange, ticket), limit_price=ticket.take_profit_price, reserve_price=ZERO)
    leg = _leg(exchange, ticket, parent, Role.STOP_LOSS)
    return [replace(parent, leg_ids=(leg.id,)), leg]


def _with_exits(exchange: Exchange, ticket: Ticket, entry: Order) -> list[Order]:
    """Give an entry its exits, which wait until it has filled whole; an OTO has one of the two."""
    wanted = {Role.TAKE_PROFIT: ticket.take_profit_price, Role.STOP_LOSS: ticket.stop_loss_price}
    intent = {"buy_to_open": "sell_to_close", "sell_to_open": "buy_to_close"}
    exits = replace(
        entry,
        side=entry.side.opposite,
        position_intent=intent.get(entry.position_intent, entry.position_intent),
        works_from=NEVER,
        reserve_price=ZERO,
    )
    legs = [_leg(exchange, ticket, exits, role) for role, price in wanted.items() if price is not None]
    return [replace(entry, leg_ids=tuple(leg.id for leg in legs)), *legs]


def _leg(exchange: Exchange, ticket: Ticket, beside: Order, role: Role) -> Order:
    """Make a leg that is held: a limit for the profit, a stop or a stop limit for the loss."""
    leg_id, seq = exchange.book.next_id("order")
    stop = Kind.STOP if ticket.stop_loss_limit_price is None else Kind.STOP_LIMIT
    loss = role is Role.STOP_LOSS
    return replace(
        beside,
        id=leg_id,
        seq=seq,
        client_order_id=made_client_id(leg_id),
        kind=stop if loss else Kind.LIMIT,
        status=Status.HELD,
        limit_price=ticket.stop_loss_limit_price if loss else ticket.take_profit_price,
        stop_price=ticket.stop_loss_price if loss else None,
        parent_id=beside.id,
        role=role,
    )


def made_client_id(order_id: str) -> str:
    """Return the client_order_id that the broker makes for an order whose sender gave none."""
    return str(uuid5(UUID(order_id), "client"))
