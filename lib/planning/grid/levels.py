"""Levels of a grid, and what one cell earns: exact prices after rounding to the tick.

Level i lies at lower + i steps, or at lower x ratio^i. Cell c reaches from level c to level c + 1. Numbers run on
beyond the range for a grid that trails; far below it an arithmetic level may be zero or less, and is no price.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import lru_cache
from itertools import pairwise

from lib.domain.bodies import is_coin
from lib.domain.grids import Grid, GridKind, Spacing, Straddle
from lib.domain.money import ONE, tick_size

EXACT = Context(prec=100)
"""Wide enough that sums and products of prices and quantities are never rounded."""

PER_CENT = Decimal(100)
BPS = Decimal(10_000)


def level(grid: Grid, number: int) -> Decimal:
    """Return the price of a level, half-even to the tick; the two ends of the range are as they were given."""
    tick = grid.tick if is_coin(grid.symbol) else None
    return _level((grid.lower, grid.upper), grid.levels, grid.spacing, tick, number)


@lru_cache(maxsize=20_000)
def _level(ends: tuple[Decimal, Decimal], levels: int, spacing: Spacing, tick: Decimal | None, number: int) -> Decimal:
    """A tick of None is that of a stock, which depends on the price."""
    lower, upper = ends
    if number in {0, levels - 1}:
        return upper if number else lower
    with localcontext(EXACT):
        if spacing is Spacing.GEOMETRIC:
            price = lower * _ratio(lower, upper, levels) ** number
        else:
            price = lower + (upper - lower) * number / (levels - 1)
        step = tick_size(price) if tick is None else tick
        return (price / step).to_integral_value(rounding=ROUND_HALF_EVEN) * step


@lru_cache(maxsize=1_000)
def _ratio(lower: Decimal, upper: Decimal, levels: int) -> Decimal:
    with localcontext(EXACT):
        return (upper / lower) ** (ONE / (levels - 1))


def levels(grid: Grid) -> tuple[Decimal, ...]:
    """Return the prices of all levels that the grid works now, the lowest first."""
    return tuple(level(grid, number) for number in range(grid.shift, grid.shift + grid.levels))


def collapsed(grid: Grid) -> bool:
    """Say whether two levels became one price, or changed places, by rounding to the tick."""
    prices = levels(grid)
    return any(above <= below for below, above in pairwise(prices))


def break_even_ratio(fee_bps: Decimal) -> Decimal:
    """Return how many times its lower level a cell's upper one must be for a round trip to lose nothing.

    Both fees are taken from what is received: coins when buying, money when selling.
    """
    with localcontext(EXACT):
        kept = 1 - fee_bps / BPS
        return 1 / (kept * kept)


def profit_per_cell(grid: Grid) -> tuple[Decimal, Decimal]:
    """Return what the worst and the best cell earn by one round trip, in per cent of its lower level, fees taken."""
    with localcontext(EXACT):
        fee = grid.fee_bps / BPS
        prices = levels(grid)
        earned = [((high * (1 - fee) - low * (1 + fee)) / low * PER_CENT) for low, high in pairwise(prices)]
        return min(earned), max(earned)


def cells_held_at_start(grid: Grid, price: Decimal) -> range:
    """Return the cells that the initial order fills: those on the far side of the price, and the one that it
    stands inside if the grid's `straddle` says so. Above the range a spot grid starts with none, below it with all.
    """
    return range(*_held(grid, price))


def _held(grid: Grid, price: Decimal) -> tuple[int, int]:
    spot = grid.kind is GridKind.SPOT
    first, end = grid.cells.start, grid.cells.stop
    for cell in grid.cells:
        low, high = level(grid, cell), level(grid, cell + 1)
        if price <= low:
            return (cell, end) if spot else (first, cell)
        if price < high:
            held = _straddled(grid.straddle, to_exit=high - price if spot else price - low, width=high - low)
            if spot:
                return (cell if held else cell + 1), end
            return first, (cell + 1 if held else cell)
    return (end, end) if spot else (first, end)


def _straddled(straddle: Straddle, *, to_exit: Decimal, width: Decimal) -> bool:
    """Say whether the cell that the price stands inside starts held. Half way `nearest` leaves it flat."""
    if straddle is Straddle.NEAREST:
        return to_exit * 2 > width
    return straddle is Straddle.HELD
