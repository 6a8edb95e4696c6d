"""Halts: which control binds a symbol, and what HALTED does to entries that rest at the broker.

No event is needed for it: as long as a halt is in force, each look cancels what it finds resting, whoever halted,
whenever the order arrived. What has filled by then is a position and is covered like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from lib.domain.actions import Action, Insert, RowChange, Update
from lib.domain.records import Control, Trade
from lib.domain.states import ControlState, TradeStatus
from lib.planning.books import TradeBook, entries, live
from lib.planning.context import Context
from lib.planning.protecting.cancelling import cancel_entry


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


def halt_symbol(controls: Sequence[Control], trade: Trade, reason: str, now: datetime) -> tuple[RowChange, ...]:
    """Return the change that halts a trade's symbol; nothing where it is halted already."""
    return halt(controls, trade.account, f"symbol:{trade.account}:{trade.symbol}", reason, now)


def halt(controls: Sequence[Control], account: str, scope: str, reason: str, now: datetime) -> tuple[RowChange, ...]:
    """Return the change that halts a scope of an account; nothing where it is halted already, or more."""
    known = next((c for c in controls if c.scope == scope), None)
    return () if is_halted(known) else _set(known, account, scope, _stop(ControlState.HALTED, reason, now))


def freeze(controls: Sequence[Control], account: str, reason: str, now: datetime) -> tuple[RowChange, ...]:
    """Return the change after which nothing of an account changes anything at the broker; a person resumes it."""
    scope = f"account:{account}"
    known = next((c for c in controls if c.scope == scope), None)
    if known is not None and known.state == ControlState.FROZEN:
        return ()
    return _set(known, account, scope, _stop(ControlState.FROZEN, reason, now))


def _stop(state: ControlState, reason: str, now: datetime) -> Mapping[str, object]:
    return {"state": state, "reason": reason, "since": now}


def _set(known: Control | None, account: str, scope: str, values: Mapping[str, object]) -> tuple[RowChange, ...]:
    if known is not None:
        return (Update(table="control", id=known.id, version=known.version, values=values),)
    return (Insert(table="control", values={"account": account, "scope": scope, **values}),)


def cancel_halted_entries(book: TradeBook, controls: Sequence[Control], context: Context) -> tuple[Action, ...]:
    """Cancel the entries of a trade that rest at the broker while its symbol is halted."""
    control = in_force(controls, book.trade.symbol)
    if control is None or not halts(control) or book.trade.status in {TradeStatus.CLOSED, TradeStatus.CANCELLED}:
        return ()
    why = in_words(control)
    return tuple(step for order in live(entries(book)) for step in cancel_entry(order, book, why, context))
