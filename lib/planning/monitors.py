"""The plans of the two monitors: book first, then act on what is booked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from lib.domain.actions import Action, Cancel, LookAgain, Plan, Write
from lib.domain.facts import FillActivity, Problem, Snapshot
from lib.domain.records import Rows
from lib.planning.booking.booking import book
from lib.planning.booking.coverage import plan_causes
from lib.planning.booking.fees import plan_fees
from lib.planning.booking.valuation import plan_values
from lib.planning.books import books, is_settled
from lib.planning.context import Context
from lib.planning.deciding.amending import plan_entry
from lib.planning.deciding.decisions import stamp_approvals
from lib.planning.deciding.resting import cancel_expired_entries
from lib.planning.grid.booking import book_grids
from lib.planning.grid.plan import plan_grids, plan_prices
from lib.planning.grid.posting import plan_grid_fees
from lib.planning.outside.corporate import plan_corporate_actions
from lib.planning.outside.reconcile import plan_reconciliation
from lib.planning.protecting.cancelling import cancel_strays
from lib.planning.protecting.cover import plan_cover
from lib.planning.protecting.halts import cancel_halted_entries


def plan_order_monitor(rows: Rows, snapshot: Snapshot, context: Context) -> Plan:
    """Book what happened; once a trade's books are level, protect what it owns and clear what it does not want.

    Grids come after the trades: a stop never waits for one of their orders.
    """
    stamps = stamp_approvals(rows, context.now)
    booking = book(rows, snapshot, context.now, context.calendar)
    actions: list[Action] = [*stamps, *booking.writes]
    problems: list[Problem] = list(booking.problems)
    corporate = plan_corporate_actions(_level(rows, booking.moved), snapshot, context)
    actions.extend(corporate.writes)
    problems.extend(corporate.problems)
    moved = booking.moved | corporate.moved
    for trade_book in books(rows):
        if trade_book.trade.id in moved:
            continue  # its rows are planned on in the next round; those of other trades need not wait for them
        if not is_settled(trade_book):
            why = f"trade {trade_book.trade.id}: the broker's ledger lags its orders"
            actions.append(LookAgain(why=why, symbol=trade_book.trade.symbol))
        namespace = rows.account.namespace
        steered = plan_entry(trade_book, rows.controls, context, namespace)
        halted = cancel_halted_entries(trade_book, rows.controls, context)
        over = (*cancel_strays(trade_book, context), *cancel_expired_entries(trade_book, context))
        halt = _unless_asked((*halted, *_unless_asked(over, halted)), steered)
        step, wrong = plan_cover(trade_book, snapshot, context, namespace, rows.controls)
        actions.extend(plan_causes(trade_book, snapshot, context, wrong))
        actions.extend(_unless_asked(step, (*steered, *halt)))
        actions.extend((*steered, *halt))
        problems.extend(wrong)
    grids = plan_grids(rows, snapshot, context)
    return Plan(actions=(*actions, *grids.actions), problems=(*problems, *grids.problems), notes=grids.notes)


def _level(rows: Rows, moved: Collection[int]) -> Rows:
    """Leave out the rows of symbols whose trades are being booked: what they own is known in the next round."""
    symbols = {t.symbol for t in rows.trades if t.id in moved}
    return replace(
        rows,
        trades=tuple(t for t in rows.trades if t.symbol not in symbols),
        changes=tuple(c for c in rows.changes if c.symbol not in symbols),
    )


def _unless_asked(actions: Iterable[Action], others: Iterable[Action]) -> tuple[Action, ...]:
    """Leave out the cancels that others ask for too."""
    asked = {action.order.id for action in others if isinstance(action, Cancel)}
    return tuple(a for a in actions if not (isinstance(a, Cancel) and a.order.id in asked))


def plan_position_monitor(
    rows: Rows, snapshot: Snapshot, context: Context, foreign: Iterable[FillActivity], recent: Rows | None = None
) -> Plan:
    """Book what happened; once the books are level, value the positions and explain every difference.

    `recent` are the trades and grids that posted fees may be for, if this look books fees.
    """
    stamps = stamp_approvals(rows, context.now)
    of_trades = book(rows, snapshot, context.now, context.calendar)
    of_grids = book_grids(rows, snapshot, context.now, context.limits)
    booking = replace(of_trades, problems=(*of_trades.problems, *of_grids.problems))
    if of_trades.writes or of_grids.writes:
        return Plan(actions=(*stamps, *of_trades.writes, *of_grids.writes), problems=booking.problems)
    corporate = plan_corporate_actions(rows, snapshot, context)
    if corporate.writes:
        return Plan(actions=(*stamps, *corporate.writes), problems=(*booking.problems, *corporate.problems))
    fees: tuple[Write, ...] = ()
    if recent is not None:
        of_fills = plan_grid_fees(rows, recent, snapshot, context.limits)
        fees = (*plan_fees(rows, recent, snapshot, context.now), *of_fills)
    if fees:
        return Plan(actions=(*stamps, *fees), problems=(*booking.problems, *corporate.problems))
    first_look = not any(run.stage == "position_monitor" for run in rows.last_runs)
    steps, problems = plan_reconciliation(rows, snapshot, context, foreign, first_look=first_look)
    values = (*plan_values(rows, snapshot, context), *plan_prices(rows, snapshot, context))
    if steps:  # a position row must not be changed twice in one round
        return Plan(actions=(*stamps, *steps), problems=(*booking.problems, *corporate.problems, *problems))
    return Plan(actions=(*stamps, *values), problems=(*booking.problems, *corporate.problems, *problems))
