"""What order_monitor adds for grids: book, end what is to end, then bring live orders to what is wanted.

A grid whose rows moved is planned on in the next round. Requests go out in one order over all grids: those of starts
and ends, then cancels, then exits, then entries, those nearest to the price first; what is over the budget of a minute
waits for the next pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from lib.domain.actions import Action, Cancel, LookAgain, Plan, Submit
from lib.domain.bodies import is_coin
from lib.domain.facts import Problem, Snapshot
from lib.domain.grids import OVER, GridStatus, Strategy
from lib.domain.limits import GRID_REQUESTS_MAX
from lib.domain.money import text
from lib.domain.records import Order, Rows
from lib.planning.books import is_live
from lib.planning.context import Context
from lib.planning.deciding.decisions import Refused
from lib.planning.grid.booking import book_grids
from lib.planning.grid.books import (
    GridBook,
    GridRows,
    book_of,
    grid_rows,
    initial_orders,
    is_level,
    may_have_traded,
)
from lib.planning.grid.changes import pause, strategy_write
from lib.planning.grid.diff import Difference, difference
from lib.planning.grid.ending import WORKING, plan_ending, plan_over, plan_unreadable, stopping, wanted_ending
from lib.planning.grid.health import plan_health, plan_price
from lib.planning.grid.reading import is_approved, is_edited, status_of, strategy_digest, symbol_of
from lib.planning.grid.starting import approvals, plan_starting, refused_as_edited, resumes, unstamped
from lib.planning.protecting.steps import NOTHING, Step, trades_now

MINUTE = timedelta(minutes=1)
_REQUESTS = (Cancel, Submit)

_GOES_ON = frozenset({GridStatus.STARTING, GridStatus.RUNNING})
_NOT_APPROVED = (
    "EDITED_AFTER_APPROVAL: its tick was taken away, or it was changed while it ran; "
    "put it back, then approve it, or approve it as it is now"
)
_NOT_AS_IT_IS = "EDITED_AFTER_APPROVAL: as it is now it cannot go on; put it back or mend it, then approve it"


def plan_grids(rows: Rows, snapshot: Snapshot, context: Context) -> Plan:
    """Plan one round of all grids of an account."""
    mine = grid_rows(rows)
    if not mine:
        return Plan()
    booking = book_grids(rows, snapshot, context.now, context.limits)
    moved = booking.moved | {each.id for each in unstamped(rows)}
    actions: list[Action] = [*approvals(rows, context, but=booking.moved), *booking.writes]
    problems: list[Problem] = [*booking.problems]
    own = _live_by_symbol(rows)
    found: list[Difference] = []
    first: list[Cancel | Submit] = []  # of grids that start or end, or may not leave what rests
    for each in mine:
        if each.strategy.id in moved:
            continue  # its rows are planned on in the next round; those of other grids need not wait for them
        step = _step(each, own.get(symbol_of(each.strategy), ()), rows, snapshot, context)
        if isinstance(step, Difference):
            found.append(step)
        else:
            first.extend(a for a in step[0] if isinstance(a, _REQUESTS))
            actions.extend(a for a in step[0] if not isinstance(a, _REQUESTS))
            problems.extend(step[1])
    problems.extend(p for each in found for p in each.problems)
    actions.extend(a for each in found for a in each.writes)
    closes = [each for each in first if isinstance(each, Submit)]  # one a grid at most, and none of them waits
    requests = (*(each for each in first if isinstance(each, Cancel)), *_by_urgency(found))
    room = max(GRID_REQUESTS_MAX - _asked_lately(rows, context) - len(closes), 0)
    actions.extend((*closes, *requests[:room], *(w for each in found for w in each.waits)))
    notes = [note for each in found for note in each.notes]
    if len(requests) > room:
        notes.append(f"{len(requests) - room} requests of grids wait for the next pass: {GRID_REQUESTS_MAX} a minute")
    return Plan(actions=tuple(actions), problems=tuple(problems), notes=tuple(notes))


def plan_prices(rows: Rows, snapshot: Snapshot, context: Context) -> tuple[Action, ...]:
    """Write what position_monitor sees of the prices of grids."""
    symbols = grid_symbols(rows)
    going_on = [e for e in grid_rows(rows) if symbol_of(e.strategy) in symbols and status_of(e.strategy) not in OVER]
    return tuple(write for each in going_on for write in plan_price(each, snapshot, context))


def grid_symbols(rows: Rows) -> tuple[str, ...]:
    """Return the symbols of grids that go on, for their quotes."""
    return tuple(sorted({symbol_of(s) for s in rows.grids if s.started_at is not None and status_of(s) not in OVER}))


def grid_coins(rows: Rows) -> tuple[str, ...]:
    """Return the coins of grids that go on: their steps of price and quantity are the broker's word."""
    return tuple(symbol for symbol in grid_symbols(rows) if is_coin(symbol))


