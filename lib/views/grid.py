"""Grids as pages: the list, the preview of one, how one stands.

What people wrote is shown as they wrote it: these pages judge nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from lib.domain.grids import OVER, RoundTrip, Strategy
from lib.domain.money import ZERO
from lib.domain.records import Order, Rows
from lib.domain.states import ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class GridLine:
    """One strategy as written, and what came of it. `net` is the profit of its `trips`, after fees."""

    id: int
    symbol: str | None
    kind: str | None
    lower: str | None
    upper: str | None
    levels: str | None
    qty: str | None
    approved: bool
    status: str
    orders: int  # that may still fill
    trips: int = 0
    net: Decimal = ZERO
    price: Decimal | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GridsPage:
    """Strategies, newest first; `done` is what the command did, `notes` what a person should know of it."""

    account: str
    done: tuple[str, ...] = ()
    rows: tuple[GridLine, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelLine:
    """One level, and the order that rests at it once the grid has started; `side` None: the one level without."""

    level: int
    price: Decimal
    side: str | None = None
    qty: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSums:
    """What a grid costs and earns. Prices and money in dollars, steps and profits in per cent of a cell's lower level.

    What needs a price is None without one. Losses are those of a price that goes to one end at once, before fees.
    """

    cells: int
    qty: Decimal
    capital: Decimal
    need_max: Decimal  # wherever the price is at the start
    fee_bps: Decimal  # of each side
    break_even: Decimal  # the step at which a round trip earns nothing
    step_min: Decimal
    step_max: Decimal
    profit_min: Decimal
    profit_max: Decimal
    earned_min: Decimal  # dollars, by one round trip
    earned_max: Decimal
    need: Decimal | None = None
    first_side: str | None = None
    first_qty: Decimal | None = None
    first_cells: tuple[int, ...] = ()
    end: Decimal | None = None  # the losing end of the range
    loss_at_end: Decimal | None = None
    stop: Decimal | None = None
    loss_at_stop: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GridPreviewPage:
    """A strategy before it is written, or as it was: `id` is None if nothing was. Levels from the lowest."""

    id: int | None = None
    approved: bool = False
    strategy: str
    price: Decimal | None = None
    price_from: str | None = None
    levels: tuple[LevelLine, ...] = ()
    sums: GridSums | None = None
    refused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    next: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RungLine:
    """One level of a grid that works: what rests at it, and what the cell between it and the next higher one holds."""

    level: int
    price: Decimal
    buy: Decimal | None = None  # quantity not filled yet
    sell: Decimal | None = None
    cell: int | None = None  # None at the highest level
    held: Decimal | None = None
    orders: tuple[str, ...] = ()  # `buy 5 at 90, new`


@dataclass(frozen=True, slots=True, kw_only=True)
class TripLine:
    """One round trip."""

    closed_at: datetime
    cell: int | None
    qty: Decimal
    entry_price: Decimal
    exit_price: Decimal
    fees: Decimal
    net: Decimal
    pnl_bps: Decimal
    hold_s: int
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GridProfit:
    """What a grid has earned, in dollars: matched + initial + unrealised = total = equity - capital, exactly.

    What needs a price is None before position_monitor has seen one; yearly rates are hidden for the first day.
    """

    matched: Decimal  # round trips whose entry was the grid's own
    initial: Decimal  # what was closed of the first order
    unrealised: Decimal | None
    total: Decimal | None
    equity: Decimal | None
    fees: Decimal  # taken off in each of them
    cash: Decimal
    inventory: Decimal
    arbitrages: Decimal
    arbitrages_24h: Decimal
    grid_apr: Decimal | None
    total_apr: Decimal | None
    profit_min: Decimal
    profit_max: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class GridHealth:
    """Whether a grid does what it should."""

    open_buys: int
    open_sells: int
    hole: int | None  # the one level without an order; None while a cell is partly held
    in_range: bool | None
    drift_since: datetime | None
    relabelled: Decimal
    refused_orders: int
    last_fill: datetime | None
    last_look: datetime | None  # of order_monitor


@dataclass(frozen=True, slots=True, kw_only=True)
class GridStanding:
    """One grid: what it is, what it earned, whether it is well. `unreadable` says why the numbers are not there."""

    id: int
    symbol: str
    strategy: str
    status: str
    reason: str | None
    wanted: str | None
    capital: Decimal | None = None
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    start_price: Decimal | None = None
    price: Decimal | None = None
    price_at: datetime | None = None
    profit: GridProfit | None = None
    health: GridHealth | None = None
    rungs: tuple[RungLine, ...] = ()  # from the lowest level
    trips: tuple[TripLine, ...] = ()  # the newest, newest first
    unreadable: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GridStatusPage:
    """Grids at one moment, from the rows alone."""

    at: datetime
    account: str
    grids: tuple[GridStanding, ...] = ()


def grid_lines(
    strategies: Iterable[Strategy],
    orders: Iterable[Order],
    results: Mapping[int, tuple[int, Decimal]],
    *,
    ticked: Callable[[object], bool],
) -> tuple[GridLine, ...]:
    """Lay out strategies, the newest first. `results` are round trips and their net profit; `ticked` reads a tick."""
    live: dict[int | None, int] = {}
    for order in orders:
        live[order.strategy_id] = live.get(order.strategy_id, 0) + (order.order_status not in ENDED)
    return tuple(
        GridLine(
            id=each.id,
            symbol=each.symbol,
            kind=each.kind,
            lower=each.lower_price,
            upper=each.upper_price,
            levels=each.levels,
            qty=each.quantity_per_grid,
            approved=ticked(each.approve),
            status=each.status or "WAITING",
            orders=live.get(each.id, 0),
            trips=results.get(each.id, (0, ZERO))[0],
            net=results.get(each.id, (0, ZERO))[1],
            price=each.last_price,
            reason=each.reason,
        )
        for each in sorted(strategies, key=lambda s: s.id, reverse=True)
    )


def going_on(rows: Rows) -> tuple[GridLine, ...]:
    """Lay out the grids that have begun and not ended, as far as the rows of a pass tell."""
    begun = [each for each in rows.grids if each.started_at is not None and each.status not in OVER]
    return grid_lines(begun, rows.orders, {}, ticked=bool)


def trip_lines(
    trips: Iterable[RoundTrip], local: Callable[[datetime], datetime], *, shown: int
) -> tuple[TripLine, ...]:
    """Lay out the newest round trips, the newest first."""
    newest = sorted(trips, key=lambda t: (t.closed_at, t.id), reverse=True)[:shown]
    return tuple(
        TripLine(
            closed_at=local(each.closed_at),
            cell=each.cell,
            qty=each.qty,
            entry_price=each.entry_price,
            exit_price=each.exit_price,
            fees=each.fees,
            net=each.net,
            pnl_bps=each.pnl_bps,
            hold_s=each.hold_s,
            policy=each.policy,
        )
        for each in newest
    )
