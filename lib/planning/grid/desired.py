"""The orders a grid wants at rest: a pure function of its levels and of what each cell holds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal, localcontext

from lib.domain.grids import Grid
from lib.domain.money import ZERO, step_down
from lib.planning.grid.ledger import Ledger
from lib.planning.grid.levels import EXACT, level

BUY, SELL = "buy", "sell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """One limit order. Two of one cell stand side by side while the cell is partly held."""

    cell: int
    side: str  # buy, sell
    price: Decimal
    qty: Decimal
    opens: bool  # an entry; else an exit

    @property
    def level(self) -> int:
        """Return the number of the level it rests at."""
        return self.cell if self.side == BUY else self.cell + 1


def desired(grid: Grid, ledger: Ledger, standing: Collection[tuple[int, str]] = ()) -> tuple[Want, ...]:
    """Return what should rest, by cell from the lowest, buys before sells.

    A cell enters what its lot lacks and exits what it holds, net of fees in coins, both floored to the asset's
    increment. What is less than the broker takes as a new order is not placed, it waits for more of the same cell; but
    what is left of an order that filled in part rests on: `standing` are the cells and sides that have one.
    """
    wants = []
    for cell in grid.cells:
        enter = EXACT.subtract(grid.qty, ledger.held[cell])
        sides = ((BUY, cell, enter, True), (SELL, cell + 1, ledger.net[cell], False))
        if grid.sign < 0:
            sides = ((BUY, cell, ledger.net[cell], False), (SELL, cell + 1, enter, True))
        for side, number, qty, opens in sides:
            want = Want(cell=cell, side=side, price=level(grid, number), qty=_whole(grid, qty), opens=opens)
            if _placeable(grid, want) or (want.qty > 0 and (cell, side) in standing):
                wants.append(want)
    return tuple(wants)


def _whole(grid: Grid, qty: Decimal) -> Decimal:
    with localcontext(EXACT):
        return step_down(qty, grid.increment)


def _placeable(grid: Grid, want: Want) -> bool:
    with localcontext(EXACT):
        return want.qty > 0 and want.qty >= grid.qty_min and want.qty * want.price >= grid.notional_min


def to_enter(grid: Grid, ledger: Ledger) -> Decimal:
    """Return what the grid's cells may still cost to fill, whether or not their entries rest by now."""
    with localcontext(EXACT):
        lacking = {cell: max(grid.qty - ledger.held[cell], ZERO) for cell in grid.cells}
        return sum((qty * level(grid, cell if grid.sign > 0 else cell + 1) for cell, qty in lacking.items()), ZERO)


def hole(grid: Grid, ledger: Ledger) -> int | None:
    """Return the number of the one level without an order; None while a cell is partly held and each has one."""
    taken = {want.level for want in desired(grid, ledger)}
    empty = [number for number in range(grid.shift, grid.shift + grid.levels) if number not in taken]
    return empty[0] if len(empty) == 1 else None
