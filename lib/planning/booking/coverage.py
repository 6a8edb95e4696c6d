"""The ledger of cover: how long which shares of a trade had no stop, and why.

An interval ends, and the next begins, when the shares owned or covered change, when the cover's last day does, or the
reason why shares are uncovered. Times are those of the events (the fill, the broker's word for a stop), not of the look
that found them; where nothing tells, the look's. Booking writes the intervals with what it books, and closes the last
one with the trade; order_monitor, which alone knows them, adds the causes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from lib.domain.actions import Insert, RowChange, Update, Write
from lib.domain.bodies import is_coin
from lib.domain.facts import Problem, Snapshot
from lib.domain.hours import Hours
from lib.domain.money import ZERO, text
from lib.domain.records import Coverage
from lib.domain.states import PENDING_CANCEL, Role, TradeStatus
from lib.planning.books import TradeBook, covered_qty, covering, covers, entries, exits, fills_of
from lib.planning.context import Context
from lib.planning.protecting.coins import owned_now
from lib.planning.protecting.dying import dies_at
from lib.planning.terms import wanted

NEXT_LOOK = "next_look"
"""Why shares are uncovered when the broker imposes nothing: this look found them, and its next step is their stop."""

TABLE = "protection_coverage"


def plan_causes(
    book: TradeBook, snapshot: Snapshot, context: Context, problems: Iterable[Problem]
) -> tuple[Write, ...]:
    """Write why shares are uncovered, and whatever else of one trade's ledger its booking had no reason to touch."""
    cause = next((p.cause for p in problems if p.uncovered_qty and p.cause is not None), None)
    changes = coverage_changes(book, snapshot, context.now, context.calendar, cause=cause)
    if not changes:
        return ()
    why = f"trade {book.trade.id}: {text(covered_qty(book.orders))} shares covered"
    return (Write(changes=changes, why=f"{why}, {cause}" if cause else why, symbol=book.trade.symbol),)


def coverage_changes(
    book: TradeBook, snapshot: Snapshot, now: datetime, calendar: Sequence[Hours], *, cause: str | None = None
) -> tuple[RowChange, ...]:
    """Bring the ledger of one trade to what its orders show; nothing where the interval that is on still holds.

    A cause that was told stays while shares are uncovered, until another is.
    """
    interval = book.coverage
    if book.trade.status != TradeStatus.POSITION:  # a backfill, or somebody's hand, ended it
        return () if interval is None else (end_of(interval, book.trade.exit_time or now, calendar),)
    owned, covered = max(owned_now(book, snapshot), ZERO), covered_qty(book.orders)
    told = "corporate_action" if wanted(book.trade).split_due is not None else cause
    known = told or (interval.cause if interval is not None else None) or NEXT_LOOK
    values: dict[str, object] = {
        "owned_qty": owned,
        "covered_qty": covered,
        "cover_dies_at": min((at for o in covering(exits(book)) if (at := dies_at(o)) is not None), default=None),
        "cause": known if covered < owned else None,
    }
    if interval is None:
        return _first(book, values, now, calendar)
    if all(getattr(interval, name) == value for name, value in values.items()):
        return ()
    at = _changed_at(book, interval, values, now)
    if at <= interval.from_time:  # nothing lasted: the interval is what it became at once
        return (Update(table=TABLE, id=interval.id, version=interval.version, values=values),)
    return (end_of(interval, at, calendar), _begin(book, at, values))


def end_of(interval: Coverage, at: datetime, calendar: Sequence[Hours]) -> Update:
    """End an interval."""
    ends = max(at, interval.from_time)
    bare = interval.covered_qty < interval.owned_qty
    values = {"to_time": ends, "seconds_uncovered": seconds(interval, ends, calendar) if bare else 0}
    return Update(table=TABLE, id=interval.id, version=interval.version, values=values)


def seconds(interval: Coverage, until: datetime, calendar: Sequence[Hours]) -> int:
    """Count the seconds of an interval in which its symbol trades: a coin always, a stock in sessions."""
    return _trading_seconds(interval.symbol, interval.from_time, until, calendar)


def _trading_seconds(symbol: str, since: datetime, until: datetime, calendar: Sequence[Hours]) -> int:
    if is_coin(symbol) or not calendar:
        return int((until - since).total_seconds())
    parts = ((min(until, hours.close) - max(since, hours.open)).total_seconds() for hours in calendar)
    return int(sum(part for part in parts if part > 0))


def _first(
    book: TradeBook, values: dict[str, object], now: datetime, calendar: Sequence[Hours]
) -> tuple[RowChange, ...]:
    """Begin with the first share that was owned; what was covered before the first look was uncovered until then."""
    owned_since = _owned_since(book, now)
    covered_since = book.trade.protected_at
    if values["cause"] is not None or covered_since is None or covered_since <= owned_since:
        return (_begin(book, owned_since, values),)
    bare = values | {"covered_qty": ZERO, "cover_dies_at": None, "cause": NEXT_LOOK, "to_time": covered_since}
    bare["seconds_uncovered"] = _trading_seconds(book.trade.symbol, owned_since, covered_since, calendar)
    return (_begin(book, owned_since, bare), _begin(book, covered_since, values))


def _begin(book: TradeBook, at: datetime, values: dict[str, object]) -> Insert:
    trade = book.trade
    whose = {"account": trade.account, "trade_id": trade.id, "symbol": trade.symbol}
    return Insert(table=TABLE, values=whose | {"from_time": at} | values)


def _owned_since(book: TradeBook, now: datetime) -> datetime:
    booked = [f.transaction_time for f in fills_of(book, Role.ENTRY)]
    told = [o.filled_at for o in entries(book) if o.filled_at is not None]  # while the ledger lags
    return min(booked or told, default=now)


def _changed_at(book: TradeBook, interval: Coverage, values: dict[str, object], now: datetime) -> datetime:
    """Return when what the interval says ceased to be: the first loss of cover, or the last word for a new stop."""
    owned, covered = Decimal(str(values["owned_qty"])), Decimal(str(values["covered_qty"]))
    if (owned, covered) == (interval.owned_qty, interval.covered_qty):
        return now
    barer = owned - covered > max(interval.owned_qty - interval.covered_qty, ZERO)
    events = [at for at in (_losses(book) if barer else _gains(book)) if interval.from_time < at <= now]
    if not events:
        return now
    if not barer:
        return max(events)
    # What was lost before the last order was taken is what that one took the place of: an edited stop, a renewed one.
    taken = max((at for o in exits(book) if covers(o) and (at := o.acknowledged_at) is not None), default=None)
    return min((at for at in events if taken is None or at > taken), default=max(events))


def _losses(book: TradeBook) -> list[datetime]:
    """List when shares came, and when cover went."""
    came = [f.transaction_time for f in fills_of(book, Role.ENTRY)] + [c.at for c in book.changes]
    ended = [o.ended_at for o in exits(book) if covers(o) and o.ended_at is not None]
    holding = {o.parent_id for o in exits(book) if covers(o)}  # a leg goes with its parent
    ending = [o for o in exits(book) if o.order_status == PENDING_CANCEL and (covers(o) or o.id in holding)]
    asked = [o.cancel_requested_at for o in ending]
    return [*came, *ended, *(at for at in asked if at is not None)]


def _gains(book: TradeBook) -> list[datetime]:
    """List when shares went, and when the broker took cover."""
    gone = [f.transaction_time for f in book.fills if f.order_id in {o.id for o in exits(book)}]
    taken = [o.acknowledged_at for o in covering(exits(book)) if o.acknowledged_at is not None]
    return [*gone, *(c.at for c in book.changes), *taken]
