"""How one grid stands: its rows folded as the stages fold them, and summed up for a person. No broker is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from lib.domain.grids import RoundTrip
from lib.domain.limits import Limits
from lib.domain.money import ZERO
from lib.domain.records import Order
from lib.domain.states import REJECTED
from lib.intake.grid_preview import as_written, in_words
from lib.planning.deciding.decisions import Refused
from lib.planning.grid.books import GridBook, GridRows, book_of, live_orders
from lib.planning.grid.desired import BUY
from lib.planning.grid.levels import level
from lib.planning.grid.numbers import GridNumbers, numbers
from lib.planning.grid.reading import status_of, symbol_of
from lib.store.grids import StrategyRows
from lib.views.grid import GridHealth, GridProfit, GridStanding, RungLine, trip_lines
from lib.views.status import order_in_words

TRIPS_SHOWN = 10

Local = Callable[[datetime], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """By what a grid is summed up: the instant, the reader's clock, the settings, the last look of order_monitor."""

    now: datetime
    local: Local
    limits: Limits
    last_look: datetime | None = None


def as_rows(read: StrategyRows) -> GridRows:
    """Return the rows of the one strategy that was read, fills in the order of time."""
    fills = sorted(read.fills, key=lambda f: (f.transaction_time, f.activity_id))
    return GridRows(strategy=read.strategies[0], orders=read.orders, fills=tuple(fills))


def standing(each: GridRows, trips: Iterable[RoundTrip], looked: Looked) -> GridStanding:
    """Say how a grid stands; of one that cannot be read, what stands in its row."""
    strategy, book = each.strategy, book_of(each, looked.limits)
    unreadable = str(book) if isinstance(book, Refused) else None
    begun = strategy.started_at is not None or bool(each.orders)
    found = _numbers(book, looked) if begun and not isinstance(book, Refused) else None
    return GridStanding(
        id=strategy.id,
        symbol=symbol_of(strategy),
        strategy=as_written(strategy) if isinstance(book, Refused) else in_words(book.grid),
        status=status_of(strategy),
        reason=strategy.reason,
        wanted=strategy.wanted or None,
        capital=None if isinstance(book, Refused) else book.grid.capital,
        started_at=_local(strategy.started_at, looked),
        stopped_at=_local(strategy.stopped_at, looked),
        start_price=strategy.start_price,
        price=strategy.last_price,
        price_at=_local(strategy.quote_time, looked),
        profit=None if found is None else _profit(found),
        health=None if found is None or isinstance(book, Refused) else _health(book, found, looked),
        rungs=() if isinstance(book, Refused) else _rungs(book),
        trips=trip_lines(trips, looked.local, shown=TRIPS_SHOWN),
        unreadable=unreadable,
    )


def _numbers(book: GridBook, looked: Looked) -> GridNumbers:
    """Sum up to now, or to the end of a grid that has stopped."""
    strategy = book.strategy
    return numbers(
        book.grid,
        book.ledger,
        price=strategy.last_price,
        started_at=strategy.started_at,
        now=strategy.stopped_at or looked.now,
        open_sides=[order.side for order in live_orders(book)],
    )


def _profit(found: GridNumbers) -> GridProfit:
    return GridProfit(
        matched=found.matched,
        initial=found.initial,
        unrealised=found.unrealised,
        total=found.total,
        equity=found.equity,
        fees=found.fees,
        cash=found.cash,
        inventory=found.inventory,
        arbitrages=found.arbitrages,
        arbitrages_24h=found.arbitrages_24h,
        grid_apr=found.grid_apr,
        total_apr=found.total_apr,
        profit_min=found.profit_min,
        profit_max=found.profit_max,
    )


def _health(book: GridBook, found: GridNumbers, looked: Looked) -> GridHealth:
    return GridHealth(
        open_buys=found.open_buys,
        open_sells=found.open_sells,
        hole=found.hole,
        in_range=found.in_range,
        drift_since=_local(book.strategy.drift_since, looked),
        relabelled=found.relabelled,
        refused_orders=sum(order.order_status == REJECTED for order in book.orders),
        last_fill=_local(max((f.transaction_time for f in book.fills), default=None), looked),
        last_look=_local(looked.last_look, looked),
    )


def _rungs(book: GridBook) -> tuple[RungLine, ...]:
    resting: dict[int, list[Order]] = {}
    for order in live_orders(book):
        if order.cell is not None:
            number = order.cell if order.side == BUY else order.cell + 1
            resting.setdefault(number, []).append(order)
    grid = book.grid
    numbered = {*range(grid.shift, grid.shift + grid.levels), *resting}
    return tuple(_rung(book, number, resting.get(number, [])) for number in sorted(numbered))


def _rung(book: GridBook, number: int, orders: Sequence[Order]) -> RungLine:
    cell = number if number in book.grid.cells else None
    return RungLine(
        level=number,
        price=level(book.grid, number),
        buy=_left(o for o in orders if o.side == BUY),
        sell=_left(o for o in orders if o.side != BUY),
        cell=cell,
        held=None if cell is None else book.ledger.held[cell],
        orders=tuple(f"{order_in_words(o)}, {o.order_status}" for o in orders),
    )


def _left(orders: Iterable[Order]) -> Decimal | None:
    """Return what is left to fill of orders; None of none."""
    return sum((o.qty - o.filled_qty for o in orders), ZERO) or None


def _local(at: datetime | None, looked: Looked) -> datetime | None:
    return None if at is None else looked.local(at)
