"""The fees that the broker posts for the fills of grids, and what their round trips come to by them.

Until then a fill bears the fee that is assumed. What the broker took of coins changes what there was to sell, and with
it which lots an exit closed: so once fees are known, the rows of round trips are brought to what the ledger says, all
of them, of grids that have stopped too. A pair that the fees as posted do not make keeps its row, with nothing in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lib.domain.actions import Insert, RowChange, Update, Write
from lib.domain.facts import Snapshot
from lib.domain.grids import RoundTrip
from lib.domain.limits import Limits
from lib.domain.money import ZERO
from lib.domain.records import Rows
from lib.planning.booking.fees import Charges, charges
from lib.planning.grid.booking import trip_row
from lib.planning.grid.books import GridBook, GridRows, book_of, grid_rows, is_level
from lib.planning.grid.reading import is_edited

_TOLD_ANEW = ("qty", "gross", "fees", "net", "pnl_bps")
"""The columns of a round trip that a fee can change."""


def plan_grid_fees(rows: Rows, recent: Rows, snapshot: Snapshot, limits: Limits) -> tuple[Write, ...]:
    """Book the fees of the days that were read whole on the grids of `recent`, each in one transaction."""
    if snapshot.fees_from is None or not recent.grids:
        return ()
    shared = charges(rows, recent, snapshot)
    writes = (_of_grid(each, shared, recent.trips, limits) for each in grid_rows(recent))
    return tuple(write for write in writes if write is not None)


def _of_grid(each: GridRows, shared: Charges, written: Iterable[RoundTrip], limits: Limits) -> Write | None:
    changes: list[RowChange] = []
    fills = []
    for fill in each.fills:
        new = shared.news(fill)
        if new:
            changes.append(Update(table="fill", id=fill.id, version=fill.version, values=new))
        fills.append(replace(fill, **new))  # type: ignore[arg-type]
    book = book_of(replace(each, fills=tuple(fills)), limits)
    if isinstance(book, GridBook) and is_level(book) and not is_edited(book.strategy):
        changes.extend(_trips(book, [row for row in written if row.strategy_id == each.strategy.id]))
    if not changes:
        return None
    why = f"grid {each.strategy.id}: fees as the broker posted them"
    return Write(changes=tuple(changes), why=why, symbol=each.strategy.symbol)


def _trips(book: GridBook, written: Iterable[RoundTrip]) -> list[RowChange]:
    """Bring the rows of exits that have some to what the ledger says; those of a new exit are for booking to write."""
    rows = {(row.entry_fill, row.exit_fill): row for row in written}
    told = {closed for _, closed in rows}
    changes: list[RowChange] = []
    for trip in book.ledger.trips:
        if trip.exit not in told:
            continue
        values, row = trip_row(book, trip), rows.pop((trip.entry, trip.exit), None)
        if row is None:
            changes.append(Insert(table="round_trip", values=values))
        else:
            changes.extend(_told(row, {name: values[name] for name in _TOLD_ANEW}))
    for row in rows.values():
        changes.extend(_told(row, dict.fromkeys(_TOLD_ANEW, ZERO)))
    return changes


def _told(row: RoundTrip, values: dict[str, object]) -> list[RowChange]:
    new = {name: value for name, value in values.items() if getattr(row, name) != value}
    return [Update(table="round_trip", id=row.id, version=row.version, values=new)] if new else []
