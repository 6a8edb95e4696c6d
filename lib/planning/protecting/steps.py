"""What plans of protection are made of: cancel once a pass, wait, say which shares have no stop and who holds them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from lib.domain.actions import Action, Cancel, LookAgain, Update
from lib.domain.bodies import is_coin
from lib.domain.facts import BrokerOrder, Problem, Snapshot
from lib.domain.ids import is_ours
from lib.domain.money import text
from lib.domain.records import Order
from lib.planning.books import TradeBook, covered_qty, exits, is_live, owned_qty
from lib.planning.context import Context
from lib.planning.terms import closing_verb

Step = tuple[tuple[Action, ...], tuple[Problem, ...]]
NOTHING: Step = ((), ())

LAST_LOOK = timedelta(minutes=20)
"""A look that comes less than this before the open is the last one before it: the next is at the open."""


def trades_now(symbol: str, context: Context) -> bool:
    """Say whether an order in a symbol can fill or be cancelled now: coins trade round the clock."""
    return is_coin(symbol) or context.session is not None


def is_due_later(context: Context) -> bool:
    """Say whether another look will come before shares without a stop can lose anything: there is no session on."""
    opens = min((hours.open for hours in context.calendar if hours.open > context.now), default=None)
    return context.session is None and opens is not None and opens - context.now > LAST_LOOK


def cancel(order: Order, context: Context, why: str) -> Step:
    """Ask for the end of one order, once a pass; then wait for it, where there is anything to wait for."""
    asked = order.cancel_requested_at
    if asked is not None and asked >= context.pass_started_at:
        if not trades_now(order.symbol, context):
            return NOTHING
        return (LookAgain(why=f"{order.client_order_id}: cancel requested", symbol=order.symbol),), ()
    return (Cancel(order=order, why=why, symbol=order.symbol),), ()


def wait(book: TradeBook, context: Context, why: str, *, cause: str | None = None) -> Step:
    """Look again in the next round, and say what is uncovered should the broker stay silent."""
    qty = owned_qty(book) - covered_qty(book.orders)
    problems = () if qty <= 0 else (uncovered(book, qty, why, cause=cause),)
    if not trades_now(book.trade.symbol, context):
        return (), problems  # outside the session nothing settles before the open
    return (LookAgain(why=why, symbol=book.trade.symbol),), problems


def held_back(book: TradeBook, qty: Decimal, snapshot: Snapshot, context: Context, namespace: str) -> Step:
    """Wait for shares that other orders hold; name the one that is not ours, if one is."""
    foreign = not_ours(book, snapshot, namespace, closes=True)
    if foreign is None:
        return wait(book, context, "the broker holds the shares for other orders", cause="broker_pending_cancel")
    why = f"the order {foreign.client_order_id}, which is not ours, holds the shares"
    return (), (uncovered(book, qty, why, cause="foreign_order"),)


def not_ours(book: TradeBook, snapshot: Snapshot, namespace: str, *, closes: bool) -> BrokerOrder | None:
    """Find a live order that somebody else sent, of the side that closes the trade or of the other."""
    mine = {o.alpaca_order_id for o in book.orders}
    for order in snapshot.live:
        if order.symbol != book.trade.symbol or (order.side == closing_verb(book.trade)) is not closes:
            continue
        if order.id not in mine and not is_ours(order.client_order_id, namespace):
            return order
    return None


def uncovered(book: TradeBook, qty: Decimal, why: str, *, cause: str | None = None) -> Problem:
    """Say which shares have no stop and why; `cause` is one that the broker imposes, of the closed list."""
    trade = book.trade
    unit = "coins" if is_coin(trade.symbol) else "shares"
    return Problem(
        code="UNCOVERED",
        message=f"trade {trade.id} {trade.symbol}: {text(qty)} {unit} without a stop: {why}",
        symbol=trade.symbol,
        uncovered_qty=qty,
        cause=cause,
    )


def tops(book: TradeBook) -> tuple[Order, ...]:
    """Return the trade's live exits that a cancel may name: parents, and what lives on under one that has ended."""
    living = {o.id for o in exits(book) if is_live(o)}
    return tuple(o for o in exits(book) if o.id in living and o.parent_id not in living)


def update(order: Order, values: Mapping[str, object]) -> Update:
    """Return new values for an order's row."""
    return Update(table="order_execution", id=order.id, version=order.version, values=values)
