"""The plans of the two monitors: book first, then act on what is booked."""

from __future__ import annotations

from collections.abc import Iterable

from lib.domain.actions import Action, Cancel, LookAgain, Plan
from lib.domain.facts import FillActivity, Problem, Snapshot
from lib.domain.records import Rows
from lib.planning.booking import book
from lib.planning.books import books, is_settled
from lib.planning.context import Context
from lib.planning.cover import plan_cover
from lib.planning.decisions import stamp_approvals
from lib.planning.halts import cancel_halted_entries
from lib.planning.reconcile import plan_reconciliation
from lib.planning.valuation import plan_values


def plan_order_monitor(rows: Rows, snapshot: Snapshot, context: Context) -> Plan:
    """Book what happened; once a trade's books are level, protect what it owns and clear what it does not want."""
    stamps = stamp_approvals(rows, context.now)
    booking = book(rows, snapshot, context.now)
    actions: list[Action] = [*stamps, *booking.writes]
    problems: list[Problem] = list(booking.problems)
    for trade_book in books(rows):
        if trade_book.trade.id in booking.moved:
            continue  # its rows are planned on in the next round; those of other trades need not wait for them
        if not is_settled(trade_book):
            why = f"trade {trade_book.trade.id}: the broker's ledger lags its orders"
            actions.append(LookAgain(why=why, symbol=trade_book.trade.symbol))
        halt = cancel_halted_entries(trade_book, rows.controls, context)
        asked = {action.order.id for action in halt if isinstance(action, Cancel)}
        step, wrong = plan_cover(trade_book, snapshot, context, rows.account.namespace)
        actions.extend(a for a in step if not (isinstance(a, Cancel) and a.order.id in asked))
        actions.extend(halt)
        problems.extend(wrong)
    return Plan(actions=tuple(actions), problems=tuple(problems))


def plan_position_monitor(rows: Rows, snapshot: Snapshot, context: Context, foreign: Iterable[FillActivity]) -> Plan:
    """Book what happened; once the books are level, value the positions and explain every difference."""
    stamps = stamp_approvals(rows, context.now)
    booking = book(rows, snapshot, context.now)
    if booking.writes:
        return Plan(actions=(*stamps, *booking.writes), problems=booking.problems)
    first_look = not any(run.stage == "position_monitor" for run in rows.last_runs)
    steps, problems = plan_reconciliation(rows, snapshot, context, foreign, first_look=first_look)
    values = plan_values(rows, snapshot, context)
    if steps:  # a position row must not be changed twice in one round
        return Plan(actions=(*stamps, *steps), problems=(*booking.problems, *problems))
    return Plan(actions=(*stamps, *values), problems=(*booking.problems, *problems))
