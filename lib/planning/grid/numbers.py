"""What a person reads of one grid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from lib.domain.grids import Grid
from lib.domain.money import AVERAGE_PLACES, ZERO
from lib.planning.grid.desired import BUY, SELL, hole
from lib.planning.grid.ledger import Ledger
from lib.planning.grid.levels import EXACT, PER_CENT, levels, profit_per_cell

DAY = timedelta(days=1)
YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class GridNumbers:
    """Money in dollars, rates in per cent. What needs a price is None without one."""

    matched: Decimal
    initial: Decimal
    unrealised: Decimal | None
    fees: Decimal
    total: Decimal | None  # matched + initial + unrealised = equity - capital, exactly
    equity: Decimal | None
    inventory: Decimal
    cash: Decimal
    arbitrages: Decimal  # in whole lots
    arbitrages_24h: Decimal
    grid_apr: Decimal | None  # None until the grid has run for a day
    total_apr: Decimal | None
    profit_min: Decimal  # of one cell, fees taken
    profit_max: Decimal
    open_buys: int
    open_sells: int
    hole: int | None
    in_range: bool | None
    drift: Decimal | None  # what the broker has of this grid less what its fills say; None if that is not known
    relabelled: Decimal


def numbers(
    grid: Grid,
    ledger: Ledger,
    *,
    price: Decimal | None,
    started_at: datetime | None,
    now: datetime,
    open_sides: Iterable[str] = (),
    position: Decimal | None = None,
) -> GridNumbers:
    """Sum up a grid. `open_sides` are the sides of its live orders, `position` what the broker has of it."""
    sides = list(open_sides)
    worst, best = profit_per_cell(grid)
    with localcontext(EXACT):
        unrealised = None if price is None else ledger.unrealised(price)
        total = None if unrealised is None else ledger.matched + ledger.initial + unrealised
        recent = sum((t.entry_qty for t in ledger.trips if not t.initial and t.closed_at > now - DAY), ZERO)
        return GridNumbers(
            matched=ledger.matched,
            initial=ledger.initial,
            unrealised=unrealised,
            fees=ledger.fees,
            total=total,
            equity=None if price is None else ledger.equity(price),
            inventory=ledger.inventory,
            cash=ledger.cash,
            arbitrages=ledger.arbitrages,
            arbitrages_24h=recent / grid.qty,
            grid_apr=_apr(grid, ledger.matched, started_at, now),
            total_apr=_apr(grid, total, started_at, now),
            profit_min=worst,
            profit_max=best,
            open_buys=sides.count(BUY),
            open_sells=sides.count(SELL),
            hole=hole(grid, ledger),
            in_range=None if price is None else levels(grid)[0] <= price <= levels(grid)[-1],
            drift=None if position is None else position - ledger.inventory,
            relabelled=ledger.relabelled,
        )


def _apr(grid: Grid, profit: Decimal | None, started_at: datetime | None, now: datetime) -> Decimal | None:
    """Return profit / capital x a year / the time run, in per cent to nine decimals."""
    if profit is None or started_at is None or now - started_at < DAY:
        return None
    run = (now - started_at) // timedelta(seconds=1)
    return (profit / grid.capital * PER_CENT * (YEAR // timedelta(seconds=1)) / run).quantize(AVERAGE_PLACES)
