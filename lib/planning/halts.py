"""Halts: which control binds a symbol, and what HALTED does to entries that rest at the broker.

No event is needed for it: as long as a halt is in force, each look cancels what it finds resting, whoever halted,
whenever the order arrived. What has filled by then is a position and is covered like any other.
"""

from __future__ import annotations

from collections.abc import Sequence

from lib.domain.actions import Action, Cancel, LookAgain, RowChange, Update
from lib.domain.records import Control, Order
from lib.domain.states import PENDING, PENDING_CANCEL, PENDING_REPLACE, ControlState, TradeStatus
from lib.planning.books import TradeBook, entries, live
from lib.planning.context import Context

CANCEL_ASKED = "cancel asked because"
"""How a trade's note begins from the request to the end of its entry; booking keeps the reason."""


def strictness(state: str) -> int:
    """Rank the states of a control, loosest first; a word that nobody knows counts as HALTED."""
    known = list(ControlState)
    return known.index(ControlState(state)) if state in known else known.index(ControlState.HALTED)


def halts(control: Control | None) -> bool:
    """Say whether a control cancels resting entries."""
    return control is not None and strictness(control.state) == strictness(ControlState.HALTED)


def is_halted(control: Control | None) -> bool:
    """Say whether a control stops at least what HALTED stops: nothing is left to halt there."""
    return control is not None and strictness(control.state) >= strictness(ControlState.HALTED)


def in_force(controls: Sequence[Control], symbol: str) -> Control | None:
    """Return the strictest control that binds `symbol`; None if nothing does."""
    binding = [
        c
        for c in controls
        if c.state != ControlState.ACTIVE and (not c.scope.startswith("symbol:") or c.scope.endswith(f":{symbol}"))
    ]
    return max(binding, key=lambda c: strictness(c.state), default=None)


def in_words(control: Control) -> str:
    """Say what binds and why."""
    return f"{control.scope} is {control.state}: {control.reason or 'no reason given'}"


def cancel_halted_entries(book: TradeBook, controls: Sequence[Control], context: Context) -> tuple[Action, ...]:
    """Cancel the entries of a trade that rest at the broker while its symbol is halted."""
    control = in_force(controls, book.trade.symbol)
    if control is None or not halts(control) or book.trade.status in {TradeStatus.CLOSED, TradeStatus.CANCELLED}:
        return ()
    return tuple(step for order in live(entries(book)) for step in _cancel(order, book, in_words(control), context))


def _cancel(order: Order, book: TradeBook, why: str, context: Context) -> tuple[Action, ...]:
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
    return (Cancel(order=order, why=why, symbol=order.symbol, intent=_noted(book, f"{CANCEL_ASKED} {why}")),)


def _noted(book: TradeBook, note: str) -> tuple[RowChange, ...]:
    trade = book.trade
    if trade.note == note:
        return ()
    return (Update(table="trade_journal", id=trade.id, version=trade.version, values={"note": note}),)
