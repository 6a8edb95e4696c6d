"""How one order ends or goes on, and what that does to the others of its group.

A bracket or OTO is an entry and its exits. The exits wait, `held`, until the entry has filled whole; then the target
goes out and the stop stays `held` beside it until it elects, as in an OCO. An entry that ends any other way takes its
waiting exits with it, and what it had filled stands without cover.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from lib.paper_broker.exchange.records import ENTERING, NEVER, Releasing, Role, Status, TimeInForce
from lib.paper_broker.exchange.rules import seconds

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.engine import Exchange
    from lib.paper_broker.exchange.records import Order

BEFORE_THE_VENUE = frozenset({Status.ACCEPTED, Status.PENDING_NEW})
BOTH_LEGS_FILL_FOR = timedelta(minutes=1)


def next_instant(exchange: Exchange) -> datetime | None:
    """Return when the clock alone next changes a live order, or frees the shares of a canceled one."""
    book = exchange.book
    orders = min((at for order in book.live() for at in _instants(order)), default=None)
    releases = min((part.due for part in book.account.releasing), default=None)
    return min((at for at in (orders, releases) if at is not None), default=None)


def _instants(order: Order) -> tuple[datetime, ...]:
    if order.waiting:
        return ()  # it goes with its entry
    instants = [order.works_from] if order.status in BEFORE_THE_VENUE else []
    if order.cancel_at is not None:
        instants.append(order.cancel_at)
    if not _aging(order):
        instants.append(order.expires_at)
    return tuple(instants)


def _aging(order: Order) -> bool:
    """Say whether the cancel that a GTC order would get at the end of its life has been asked for already."""
    return order.time_in_force is TimeInForce.GTC and order.status is Status.PENDING_CANCEL


def pass_instant(exchange: Exchange, at: datetime) -> None:
    """Do what is due by the clock alone: cancels, expiries, openings, releases."""
    book = exchange.book
    for known in book.live():
        # What was done to another of its group may have changed it.
        order = book.order(known.id)
        if order is not None and order.live and not order.waiting:
            _pass(exchange, order, at)
    _release(book, at)


def _pass(exchange: Exchange, order: Order, at: datetime) -> None:
    book = exchange.book
    if order.cancel_at is not None and order.cancel_at <= at:
        due = [member for member in members(book, order) if member.cancel_at is not None and member.cancel_at <= at]
        cancel_now(exchange, due, at)
    elif order.expires_at <= at and not _aging(order):
        _expire(exchange, order, at)
    elif order.status in BEFORE_THE_VENUE and order.works_from <= at:
        book.put(replace(order, status=Status.NEW, updated_at=at))
        # At an opening the first price is still to come; in the session the one that holds is there to be met.
        if order.status is Status.PENDING_NEW:
            exchange.arrive([order.id], at)


def _expire(exchange: Exchange, order: Order, at: datetime) -> None:
    """End the day of an order; a GTC order that is too old gets a cancel instead, as Alpaca's documents have it."""
    book = exchange.book
    if order.time_in_force is TimeInForce.GTC:
        withdraw(exchange, order, at)
        return
    if order.time_in_force is TimeInForce.CLS:
        exchange.meet_close(order, at)
        order = book.order(order.id) or order
    if order.live:
        over(book, order, Status.EXPIRED, at)


# Ends


def end(book: Book, order: Order, status: Status, at: datetime) -> None:
    """End an order that did not fill whole."""
    book.put(
        replace(
            order,
            status=status,
            updated_at=at,
            canceled_at=at if status is Status.CANCELED else None,
            expired_at=at if status is Status.EXPIRED else None,
            failed_at=at if status is Status.REJECTED else None,
            cancel_at=None,
            replace_at=None,
        )
    )


def over(book: Book, order: Order, status: Status, at: datetime) -> None:
    """End an order and, with an entry, the exits that wait for it; no source says that they too would expire."""
    end(book, order, status, at)
    for sibling in siblings(book, order):
        if sibling.waiting:
            end(book, sibling, Status.CANCELED, at)


def withdraw(exchange: Exchange, order: Order, at: datetime) -> None:
    """Ask the venue to cancel an order and its whole group, which it may do only later.

    Exits that wait for their entry never left the broker: they go when the entry goes, and come into force if it fills
    first (no source).
    """
    group = members(exchange.book, order)
    # What was sent between sessions is not with the venue yet.
    asks = group[0].status is not Status.ACCEPTED
    done_at = answered_at(exchange, group[0], at, exchange.rules.cancel_latency_s) if asks else at
    if done_at <= at:
        cancel_now(exchange, group, at)
        return
    for member in group:
        if not member.waiting:
            exchange.book.put(replace(member, status=Status.PENDING_CANCEL, cancel_at=done_at, updated_at=at))