def _step(each: GridRows, own: Sequence[Order], rows: Rows, snapshot: Snapshot, context: Context) -> Step | Difference:
    """Plan the next step of one grid."""
    strategy, status = each.strategy, status_of(each.strategy)
    if status in OVER:
        return plan_over(each, rows, snapshot, context)
    if status is GridStatus.WAITING and may_have_traded(each.orders):
        return _unstarted(strategy)
    health = plan_health(each, rows, snapshot, context)
    if health is not None:
        return health
    book = book_of(each, context.limits, snapshot.assets)
    if isinstance(book, Refused):
        return _unreadable(each, book, context)
    if status in _GOES_ON and not is_approved(strategy):
        return _pause(strategy, _NOT_APPROVED)
    ending = plan_ending(book, rows, snapshot, context)
    if ending is not None:
        return ending
    if not is_level(book):
        return _lagging(book, context)
    if book.ledger.excess > 0 and (status in _GOES_ON or resumes(strategy)):
        return _pause(strategy, f"GRID_DRIFT: by its fills it closed {text(book.ledger.excess)} more than it held")
    if resumes(strategy):
        return _resume(book, rows, snapshot, context)
    if status in _GOES_ON and any(is_live(o) for o in initial_orders(book, book.grid)):
        return plan_starting(book, snapshot.by_client_id, context)
    if status is GridStatus.RUNNING:
        return difference(book, own, rows, snapshot, context)
    return (), ()


def _approved_anew(strategy: Strategy, context: Context) -> dict[str, object]:
    """Return what the approval of a PAUSED grid writes: it goes on with the numbers it has now."""
    return {
        "status": GridStatus.RUNNING,
        "reason": None,
        "drift_since": None,
        "approved_digest": strategy_digest(strategy),
        "approved_seen_at": context.now,
    }


def _resume(book: GridBook, rows: Rows, snapshot: Snapshot, context: Context) -> Step:
    """Let a PAUSED grid go on that was approved again; with other numbers only where a grid could start with them."""
    if is_edited(book.strategy):
        if snapshot.account is None:
            return NOTHING  # ticked since the account was asked
        refused = refused_as_edited(book, rows, snapshot, context)
        if refused is not None:
            return _pause(book.strategy, f"{_NOT_AS_IT_IS}: {refused}")
    return (strategy_write(book.strategy, _approved_anew(book.strategy, context), "approved again"),), ()


def _unstarted(strategy: Strategy) -> Step:
    """Tell of a grid that has orders and, by its row, never started: only a hand can have made that."""
    message = (
        f"grid {strategy.id} has orders, and its row says that it never started: put its started_at and status back as "
        "its last event has them; until then nothing is done for it"
    )
    return (), (Problem(code="GRID_UNREADABLE", message=message, symbol=symbol_of(strategy)),)


def _pause(strategy: Strategy, reason: str) -> Step:
    return (pause(strategy, reason),), ()


def _unreadable(each: GridRows, refused: Refused, context: Context) -> Step:
    """Pause a grid that nobody can read any more; one that is to end loses its orders, and the rest waits for a person.

    Before its start order_executor answers it.
    """
    strategy, status = each.strategy, status_of(each.strategy)
    asked = wanted_ending(strategy) if status in WORKING else None
    if asked is not None:
        return stopping(strategy, asked, f"a stop was asked for, and it cannot be read: {refused}"), ()
    if status in _GOES_ON:
        return _pause(strategy, f"GRID_UNREADABLE: {refused}")
    if status is not GridStatus.STOPPING:
        return (), ()
    actions, problems = plan_unreadable(each, context)
    message = f"grid {strategy.id} is to stop and cannot be read any more, so that nothing of it is closed: {refused}"
    told_of = Problem(code="GRID_UNREADABLE", message=message, symbol=symbol_of(strategy))
    return actions, (*problems, told_of)


def _lagging(book: GridBook, context: Context) -> Step:
    if not trades_now(book.grid.symbol, context):
        return (), ()
    why = f"grid {book.grid.id}: the broker's ledger lags its orders"
    return (LookAgain(why=why, symbol=book.grid.symbol),), ()


def _live_by_symbol(rows: Rows) -> Mapping[str, Sequence[Order]]:
    found: dict[str, list[Order]] = {}
    for order in rows.orders:
        if is_live(order):
            found.setdefault(order.symbol, []).append(order)
    return found


def _by_urgency(found: Sequence[Difference]) -> tuple[Cancel | Submit, ...]:
    """Put the requests of all grids into one order: the entries of one grid do not hold up those of another."""
    nearest = sorted(
        ((place, entry) for each in found for place, entry in enumerate(each.entries)), key=lambda found: found[0]
    )
    return (
        *(c for each in found for c in each.cancels),
        *(e for each in found for e in each.exits),
        *(entry for _, entry in nearest),
    )


def _asked_lately(rows: Rows, context: Context) -> int:
    """Count the requests for orders of grids in the minute before now, or since the pass began if that is longer."""
    since = min(context.pass_started_at, context.now - MINUTE)
    mine = [o for o in rows.orders if o.strategy_id is not None]
    sent = sum(1 for o in mine if o.submitted_at is not None and o.submitted_at > since)
    return sent + sum(1 for o in mine if o.cancel_requested_at is not None and o.cancel_requested_at > since)
