"""One grid with everything that belongs to it: its orders, its fills, and the state that they fold to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal, localcontext

from lib.domain.bodies import is_coin
from lib.domain.facts import Asset
from lib.domain.grids import Grid, GridKind, GridStatus, Strategy
from lib.domain.limits import Limits
from lib.domain.money import ZERO
from lib.domain.records import Fill, Order, QuantityChange, Rows
from lib.domain.states import REJECTED, Change
from lib.planning.booking.results import DOLLARS
from lib.planning.books import is_live, was_sent_again
from lib.planning.deciding.decisions import Refused
from lib.planning.grid.ledger import Ledger, ledger
from lib.planning.grid.levels import BPS, EXACT
from lib.planning.grid.lots import OPENS, Execution, Part
from lib.planning.grid.reading import parse_grid, symbol_of
from lib.planning.protecting.coins import STEP

GRID_ORDER = "GRID"
"""The `order_type` of a grid's orders."""

_NO_ASSETS: Mapping[str, Asset | None] = {}
_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRows:
    """A strategy and its rows, orders and fills oldest first, whether or not it can be read."""

    strategy: Strategy
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GridBook:
    """A strategy that can be read, with its rows and what they come to."""

    strategy: Strategy
    grid: Grid
    ledger: Ledger
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()


def grid_rows(rows: Rows) -> tuple[GridRows, ...]:
    """Sort the rows of a pass by strategy, oldest first; each row is looked at once.

    Orders whose strategy was deleted get one that has ended: they are booked as ever, and cancelled.
    """
    orders: dict[int, list[Order]] = {}
    owner: dict[int, int] = {}
    for order in sorted(rows.orders, key=lambda o: o.id):
        if order.strategy_id is not None:
            orders.setdefault(order.strategy_id, []).append(order)
            owner[order.id] = order.strategy_id
    fills: dict[int, list[Fill]] = {}
    for fill in sorted(rows.fills, key=lambda f: (f.transaction_time, f.activity_id)):
        if fill.order_id in owner:
            fills.setdefault(owner[fill.order_id], []).append(fill)
    return tuple(
        GridRows(strategy=each, orders=tuple(orders.get(each.id, ())), fills=tuple(fills.get(each.id, ())))
        for each in sorted((*rows.grids, *_deleted(orders, rows)), key=lambda s: s.id)
    )


def _deleted(owners: Iterable[int], rows: Rows) -> tuple[Strategy, ...]:
    """Return what stands for strategies that orders name and no row has; nothing can be written to it."""
    return tuple(
        Strategy(
            id=gone,
            account=rows.account.account,
            version=-1,
            symbol=None,
            kind=None,
            lower_price=None,
            upper_price=None,
            levels=None,
            spacing=None,
            quantity_per_grid=None,
            capital=None,
            status=GridStatus.STOPPED,
        )
        for gone in set(owners) - {each.id for each in rows.grids}
    )


def grid_books(
    rows: Rows, limits: Limits = _LIMITS, assets: Mapping[str, Asset | None] = _NO_ASSETS
) -> tuple[GridBook, ...]:
    """Return the book of every strategy that can be read, oldest first."""
    return tuple(book for each in grid_rows(rows) if isinstance(book := book_of(each, limits, assets), GridBook))


def book_of(
    each: GridRows, limits: Limits = _LIMITS, assets: Mapping[str, Asset | None] = _NO_ASSETS
) -> GridBook | Refused:
    """Fold a strategy's rows, or say why it cannot be read."""
    grid = parse_grid(each.strategy, assets.get(symbol_of(each.strategy)), limits)
    if isinstance(grid, Refused):
        return grid
    traded = next((o.symbol for o in each.orders if o.symbol != grid.symbol), None)
    if traded is not None:
        reason = f"it has orders in {traded}, not in {grid.symbol}: put the symbol back"
        return Refused(code="GRID_SYMBOL", reason=reason)
    folded = ledger(grid, executions(grid, each.orders, each.fills))
    return GridBook(strategy=each.strategy, grid=grid, ledger=folded, orders=each.orders, fills=each.fills)


def opening_side(grid: Grid) -> str:
    """Return the side of the orders that open lots."""
    return "buy" if grid.kind is GridKind.SPOT else "sell"


def closing_side(grid: Grid) -> str:
    """Return the side of the orders that close lots."""
    return "sell" if grid.kind is GridKind.SPOT else "buy"


