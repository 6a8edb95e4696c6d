"""Trailing: once the price has left the range on the side where nothing is held, the range follows, a cell at a time.

A spot grid follows upwards, a reverse one downwards; only while all its cells are empty, for a cell that is left behind
must not hold anything. What the cells of the new range may cost must be there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from lib.domain.facts import Snapshot
from lib.domain.grids import Grid
from lib.domain.money import ZERO, text
from lib.domain.records import Control
from lib.planning.books import is_live
from lib.planning.context import Context
from lib.planning.grid.books import GridBook
from lib.planning.grid.changes import strategy_write
from lib.planning.grid.desired import desired
from lib.planning.grid.levels import collapsed, level
from lib.planning.grid.reading import capital_need, strategy_digest
from lib.planning.protecting.halts import in_force
from lib.planning.protecting.steps import Step, trades_now
from lib.planning.protecting.watching import usable


def plan_trailing(book: GridBook, snapshot: Snapshot, context: Context, controls: Iterable[Control]) -> Step | None:
    """Move the range by one cell, or say once why it stays; None where the price asks for neither."""
    grid, strategy = book.grid, book.strategy
    quote = usable(snapshot.quotes.get(grid.symbol), grid.symbol, context)
    if not grid.trailing or quote is None or not trades_now(grid.symbol, context):
        return None
    price, beyond = quote.bid if grid.sign > 0 else quote.ask, _beyond(grid)
    if price is None or grid.sign * (price - beyond) < 0 or _has_exits(book):
        return None
    if in_force(tuple(controls), grid.symbol) is not None:
        return None  # nothing would be placed there
    refused = _too_little(book) or _refused(grid, book.ledger.cash)
    if refused is not None and refused == strategy.reason:
        return None
    words = refused or f"the range moved by a cell: {text(price)} is a step beyond it"
    moved = replace(strategy, shift=grid.shift + grid.sign)
    values: dict[str, object] = {"reason": refused}
    if refused is None:  # an approval binds where the range stands, too
        values |= {"shift": moved.shift, "approved_digest": strategy_digest(moved)}
    return (strategy_write(strategy, values, words),), ()


def may_trail(grid: Grid) -> bool:
    """Say whether the range may still follow the price."""
    return grid.trailing and _past_limit(grid) is None


def _has_exits(book: GridBook) -> bool:
    """Say whether something is held that is still to be closed at its level."""
    live = {(o.cell, o.side) for o in book.orders if o.cell is not None and is_live(o)}
    return any(not want.opens for want in desired(book.grid, book.ledger, live))


def _too_little(book: GridBook) -> str | None:
    """Say what keeps the range where it is though no exit rests: it would be left behind for good."""
    held = sum(book.ledger.held.values(), ZERO)
    if held == 0:
        return None
    return f"it does not trail: {text(held)} {book.grid.symbol} it holds are too little for an order"


def _beyond(grid: Grid) -> Decimal:
    """Return the level a whole step outside the range, on the side where nothing is held."""
    return level(grid, grid.shift + grid.levels if grid.sign > 0 else grid.shift - 1)


def _past_limit(grid: Grid) -> str | None:
    beyond, limit = _beyond(grid), grid.trailing_limit
    if limit is not None and grid.sign * (beyond - limit) > 0:
        return f"it trails no further: {text(beyond)} is beyond trailing_limit {text(limit)}"
    moved = replace(grid, shift=grid.shift + grid.sign)
    if beyond <= 0 or collapsed(moved):
        return f"it trails no further: at {text(beyond)} its levels would be no prices"
    return None


def _refused(grid: Grid, cash: Decimal) -> str | None:
    need = capital_need(replace(grid, shift=grid.shift + grid.sign))
    past = _past_limit(grid)
    if past is None and need > cash:
        return (
            f"it does not trail to {text(_beyond(grid))}: its entries would need {text(need)}, its cash is {text(cash)}"
        )
    return past
