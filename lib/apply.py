"""The only place where effects happen. It never chooses: what to do is in the action.

Store first, broker second, store again: an order whose intent was not committed is never sent, and an
answer that never came leaves the row `pending`, which the next look resolves under the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from lib.domain.actions import Action, Cancel, LookAgain, Replace, Submit, Update, Write
from lib.domain.facts import Accepted, Outcome, Rejected
from lib.domain.money import ZERO, D
from lib.domain.results import Applied
from lib.domain.states import ControlState
from lib.errors import BrokerUnavailable, StaleRow
from lib.planning.booking.outcomes import RowAt, outcome_changes
from lib.planning.protecting.halts import in_force, in_words
from lib.tools import Tools

PLAN_FRESH = timedelta(seconds=5)
"""Older than this, the position is read again before an exit goes out."""


def apply(
    actions: Sequence[Action],
    tools: Tools,
    *,
    account: str,
    run_id: str,
    planned_at: datetime,
    deadline: datetime,
    circuit: Callable[[], str | None] = lambda: None,
) -> list[Applied]:
    """Carry out the actions in order. One that fails stops no other; a store that fails stops all.

    What is not begun by the deadline, or once `circuit` says why nothing more may begin, is dropped: the next pass
    plans it anew.
    """
    applied: list[Applied] = []
    for action in actions:
        why = circuit() if tools.clock.now() <= deadline else "the pass is past its deadline"
        if why is not None:
            applied.append(Applied(action=action, outcome="dropped", detail=why))
        else:
            applied.append(_one(action, tools, account, run_id, planned_at))
    return applied


def _one(action: Action, tools: Tools, account: str, run_id: str, planned_at: datetime) -> Applied:
    try:
        match action:
            case Write():
                tools.store.write(action.changes, run_id=run_id, at=tools.clock.now())
                return Applied(action=action, outcome="done")
            case Submit():
                return _submit(action, tools, account, run_id, planned_at)
            case Cancel() | Replace():
                return _change(action, tools, account, run_id)
            case LookAgain():
                return Applied(action=action, outcome="done")
    except (StaleRow, BrokerUnavailable) as again:  # a row has moved, or a read before the order failed: plan anew
        return Applied(action=action, outcome="dropped", detail=str(again))


def _submit(action: Submit, tools: Tools, account: str, run_id: str, planned_at: datetime) -> Applied:
    blocked = _blocked(action, tools, account)
    if blocked is not None:
        return Applied(action=action, outcome="blocked", detail=blocked)
    gone = None if action.increases_exposure else _no_longer_free(action, tools, planned_at)
    if gone is not None:
        return Applied(action=action, outcome="dropped", detail=gone)
    ids = tools.store.write(action.intent, run_id=run_id, at=tools.clock.now())
    if action.order is None:
        sent, *legs = [RowAt(id=ids[ref.name], version=1) for ref in action.order_refs]
    else:
        sent = RowAt(id=action.order.id, version=action.order.version + 1)
        legs = [RowAt(id=leg.id, version=leg.version) for leg in action.legs]
    outcome = tools.broker.submit(action.body)
    changes = outcome_changes(sent, legs, outcome, tools.clock.now(), is_entry=action.increases_exposure)
    if changes:
        tools.store.write(changes, run_id=run_id, at=tools.clock.now())
    return _applied(action, outcome)


def _change(action: Cancel | Replace, tools: Tools, account: str, run_id: str) -> Applied:
    """Cancel or replace an order that rests: the row says when that was asked, and what came of it is seen."""
    blocked = _blocked(action, tools, account)
    if blocked is not None:
        return Applied(action=action, outcome="blocked", detail=blocked)
    order = action.order
    values = {"cancel_requested_at" if isinstance(action, Cancel) else "replace_requested_at": tools.clock.now()}
    asked = Update(table="order_execution", id=order.id, version=order.version, values=values)
    tools.store.write((asked, *action.intent), run_id=run_id, at=tools.clock.now())
    if order.alpaca_order_id is None:
        return Applied(action=action, outcome="dropped", detail="the broker's id of the order is not known yet")
    if isinstance(action, Cancel):
        return _applied(action, tools.broker.cancel(order.alpaca_order_id))
    return _applied(action, tools.broker.replace(order.alpaca_order_id, action.body))


def _applied(action: Action, outcome: Outcome) -> Applied:
    if isinstance(outcome, Accepted):
        return Applied(action=action, outcome="accepted")
    if isinstance(outcome, Rejected):
        return Applied(action=action, outcome="rejected", detail=f"{outcome.refusal}: {outcome.message}")
    return Applied(action=action, outcome="unknown", detail=outcome.message)


def _blocked(action: Submit | Cancel | Replace, tools: Tools, account: str) -> str | None:
    """Ask again, right before a request, what may have changed since the plan.

    FROZEN stops every request in its scope, any other control those that add exposure.
    """
    control = in_force(tools.controls(account), action.symbol)
    if control is None:
        return None
    adds = not isinstance(action, Cancel) and action.increases_exposure
    return in_words(control) if adds or control.state == ControlState.FROZEN else None


def _no_longer_free(action: Submit, tools: Tools, planned_at: datetime) -> str | None:
    """Read the position again for an exit whose plan has grown old; say so if its shares are not free any more."""
    if tools.clock.now() - planned_at <= PLAN_FRESH:
        return None
    position = tools.broker.position(action.symbol)
    free = ZERO if position is None else position.qty_available * (1 if action.body["side"] == "sell" else -1)
    if free < D(str(action.body["qty"])):
        return "the broker no longer holds these shares free; look again"
    return None
