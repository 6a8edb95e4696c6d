"""How an entry is ended before it has filled: by a halt, a CANCEL, a CLOSE, or an AMEND that sends another.

A cancel is a request: only the broker's terminal word ends an order, and what has filled by then is owned.
"""

from __future__ import annotations

from lib.domain.actions import Action, Cancel, LookAgain, RowChange, Update, Write
from lib.domain.hours import current
from lib.domain.limits import CONFIRM_MISSING
from lib.domain.records import Order
from lib.domain.states import PENDING, PENDING_CANCEL, PENDING_REPLACE, UNSENT, TradeStatus
from lib.planning.books import TradeBook, entries, live
from lib.planning.context import Context

CANCEL_ASKED = "cancel asked because"
"""How a trade's note begins from the request to the end of its entry; booking keeps the reason."""


def cancel_entry(order: Order, book: TradeBook, why: str, context: Context) -> tuple[Action, ...]:
    """Ask once a pass; an entry of unknown outcome is looked up first, one that is on its way out is left alone."""
    if order.alpaca_order_id is None or order.order_status == PENDING:
        return ()
    asked = order.cancel_requested_at
    if asked is not None and asked >= context.pass_started_at:
        if context.session is None:
            return ()  # outside the session nothing settles before the open
        return (LookAgain(why=f"{order.client_order_id}: cancel requested", symbol=order.symbol),)
    if order.order_status in {PENDING_CANCEL, PENDING_REPLACE}:
        return ()
    return (Cancel(order=order, why=why, symbol=order.symbol, intent=_noted(book, why)),)


def end_entry(order: Order, book: TradeBook, why: str, context: Context) -> tuple[Action, ...]:
    """Cancel an entry that is no longer wanted, or over; one that the broker never had is given up instead.

    Of an unknown outcome this look is the second 404: had the broker shown the order, booking would have adopted it.
    """
    if order.order_status != PENDING:
        return cancel_entry(order, book, why, context)
    if order.missing_at is None or context.now - order.missing_at < CONFIRM_MISSING:
        return ()
    gone = Update(
        table="order_execution",
        id=order.id,
        version=order.version,
        values={"order_status": UNSENT, "ended_at": context.now},
    )
    changes = (gone, *_noted(book, why))
    return (Write(changes=changes, why=f"{order.client_order_id}: never sent, and {why}", symbol=order.symbol),)


def cancel_strays(book: TradeBook, context: Context) -> tuple[Action, ...]:
    """Cancel day entries that reached the broker after the session they were meant for: it queues them for the next."""
    if book.trade.status not in {TradeStatus.ORDERED, TradeStatus.POSITION}:
        return ()
    strays = [o for o in live(entries(book)) if o.time_in_force == "day" and _is_queued(o, context)]
    why = "it reached the broker after the session it was meant for"
    return tuple(step for order in strays for step in cancel_entry(order, book, why, context))


def _is_queued(order: Order, context: Context) -> bool:
    meant_for = current(context.calendar, order.submitted_at or order.created_at)
    return meant_for is not None and order.expires_at is not None and order.expires_at > meant_for.close


def _noted(book: TradeBook, why: str) -> tuple[RowChange, ...]:
    trade, note = book.trade, f"{CANCEL_ASKED} {why}"
    if trade.note == note:
        return ()
    return (Update(table="trade_journal", id=trade.id, version=trade.version, values={"note": note}),)
