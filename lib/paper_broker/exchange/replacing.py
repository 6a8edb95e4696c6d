"""A replacement: a new order takes the place of an old one, at once or only after a while.

Until then the old one is `pending_replace` and may still fill, the new one is `pending_new`, and the larger of the two
is what the account sets aside. If the old one ends first, the new one is `rejected`. The quantity of the new order is
that of the whole chain: what has filled already counts, and its `filled_qty` begins with it, as in FIX. Of Alpaca the
first part is documented (`qty must be > filled_qty`); the second is one user's report of 2026, and nobody else's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lib.domain.money import ZERO
from lib.paper_broker.exchange import admission, funds, holdings, levels, lifecycle, margin, matching, opening, wash
from lib.paper_broker.exchange.amendment import amend, ticket_of
from lib.paper_broker.exchange.records import NEVER, Kind, OrderClass, Role, Status
from lib.paper_broker.exchange.refusal import unprocessable
from lib.paper_broker.exchange.rules import seconds

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from lib.paper_broker.exchange.amendment import Amendment
    from lib.paper_broker.exchange.book import Book
    from lib.paper_broker.exchange.engine import Exchange
    from lib.paper_broker.exchange.records import Order

REPLACEABLE = frozenset({Status.NEW, Status.PARTIALLY_FILLED, Status.HELD})


def replace_order(exchange: Exchange, order: Order, wanted: Amendment) -> Order:
    """Take a replacement of an order, or refuse it; return the new order before the market has seen it."""
    book, now = exchange.book, exchange.now
    _check_status(exchange, order)
    amended = amend(order, wanted)
    if order.order_class is OrderClass.OTO and not exchange.rules.oto_replaceable:
        # No source for the wording; the docs say that it is not supported yet.
        raise unprocessable("order replacement is not supported for oto orders")
    admission.check_client_order_id(book, wanted.client_order_id)
    _check(exchange, order, amended)
    heir = _heir(exchange, order, amended, wanted.client_order_id)
    book.put(heir)
    book.put(replace(order, status=Status.PENDING_REPLACE, replaced_by=heir.id, updated_at=now))
    pass_instant(exchange, now)
    taken = book.order(heir.id) or heir
    if taken.status is not Status.PENDING_NEW:
        exchange.arrive([taken.id], now)
    return taken


def next_instant(exchange: Exchange) -> datetime | None:
    """Return when the next replacement that was taken is done."""
    return min((order.replace_at for order in exchange.book.live() if order.replace_at is not None), default=None)


def pass_instant(exchange: Exchange, at: datetime) -> None:
    """Do the replacements that are due."""
    book = exchange.book
    for heir in book.live():
        if heir.replace_at is None or heir.replace_at > at:
            continue
        old = book.order(heir.replaces) if heir.replaces else None
        if old is None:
            continue
        if old.status is Status.PENDING_REPLACE and old.filled_qty < heir.qty:
            _take_over(exchange, old, heir, at)
            if heir.replace_at > heir.created_at:
                exchange.arrive([heir.id], at)
        else:
            _reject(book, old, heir, at)


def _check_status(exchange: Exchange, order: Order) -> None:
    if order.status is Status.REPLACED:
        raise unprocessable("order already replaced")
    if order.status is Status.PENDING_REPLACE:
        raise unprocessable("order already pending replacement")
    members = exchange.book.group(order)
    if order.replace_at is not None or any(member.status is Status.PENDING_REPLACE for member in members):
        # That the others of a group are locked is a user's; that they are answered with this has no source.
        raise unprocessable("order chain not fully replaced")
    if order.status not in REPLACEABLE:
        raise unprocessable(f"cannot replace order in {order.status} status")
    if order.notional is not None:
        # No source for the wording; the docs have the rule.
        raise unprocessable("notional orders cannot be replaced")


def _check(exchange: Exchange, order: Order, amended: Order) -> None:
    """Put the new order through what a request for it would have met, but for what it keeps of the old one."""
    book, market, rules, now = exchange.book, exchange.market, exchange.rules, exchange.now
    quote = holdings.quote(book, market, order.symbol, now)
    asset = margin.asset_of(book, market, order.symbol)
    ticket = ticket_of(amended, amended.qty, book.orders(order.leg_ids))
    if order.order_class is OrderClass.SIMPLE:
        admission.check_combination(rules, ticket, asset)
        admission.check_size(ticket, asset, quote)
    admission.check_ticks(ticket, asset)
    if amended.time_in_force is not order.time_in_force:
        admission.check_auction(rules, amended.time_in_force, now)
    if lifecycle.is_entry(order):
        levels.check_legs(ticket, quote)
    elif order.order_class is not OrderClass.SIMPLE:
        levels.check_order_of_legs(order.side, *_exit_prices(book, amended))
    if not order.waiting and amended.stop_price != order.stop_price:
        levels.check_stop(order.kind, order.side, amended.stop_price, quote)
    wash.check_wash(book, rules, ticket)
    if order.position_intent.endswith("_to_open") or amended.qty > order.qty:
        asked = ticket_of(amended, amended.remaining, [])
        funds.check_funds(book, market, rules, asked, now, replacing=order)


def _exit_prices(book: Book, amended: Order) -> tuple[Decimal | None, Decimal | None]:
    """Return the take-profit's limit and the stop-loss's stop of an exit's group, one of them amended."""
    target = stop = None
    for known in book.group(amended):
        member = amended if known.id == amended.id else known
        if lifecycle.is_entry(member):
            continue
        if member.role is Role.STOP_LOSS:
            stop = member.stop_price
        else:
            target = member.limit_price
    return target, stop


