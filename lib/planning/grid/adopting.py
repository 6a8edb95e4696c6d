"""What a restored copy has to take back of its grids: orders that were sent under an older namespace after it was made.

Their names tell grid, cell, side and number, and a grid keeps its id (`lib.planning.booking.adopting`). A restore
leaves every grid that had begun PAUSED, so nothing is sent for these rows before a person has looked; one that began
after the copy was made becomes so here. Their fills are for the passes that follow.
"""

from __future__ import annotations

from collections.abc import Sequence

from lib.domain.actions import Insert, RowChange, Write
from lib.domain.facts import BrokerOrder
from lib.domain.grids import GridStatus, Strategy
from lib.domain.money import ZERO, text
from lib.domain.records import Rows
from lib.domain.results import Difference
from lib.planning.booking.backfill import Step
from lib.planning.grid.booking import row_of, strategy_named, unknown
from lib.planning.grid.changes import pause_values, strategy_update
from lib.planning.grid.reading import status_of

RESTORED = (
    "GRID_RESTORED: a backup was put back; see what it holds and what rests at the broker, then approve it or stop it"
)


def adopt_grids(rows: Rows, orders: Sequence[BrokerOrder]) -> tuple[Step, ...]:
    """Return the rows to make for orders of grids; `orders` are all of the broker's since the copy."""
    named = {o.id: _grid_of(o, rows) for o in orders}
    mine = {each.id: each for each in rows.grids}
    found = unknown(rows, orders, {name: grid for name, grid in named.items() if grid in mine})
    return tuple(_step(mine[grid], lost) for grid, lost in sorted(found.items()))


def _grid_of(order: BrokerOrder, rows: Rows) -> int | None:
    known = (strategy_named(order.client_order_id, namespace) for namespace in rows.namespaces)
    return next((grid for grid in known if grid is not None), None)


def _step(strategy: Strategy, lost: Sequence[BrokerOrder]) -> Step:
    changes: list[RowChange] = [Insert(table="order_execution", values=row_of(strategy, order)) for order in lost]
    if status_of(strategy) is GridStatus.WAITING:
        began = {"started_at": lost[0].submitted_at, "wanted": None}
        changes.append(strategy_update(strategy, began | pause_values(RESTORED)))
    why = f"grid {strategy.id} had more orders before the restore"
    return Step(
        write=Write(changes=tuple(changes), why=why, symbol=lost[0].symbol),
        differences=tuple(
            Difference(
                table="order_execution",
                row=order.client_order_id,
                column="",
                old=None,
                new=f"{order.side} {text(order.qty or ZERO)} {order.symbol} {order.kind}, {order.status}",
                trade_id=None,
                symbol=order.symbol,
            )
            for order in lost
        ),
    )