def part_of(order: Order, grid: Grid) -> Part:
    """Say what an order of a grid is for."""
    if order.cell is None:
        return Part.INITIAL if order.side == opening_side(grid) else Part.CLOSE
    return Part.ENTRY if order.side == opening_side(grid) else Part.EXIT


def executions(grid: Grid, orders: Iterable[Order], fills: Iterable[Fill]) -> tuple[Execution, ...]:
    """Return a grid's fills as its ledger takes them, in the order of time."""
    by_id, mine = {o.id: o for o in orders}, tuple(fills)
    told = tuple(_execution(grid, by_id[fill.order_id], fill) for fill in mine if fill.order_id in by_id)
    unsaid = {fill.activity_id for fill in mine if fill.fee is None}
    return _as_sold(told, unsaid) if is_coin(grid.symbol) else told


def _as_sold(told: tuple[Execution, ...], unsaid: Collection[str]) -> tuple[Execution, ...]:
    """Go by what was sold: coins beyond what the assumed fees had left were there, so as much was not taken as a fee.

    The newest purchases give way first: their lots are those that are closed last. Fees that are posted stay.
    """
    with localcontext(EXACT):
        bought = sum((e.qty - e.fee_base for e in told if e.part in OPENS), ZERO)
        over = sum((e.qty for e in told if e.part not in OPENS), ZERO) - bought
        found = list(told)
        for number in reversed(range(len(told) if over > 0 else 0)):
            each = told[number]
            if each.activity_id in unsaid:
                back = min(over, each.fee_base)
                over -= back
                found[number] = replace(each, fee_base=each.fee_base - back)
    return tuple(found)


def assumed_coins(book: GridBook) -> Decimal:
    """Return the coins that the broker is assumed to have taken as fees, and has not told of."""
    return sum((_fees(book.grid, fill)[1] for fill in book.fills if fill.fee is None), ZERO)


def _execution(grid: Grid, order: Order, fill: Fill) -> Execution:
    quote, base = _fees(grid, fill)
    return Execution(
        activity_id=fill.activity_id,
        at=fill.transaction_time,
        part=part_of(order, grid),
        cell=order.cell,
        qty=fill.qty,
        price=fill.price,
        fee_quote=quote,
        fee_base=base,
    )


def _fees(grid: Grid, fill: Fill) -> tuple[Decimal, Decimal]:
    """Return a fill's fee in money and in coins: as posted, else by the grid's rate, taken from what is received."""
    in_coins = is_coin(grid.symbol) and fill.side == "buy"
    if fill.fee is not None:
        in_coins = fill.commission_asset not in {None, DOLLARS}
        return (ZERO, fill.fee) if in_coins else (fill.fee, ZERO)
    with localcontext(EXACT):
        rate = grid.fee_bps / BPS
        if in_coins:
            return ZERO, (fill.qty * rate).quantize(STEP, rounding=ROUND_CEILING)  # as the broker rounds it
        return fill.qty * fill.price * rate, ZERO


def is_level(book: GridRows | GridBook) -> bool:
    """Say whether for each order the booked fills add up to what the broker says was filled."""
    sums: dict[int, Decimal] = {}
    for fill in book.fills:
        sums[fill.order_id] = sums.get(fill.order_id, ZERO) + fill.qty
    return all(sums.get(order.id, ZERO) == order.filled_qty for order in book.orders)


def live_orders(book: GridRows | GridBook) -> tuple[Order, ...]:
    """Return the grid's orders that may still fill."""
    return tuple(o for o in book.orders if is_live(o))


def initial_orders(book: GridRows | GridBook, grid: Grid) -> tuple[Order, ...]:
    """Return what was sent to take up the cells held at the start; a later row took the place of an earlier one."""
    return tuple(o for o in book.orders if part_of(o, grid) is Part.INITIAL)


def was_split(strategy: Strategy, symbol: str, changes: Iterable[QuantityChange]) -> bool:
    """Say whether the shares of a grid were split since it began: its fills no longer tell what it holds."""
    began = strategy.started_at
    split = (c for c in changes if c.cause == Change.SPLIT and c.symbol == symbol)
    return any(began is None or c.at >= began for c in split)


def may_have_traded(orders: Iterable[Order]) -> bool:
    """Say whether a grid was started by these orders.

    What the broker refused was no start, unless it had been sent twice: the first copy may yet arrive.
    """
    return any(o.order_status != REJECTED or o.filled_qty > 0 or was_sent_again(o) for o in orders)


def next_attempt(book: GridRows | GridBook) -> int:
    """Return the number of the grid's next order: they count on over all parts, and rows are never deleted."""
    return 1 + max((o.attempt for o in book.orders), default=0)