def _heir(exchange: Exchange, order: Order, amended: Order, client_order_id: str | None) -> Order:
    book, market, now = exchange.book, exchange.market, exchange.now
    order_id, seq = book.next_id("order")
    ticket = ticket_of(amended, amended.qty, [])
    life = opening.life(exchange, ticket)
    opens = order.position_intent.endswith("_to_open")
    return replace(
        amended,
        id=order_id,
        seq=seq,
        client_order_id=client_order_id or opening.made_client_id(order_id),
        status=Status.PENDING_NEW,
        created_at=now,
        updated_at=now,
        works_from=NEVER,
        expires_at=life.expires_at,
        evaluations=0,
        reserve_price=funds.reserve_price(book, market, ticket, now) if opens else ZERO,
        leg_ids=(),
        replaces=order.id,
        replace_at=_done_at(exchange, order),
        earlier=(),
    )


def _done_at(exchange: Exchange, order: Order) -> datetime:
    """Return when a replacement is done; that of a leg that waits for its entry is the broker's own affair."""
    now, latency_s = exchange.now, exchange.rules.replace_latency_s
    return now + seconds(latency_s) if order.waiting else lifecycle.answered_at(exchange, order, now, latency_s)


def _take_over(exchange: Exchange, old: Order, heir: Order, at: datetime) -> None:
    """Let the new order go on from where the old one stands, in the old one's place in its group."""
    book = exchange.book
    status = Status.PARTIALLY_FILLED if old.filled_qty else Status.NEW
    if old.waiting or _is_held(book, old):
        status = Status.HELD
    trails = heir.kind is Kind.TRAILING_STOP
    heir = replace(
        heir,
        status=status,
        works_from=old.works_from,
        # Of a group no quantity is replaced; what another member filled meanwhile has made it smaller.
        qty=heir.qty if old.order_class is OrderClass.SIMPLE else old.qty,
        filled_qty=old.filled_qty,
        filled_notional=old.filled_notional,
        elected_at=old.elected_at if trails or heir.stop_price == old.stop_price else None,
        leg_ids=old.leg_ids,
        replace_at=None,
        updated_at=at,
    )
    if trails and old.hwm is not None:
        heir = matching.trail(replace(heir, hwm=None), old.hwm)
    book.put(heir)
    book.put(replace(old, status=Status.REPLACED, replaced_at=at, leg_ids=(), updated_at=at))
    for leg in book.orders(heir.leg_ids):
        book.put(replace(leg, parent_id=heir.id))
    parent = book.order(heir.parent_id) if heir.parent_id else None
    if parent is not None:
        legs = tuple(heir.id if leg_id == old.id else leg_id for leg_id in parent.leg_ids)
        # A list that lags shows the legs it had.
        book.put(replace(parent, leg_ids=legs, updated_at=at))


def _is_held(book: Book, old: Order) -> bool:
    """Say whether a stop is held beside a take-profit, and has not elected."""
    beside = [other for other in lifecycle.siblings(book, old) if not lifecycle.is_entry(other)]
    return old.role is Role.STOP_LOSS and old.elected_at is None and bool(beside)


def _reject(book: Book, old: Order, heir: Order, at: datetime) -> None:
    lifecycle.end(book, replace(heir, filled_qty=ZERO, filled_notional=ZERO), Status.REJECTED, at)
    status = Status.PARTIALLY_FILLED if old.status is Status.PENDING_REPLACE else old.status
    book.put(replace(old, status=status, replaced_by=None, updated_at=at))
