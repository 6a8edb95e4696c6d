"""What is claimed is followed up: entries that never arrived, the broker's refusals, ticks taken away by hand."""

from __future__ import annotations

from lib.domain.actions import Action, Submit, Update
from lib.domain.bodies import readable
from lib.domain.facts import Problem, Snapshot
from lib.domain.hours import in_entry_window
from lib.domain.limits import CONFIRM_MISSING
from lib.domain.records import Decision, Order, Rows, Trade
from lib.domain.states import PENDING, REJECTED, UNSENT, DecisionStatus, Role, TradeStatus
from lib.planning.booking.sync import index
from lib.planning.books import TradeBook
from lib.planning.context import Context
from lib.planning.deciding.amending import is_wanted
from lib.planning.deciding.answers import TICKED_AGAIN, note
from lib.planning.deciding.decisions import is_ticked
from lib.planning.terms import wanted


def finish_claims(rows: Rows, snapshot: Snapshot, context: Context) -> tuple[list[Action], tuple[Problem, ...]]:
    """Follow up what is claimed: send what never arrived, write refusals back, tick again what was un-ticked."""
    actions: list[Action] = []
    problems: list[Problem] = []
    decisions = {d.id: d for d in rows.decisions}
    newest_entries = {o.trade_id: o for o in rows.orders if o.order_type == Role.ENTRY}
    for trade in rows.trades:
        decision = decisions.get(trade.decision_id)
        entry = newest_entries.get(trade.id)
        if decision is None or entry is None:
            continue
        answer = _answer(decision, trade, entry)
        if answer:
            actions.append(note(decision, answer, f"decision {decision.id}: follow its order"))
        elif entry.order_status == PENDING and trade.status in {TradeStatus.ORDERED, TradeStatus.POSITION}:
            orders = tuple(o for o in rows.orders if o.trade_id == trade.id)
            if not is_wanted(entry, TradeBook(trade=trade, orders=orders)):
                continue  # order_monitor ends it: it must not arrive any more
            action, problem = _pending(entry, snapshot, context)
            actions.extend(action)
            problems.extend(problem)
    return actions, tuple(problems)


def _answer(decision: Decision, trade: Trade, entry: Order) -> dict[str, object]:
    values: dict[str, object] = {}
    if not is_ticked(decision.executed):
        values |= {"executed": True, "execution_note": TICKED_AGAIN}
    if decision.execution_status == DecisionStatus.ORDERED:
        bought = trade.status in {TradeStatus.POSITION, TradeStatus.CLOSED}
        if entry.order_status == REJECTED and not bought:
            values |= {
                "execution_status": DecisionStatus.REJECTED,
                "execution_note": "BROKER: the broker refused the order"
                + (f": {entry.reject_reason}" if entry.reject_reason else " after it had taken it"),
            }
        elif entry.order_status == UNSENT and not bought and not wanted(trade).claimed:
            values |= {
                "execution_status": DecisionStatus.EXPIRED,
                "execution_note": "UNSENT: the order never reached the broker before the entry window closed",
            }
        elif trade.status in {TradeStatus.CANCELLED, TradeStatus.CLOSED}:
            values |= {
                "execution_status": DecisionStatus.DONE,
                "execution_note": f"trade {trade.id} is {trade.status}: {trade.exit_reason or trade.note}",
            }
    return values


def _pending(entry: Order, snapshot: Snapshot, context: Context) -> tuple[list[Action], list[Problem]]:
    """Judge an entry of unknown outcome; only one confirmed absent is sent again, under the same id.

    The first 404 is order_monitor's (`missing_at`), the second is this pass's own look-up. An order that was not
    looked up is as unknown as before.
    """
    body = readable(entry.payload)
    if entry.client_order_id in index(snapshot).by_client_id or body is None:
        return [], []  # the broker has it: order_monitor adopts it, or halts the symbol
    in_time = in_entry_window(context.session, context.now) and (
        entry.expires_at is None or context.now <= entry.expires_at
    )
    if not in_time:
        return [], []
    confirmed = entry.missing_at is not None and context.now - entry.missing_at >= CONFIRM_MISSING
    if not confirmed or not context.time_is_sure or entry.client_order_id not in snapshot.by_client_id:
        message = f"{entry.client_order_id}: whether the broker has the order is not known yet"
        return [], [Problem(code="OUTCOME_UNKNOWN", message=message, symbol=entry.symbol)]
    again = Submit(
        intent=(
            Update(
                table="order_execution",
                id=entry.id,
                version=entry.version,
                values={"submitted_at": context.now, "missing_at": None},
            ),
        ),
        body=body,
        why="twice confirmed absent: send it again under the same id",
        symbol=entry.symbol,
        increases_exposure=True,
        order=entry,
    )
    return [again], []
