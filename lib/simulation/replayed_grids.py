"""The grids of a replay: written and stopped as a person would, by what `python -m lib.grid` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from lib.domain.grids import Ending, GridKind
from lib.domain.money import CENT, text
from lib.errors import ConfigError
from lib.intake import grid_desk as desk
from lib.sessions import Session
from lib.simulation.story import GridOfStory
from lib.simulation.world import World
from lib.store import queries
from lib.views.grid import GridStatusPage

AFTER_OPEN = timedelta(hours=1)

Doing = Callable[[World], None]


def doings(grids: Sequence[GridOfStory], span: Sequence[Session]) -> Iterator[tuple[datetime, Doing]]:
    """Return when each grid is written, and when it is stopped if it is to end."""
    for each in grids:
        yield span[min(each.begins, len(span)) - 1].open + AFTER_OPEN, partial(_begin, each)
        if each.ends:
            yield span[-1].close, partial(_end, each)


def standings(played: World) -> GridStatusPage | None:
    """Return how every grid stands, those that have ended too; None where there is none."""
    at = _desk(played)
    pages = [desk.status(at, each.id).page for each in queries.grids(played.store, at.account)]
    found = [page for page in pages if isinstance(page, GridStatusPage)]
    if not found:
        return None
    grids = sorted((grid for page in found for grid in page.grids), key=lambda grid: grid.id)
    return replace(found[0], grids=tuple(grids))


def _desk(played: World) -> desk.Desk:
    limits, now = played.tools.limits, played.clock.now()
    return desk.Desk(store=played.store, account=played.account, now=now, limits=limits)


def _begin(grid: GridOfStory, played: World) -> None:
    """Write and approve a grid around the middle of the quote."""
    quote = played.tools.broker.quotes([grid.symbol]).get(grid.symbol)
    if quote is None or not quote.bid or not quote.ask:
        raise ConfigError(f"there is no price of {grid.symbol} at {played.clock.now():%Y-%m-%d %H:%M} UTC")
    middle = (quote.bid + quote.ask) / 2
    reach = middle * grid.reach / 100
    columns = {
        "symbol": grid.symbol,
        "kind": str(GridKind.SPOT),
        "lower_price": text((middle - reach).quantize(CENT)),
        "upper_price": text((middle + reach).quantize(CENT)),
        "levels": str(grid.levels),
        "spacing": str(grid.spacing),
        "quantity_per_grid": text(grid.qty),
    }
    answer = desk.add(_desk(played), columns, middle, approve=True)
    if answer.errors:
        raise ConfigError("\n".join(answer.errors))


def _end(grid: GridOfStory, played: World) -> None:
    """Stop a grid and have what it holds closed."""
    for each in queries.grids(played.store, played.account):
        if each.symbol == grid.symbol:
            desk.stop(_desk(played), each.id, Ending.FLATTEN)