def answered_at(exchange: Exchange, order: Order, at: datetime, latency_s: Decimal) -> datetime:
    """Return when the venue has done what it is asked to do with an order that it has.

    Outside the hours in which the order trades nobody answers before they begin again; that a replacement waits for
    them too has no source.
    """
    market = exchange.market
    hours = market.hours.of(order.symbol)
    day = market.extended_day(exchange.book.account, order.symbol, at) if order.extended_hours else None
    if hours.at(at) or (day is not None and day.open <= at):
        return at + seconds(latency_s)
    return day.open if day is not None else hours.next_after(at).open


def cancel_now(exchange: Exchange, group: list[Order], at: datetime) -> None:
    """Cancel members of one group; the shares that they stood for may be free only later."""
    book, lag = exchange.book, exchange.rules.release_lag_s
    standing = [member for member in group if not member.waiting]
    traded = any(member.status is Status.FILLED and not is_entry(member) for member in book.group(group[0]))
    for member in group:
        current = book.order(member.id) or member
        if current.live:
            over(book, current, Status.CANCELED, at)
    if lag and standing and not traded:
        most = max(standing, key=lambda member: member.remaining)
        part = Releasing(due=at + seconds(lag), symbol=most.symbol, side=most.side, qty=most.remaining)
        book.account = replace(book.account, releasing=(*book.account.releasing, part))


def _release(book: Book, at: datetime) -> None:
    left = tuple(part for part in book.account.releasing if part.due > at)
    if left != book.account.releasing:
        book.account = replace(book.account, releasing=left)


# Fills


def filled(exchange: Exchange, order: Order, at: datetime) -> None:
    """Let the exits of an entry that filled whole go out; keep exits to the shares that are left."""
    book = exchange.book
    if is_entry(order):
        if order.status is Status.FILLED:
            _send_exits(book, order, at)
        return
    for sibling in siblings(book, order):
        if order.status is Status.FILLED:
            _end_other_exit(exchange, sibling, order, at)
        else:
            _resize_other_exit(exchange, sibling, order, at)


def _send_exits(book: Book, entry: Order, at: datetime) -> None:
    waiting = [leg for leg in siblings(book, entry) if leg.waiting]
    for leg in waiting:
        # A stop beside a target stays held until it elects (forum 3697); alone, it has nothing to wait for (no source).
        held = leg.role is Role.STOP_LOSS and len(waiting) > 1
        status = Status.HELD if held else Status.NEW
        book.put(replace(leg, status=status, works_from=at, updated_at=at))


def _end_other_exit(exchange: Exchange, other: Order, done: Order, at: datetime) -> None:
    book, rules = exchange.book, exchange.rules
    # A stop that stays held for ever cannot fill.
    if rules.oco_both_legs_may_fill and not other.waiting:
        until = at + BOTH_LEGS_FILL_FOR
        book.put(replace(other, status=Status.PENDING_CANCEL, cancel_at=until, updated_at=at))
    elif rules.oco_target_ends_replaced and done.role is Role.STOP_LOSS:
        end(book, replace(other, replaced_at=at, replaced_by=done.id), Status.REPLACED, at)
    else:
        end(book, other, Status.CANCELED, at)


def _resize_other_exit(exchange: Exchange, other: Order, partly: Order, at: datetime) -> None:
    book, rules = exchange.book, exchange.rules
    stop_filled = partly.role is Role.STOP_LOSS
    if stop_filled and rules.oco_stop_cancels_target:
        end(book, other, Status.CANCELED, at)
    elif not stop_filled and not rules.oco_stop_follows_target:
        book.put(replace(other, works_from=NEVER))
    else:
        book.put(replace(other, qty=other.filled_qty + partly.remaining, updated_at=at))


# Groups


def is_entry(order: Order) -> bool:
    """Say whether an order is the entry of a bracket or OTO."""
    return order.order_class in ENTERING and order.parent_id is None


def members(book: Book, order: Order) -> list[Order]:
    """Return the live members of an order's group, the parent first."""
    return [member for member in book.group(order) if member.live]


def siblings(book: Book, order: Order) -> list[Order]:
    """Return the other live members of an order's group."""
    return [member for member in book.group(order) if member.id != order.id and member.live]
