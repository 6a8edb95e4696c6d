"""What holds of grids: no cell works twice, own orders never meet, exits come after the start, names are single."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from lib.domain.facts import BrokerOrder
from lib.domain.grids import OVER, Grid, GridStatus
from lib.domain.money import ZERO
from lib.domain.records import Order
from lib.domain.states import ENDED
from lib.invariants.evidence import Evidence
from lib.planning.deciding.decisions import Refused
from lib.planning.grid.books import closing_side, opening_side
from lib.planning.grid.reading import parse_grid, status_of

RESTS = frozenset({"simple", ""})


def cells_work_once(evidence: Evidence) -> Iterator[str]:
    """I17: what rests at the broker for one side of one cell is no more than its lot, exits no more than is held."""
    for grid in _grids(evidence):
        resting: dict[tuple[int, str], Decimal] = {}
        exits = ZERO
        for shown, row in _live(evidence, grid):
            left = (shown.qty or ZERO) - shown.filled_qty
            if row.cell is not None:
                resting[row.cell, row.side] = resting.get((row.cell, row.side), ZERO) + left
            if row.side == closing_side(grid):
                exits += left
        for (cell, side), qty in resting.items():
            if qty > grid.qty:
                yield f"grid {grid.id}, cell {cell}: {qty} rest to {side}, its lot is {grid.qty}"
        held = _filled(evidence, grid, opening_side(grid)) - _filled(evidence, grid, closing_side(grid))
        if exits > max(held, ZERO):
            yield f"grid {grid.id}: exits for {exits} rest against {held} held"


def own_orders_never_meet(evidence: Evidence) -> Iterator[str]:
    """I17: in a symbol with a grid every own resting buy lies below every own resting sell; OCOs are left out."""
    symbols = {grid.symbol for grid in _grids(evidence)}
    for symbol in sorted(symbols):
        rest = [o for o in evidence.ours if o.symbol == symbol and o.status not in ENDED and _is_plain(o)]
        buys = [o.limit_price for o in rest if o.side == "buy" and o.limit_price is not None]
        sells = [o.limit_price for o in rest if o.side == "sell" and o.limit_price is not None]
        if buys and sells and max(buys) >= min(sells):
            yield f"{symbol}: our buy at {max(buys)} meets our sell at {min(sells)}"


def exits_come_after_the_start(evidence: Evidence) -> Iterator[str]:
    """I17: no exit of a grid is made before its first order has ended."""
    for grid in _grids(evidence):
        mine = _orders(evidence, grid)
        first = [o for o in mine if o.cell is None and o.side == opening_side(grid)]
        over = [o.ended_at for o in first if o.ended_at is not None]
        for order in mine:
            if order.cell is None or order.side != closing_side(grid):
                continue
            if len(over) < len(first) or any(order.created_at + evidence.clocks_apart < at for at in over):
                yield f"{order.client_order_id} is an exit of grid {grid.id}, whose first order had not ended"


def names_are_single(evidence: Evidence) -> Iterator[str]:
    """I17: the orders of a grid are numbered on, and no number is given twice."""
    seen: dict[tuple[int, int], str] = {}
    for order in evidence.books.orders:
        if order.strategy_id is None or order.replaces is not None:
            continue  # what took the place of an order in the app has no name of ours
        other = seen.setdefault((order.strategy_id, order.attempt), order.client_order_id)
        if other != order.client_order_id:
            yield f"grid {order.strategy_id}: {other} and {order.client_order_id} have the number {order.attempt}"


def nothing_rests_after_the_end(evidence: Evidence) -> Iterator[str]:
    """L2: a grid that has STOPPED, or was REJECTED, has no live order."""
    over = {g.id: status_of(g) for g in evidence.books.grids}
    for order in evidence.books.orders:
        status = over.get(order.strategy_id or 0)
        if status in OVER and order.order_status not in ENDED:
            yield f"grid {order.strategy_id} is {status}, {order.client_order_id} is {order.order_status}"


def _grids(evidence: Evidence) -> Iterator[Grid]:
    """Return the grids that go on and can be read."""
    for strategy in evidence.books.grids:
        if status_of(strategy) not in {GridStatus.RUNNING, GridStatus.PAUSED, GridStatus.STARTING}:
            continue
        read = parse_grid(strategy, None, evidence.limits)
        if not isinstance(read, Refused):
            yield read


def _orders(evidence: Evidence, grid: Grid) -> list[Order]:
    return [o for o in evidence.orders_by_trade.get(None, ()) if o.strategy_id == grid.id]


def _live(evidence: Evidence, grid: Grid) -> Iterator[tuple[BrokerOrder, Order]]:
    for shown in evidence.ours:
        row = evidence.row_at_broker.get(shown.id)
        if row is not None and row.strategy_id == grid.id and shown.status not in ENDED:
            yield shown, row


def _filled(evidence: Evidence, grid: Grid, side: str) -> Decimal:
    """Sum what the grid's orders filled on a side, by the broker's record or the rows, whichever is ahead."""
    shown = {o.id: o.filled_qty for o in evidence.ours}
    mine = [o for o in _orders(evidence, grid) if o.side == side]
    return sum((max(o.filled_qty, shown.get(o.alpaca_order_id or "", ZERO)) for o in mine), ZERO)


def _is_plain(order: BrokerOrder) -> bool:
    return order.kind == "limit" and order.order_class in RESTS
