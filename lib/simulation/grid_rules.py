"""What must hold of one grid in a simulation (grid-I1 to grid-I30), by our rows and by the broker's own record.

What production asserts too is in lib.invariants and judged after each pass. Here stands what takes a grid at rest, its
whole history, or knowledge of what was played. Each rule says what is broken, in words that begin with its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal, localcontext
from functools import cached_property
from itertools import pairwise
from random import Random

from lib.domain.bodies import is_coin
from lib.domain.facts import Asset, BrokerOrder, FillActivity
from lib.domain.grids import Grid, GridStatus, Strategy
from lib.domain.ids import grid_id
from lib.domain.money import ZERO
from lib.domain.states import ENDED
from lib.invariants.evidence import Evidence
from lib.planning.deciding.decisions import Refused
from lib.planning.grid.booking import NAME
from lib.planning.grid.books import GridBook, GridRows, book_of, closing_side, opening_side
from lib.planning.grid.desired import Want, desired, hole
from lib.planning.grid.ledger import Ledger, ledger
from lib.planning.grid.levels import BPS, EXACT, level, levels
from lib.planning.grid.lots import Execution, Part
from lib.planning.protecting.coins import STEP

Key = tuple[str, int]
"""Side and cell."""


@dataclass(frozen=True, kw_only=True)
class View:
    """One grid as our rows and the broker have it at one instant; every order of the account is the grid's."""

    seen: Evidence
    book: GridBook
    price: Decimal

    @property
    def grid(self) -> Grid:
        """Return what it was set up as."""
        return self.book.grid

    @property
    def ledger(self) -> Ledger:
        """Return what our rows fold to."""
        return self.book.ledger

    @cached_property
    def orders(self) -> tuple[BrokerOrder, ...]:
        """Return the broker's orders under our ids, ended ones too."""
        return self.seen.ours

    @cached_property
    def live(self) -> tuple[BrokerOrder, ...]:
        """Return those that may still fill."""
        return tuple(o for o in self.orders if o.status not in ENDED)

    @cached_property
    def resting(self) -> dict[Key, Decimal]:
        """Return what is left of live orders of cells."""
        found: dict[Key, Decimal] = {}
        for order in self.live:
            cell = cell_of(order)
            if cell is not None:
                found[order.side, cell] = found.get((order.side, cell), ZERO) + (order.qty or ZERO) - order.filled_qty
        return found

    @cached_property
    def wants(self) -> tuple[Want, ...]:
        """Return what the grid wants to rest."""
        return desired(self.grid, self.ledger, {(cell, side) for side, cell in self.resting})

    @property
    def position(self) -> Decimal:
        """Return what the broker holds, below zero for a short position."""
        found = self.seen.ledger.positions.get(self.grid.symbol)
        return ZERO if found is None else found.qty


def view(seen: Evidence, asset: Asset | None, price: Decimal) -> View | None:
    """Put together the only grid there is; None while it cannot be read."""
    (strategy,) = seen.books.grids
    orders = tuple(sorted(seen.books.orders, key=lambda o: o.id))
    fills = tuple(sorted(seen.books.fills, key=lambda f: (f.transaction_time, f.activity_id)))
    rows = GridRows(strategy=strategy, orders=orders, fills=fills)
    book = book_of(rows, seen.limits, {strategy.symbol or "": asset})
    return None if isinstance(book, Refused) else View(seen=seen, book=book, price=price)


def cell_of(order: BrokerOrder) -> int | None:
    """Return the cell that an order of ours is named after."""
    name = NAME.fullmatch(order.client_order_id)
    return None if name is None or name["cell"] is None else int(name["cell"])


def levels_are_sound(found: View) -> Iterator[str]:
    """I1: levels rise, no two are one price, and the ends are those that were asked for."""
    prices = levels(found.grid)
    if any(above <= below for below, above in pairwise(prices)):
        yield f"I1: two of the levels {prices} are one"
    if (prices[0], prices[-1], len(prices)) != (found.grid.lower, found.grid.upper, found.grid.levels):
        yield f"I1: the levels {prices} are not from {found.grid.lower} to {found.grid.upper}"


def one_order_a_side(found: View) -> Iterator[str]:
    """I2: one live quantity for each side of a cell; with whole lots one order a cell, and one level without."""
    grid = found.grid
    if grid.increment != 1 or any(qty not in {ZERO, grid.qty} for qty in found.ledger.held.values()):
        return
    if len(found.resting) != grid.levels - 1 or hole(grid, found.ledger) is None:
        yield f"I2: {sorted(found.resting)} rest of {grid.levels - 1} cells, none of which is partly held"


def held_in_one_block(found: View) -> Iterator[str]:
    """I3: full cells from the far end, then one that is partly held at most, then none."""
    grid = found.grid
    far_first = list(found.ledger.held.values())[:: -grid.sign]
    full = next((n for n, qty in enumerate(far_first) if qty != grid.qty), len(far_first))
    if any(far_first[full + 1 :]):
        yield f"I3: {far_first} is held, from the far end"


def orders_never_meet(found: View) -> Iterator[str]:
    """I4: every own buy lies below every own sell."""
    buys = [o.limit_price for o in found.live if o.side == "buy" and o.limit_price is not None]
    sells = [o.limit_price for o in found.live if o.side == "sell" and o.limit_price is not None]
    if buys and sells and max(buys) >= min(sells):
        yield f"I4: a buy rests at {max(buys)}, a sell at {min(sells)}"


def as_wanted(found: View) -> Iterator[str]:
    """I5, I18: what rests is what is wanted by levels, lot and cells alone, at the level of its cell."""
    wanted = {(want.side, want.cell): want.qty for want in found.wants}
    lacking = {key: wanted.get(key, ZERO) - found.resting.get(key, ZERO) for key in {*wanted, *found.resting}}
    if any(not (qty == 0 or 0 < qty < dust_most(found, 1)) for qty in lacking.values()):
        yield f"I5: {found.resting} rest, {wanted} are wanted"
    for order in found.live:
        cell = cell_of(order)
        if cell is not None and order.limit_price != level(found.grid, cell if order.side == "buy" else cell + 1):
            yield f"I5: {order.client_order_id} rests at {order.limit_price}, which is not its level"


def exits_are_what_is_held(found: View) -> Iterator[str]:
    """I6, I26: exits come to what is held, but for what is too little for an order; the broker holds as much."""
    grid, book = found.grid, found.ledger
    exits = sum((qty for (side, _), qty in found.resting.items() if side == closing_side(grid)), ZERO)
    dust = abs(book.inventory) - exits
    if not 0 <= dust <= dust_most(found, found.grid.levels - 1):
        yield f"I6: {book.inventory} is held, exits for {exits} rest"
    if found.position != book.inventory:
        yield f"I6: {book.inventory} is held, the broker has {found.position}"
    for order in found.orders:
        if order.qty is not None and order.qty % grid.increment:
            yield f"I26: {order.client_order_id} is for {order.qty}, the step is {grid.increment}"


def profit_adds_up(found: View) -> Iterator[str]:
    """I7: what equity gained is matched, initial and unrealised profit, exactly."""
    book = found.ledger
    with localcontext(EXACT):
        gained = book.equity(found.price) - found.grid.capital
        parts = book.matched + book.initial + book.unrealised(found.price)
    if gained != parts or book.excess:
        yield f"I7: equity gained {gained}, its parts come to {parts}; {book.excess} closed beyond what was held"


def sums_are_the_fills(found: View) -> Iterator[str]:
    """I8: cash and inventory are what the broker's fills come to, and the broker's own cash says so."""
    grid, book, record = found.grid, found.ledger, found.seen.ledger
    with localcontext(EXACT):
        cash, inventory = grid.capital, ZERO
        for fill in record.fills:
            quote, base = _fees(found, fill)
            sign = 1 if fill.side == "buy" else -1
            cash -= sign * fill.qty * fill.price + quote
            inventory += sign * fill.qty - base
        spent = (record.cash or ZERO) - (record.cash_start or ZERO)
        if (book.cash, book.inventory) != (cash, inventory):
            yield f"I8: cash {book.cash}, inventory {book.inventory}; by the broker's fills {cash}, {inventory}"
        if abs(spent - (book.cash - grid.capital)) >= STEP * (1 + len(found.book.fills)):  # told to nine decimals
            yield f"I8: cash changed by {book.cash - grid.capital}, at the broker by {spent}"


def fills_are_answered(found: View) -> Iterator[str]:
    """I9: exits ever placed, less what ended without a fill, are what was opened, but for what is too little."""
    grid = found.grid
    placed = [o for o in found.orders if o.side == closing_side(grid)]
    covered = sum((o.filled_qty if o.status in ENDED else o.qty or ZERO for o in placed), ZERO)
    opened = ZERO
    for fill in found.seen.ledger.fills:
        if fill.side == opening_side(grid):
            opened += fill.qty - _fees(found, fill)[1]
    if not 0 <= opened - covered <= dust_most(found, found.grid.levels - 1):
        yield f"I9: {opened} were opened, exits answer {covered}"


def names_are_a_function(found: View) -> Iterator[str]:
    """I13: a name tells grid, cell, side and number; numbers rise, and none was sent twice."""
    names = [o.client_order_id for o in found.orders]
    if len(set(names)) != len(names):
        yield f"I13: a name was sent twice: {sorted(names)}"
    rows = found.book.orders
    if any(later.attempt <= earlier.attempt for earlier, later in pairwise(rows)):
        yield f"I13: numbers do not rise: {[o.attempt for o in rows]}"
    for row in rows:
        starts = "start" if row.side == opening_side(found.grid) else "close"
        part = starts if row.cell is None else f"c{row.cell}"
        if row.client_order_id != grid_id(found.seen.books.namespace, found.grid.id, part, row.side, row.attempt):
            yield f"I13: {row.client_order_id} is the {row.side} of {part}, number {row.attempt}"


def rows_are_the_brokers(found: View) -> Iterator[str]:
    """I16: every order has its row, which says what filled of it and how it ended; a cancel that lost is a fill."""
    rows = {row.client_order_id: row for row in found.book.orders}
    for order in found.orders:
        row = rows.get(order.client_order_id)
        if row is None:
            yield f"I16: {order.client_order_id} has no row"
        elif (row.filled_qty, row.order_status) != (order.filled_qty, order.status):
            ours, theirs = f"{row.filled_qty} {row.order_status}", f"{order.filled_qty} {order.status}"
            yield f"I16: {order.client_order_id} is {theirs} at the broker, {ours} in its row"


def same_from_the_broker_alone(found: View) -> Iterator[str]:
    """I19, I11: the broker's fills, told in any order and more than once, fold to what our rows fold to."""
    told = list(_told(found))
    again = Random(len(told)).choices(told, k=len(told)) if told else []
    mixed = [*told, *again]
    Random(0).shuffle(mixed)
    for word, number, executions in (("as they came", "I19", told), ("again and out of order", "I11", mixed)):
        folded = ledger(found.grid, executions)
        if folded != found.ledger:
            yield f"{number}: the broker's fills, {word}, come to {folded}; our rows to {found.ledger}"


def exits_came_after_the_start(found: View) -> Iterator[str]:
    """I20: the broker had no exit while the first order could fill, by its own times."""
    start = next((o for o in found.orders if _part(found.grid, o) == Part.INITIAL), None)
    if start is None:
        return
    over = _over_at(start)
    for order in found.orders:
        if _part(found.grid, order) == Part.EXIT and (over is None or _sent_at(order) < over):
            yield f"I20: {order.client_order_id} was sent while {start.client_order_id} could still fill"


def markets_met_nothing(found: View) -> Iterator[str]:
    """I21: no market order was sent while an own order of the other side was live."""
    for number, order in enumerate(found.orders):
        if order.kind != "market":
            continue
        for other in found.orders[:number]:  # they are listed as they were sent
            over = _over_at(other)
            if other.side != order.side and (over is None or over > _sent_at(order)):
                yield f"I21: {order.client_order_id} was sent while {other.client_order_id} was live"


def trips_lost_nothing(found: View) -> Iterator[str]:
    """I10: no round trip of the grid's own lost money; for fills of whole orders that nobody closed at market."""
    for trip in found.ledger.trips:
        if not trip.initial and trip.part == Part.EXIT and trip.net < 0:
            yield f"I10: the trip {trip} lost {trip.net}"


def closed_form(found: View) -> Iterator[str]:
    """I12: without fees the result is what intervals earned, better prices, and what the first order began with.

    Open lots are counted at the level they are entered at.
    """
    grid, book = found.grid, found.ledger
    limits = {o.id: o.limit_price for o in found.orders}
    with localcontext(EXACT):
        better = bought = first = ZERO
        for fill in found.seen.ledger.fills:
            limit = limits[fill.order_id]
            if limit is None:
                first += fill.qty
                bought += fill.qty * fill.price
            else:
                better += fill.qty * (limit - fill.price) * (1 if fill.side == "buy" else -1)
        began = grid.sign * (_laid_out(grid, first) - bought)
        open_lots = grid.sign * sum((_entry(grid, cell) * qty for cell, qty in book.held.items()), ZERO)
        has = book.cash - grid.capital + open_lots
        if has != book.interval_gross + better + began:
            yield f"I12: {has} was made; intervals {book.interval_gross}, prices {better}, the start {began}"


Rule = Callable[[View], Iterator[str]]

AT_REST: tuple[Rule, ...] = (
    one_order_a_side,
    held_in_one_block,
    orders_never_meet,
    as_wanted,
    exits_are_what_is_held,
    profit_adds_up,
    sums_are_the_fills,
    fills_are_answered,
    rows_are_the_brokers,
)
"""After a look with which all came to rest, in a session."""

HISTORY: tuple[Rule, ...] = (
    levels_are_sound,
    names_are_a_function,
    same_from_the_broker_alone,
    exits_came_after_the_start,
    markets_met_nothing,
    profit_adds_up,
    sums_are_the_fills,
)
"""At the end of a story, by everything that happened."""


def refused_well(strategy: Strategy, seen: Evidence) -> Iterator[str]:
    """I1: a grid whose levels would be one price is refused, and nothing is sent."""
    if strategy.status != GridStatus.REJECTED or not (strategy.reason or "").startswith("GRID_LEVELS"):
        yield f"I1: levels that lie in one cent, and the strategy is {strategy.status}: {strategy.reason}"
    if seen.ledger.orders:
        yield f"I1: levels that lie in one cent, and {len(seen.ledger.orders)} orders were sent"


def dust_most(found: View, orders: int) -> Decimal:
    """Return what may lie without so many orders: of each less than the broker takes."""
    grid = found.grid
    if grid.increment == 1:
        return ZERO
    return orders * max(grid.qty_min, grid.increment, grid.notional_min / grid.lower)


def _fees(found: View, fill: FillActivity) -> tuple[Decimal, Decimal]:
    """Return the fee of a fill in money and in coins: what it bears of those posted, else by this broker's one rate."""
    rate, in_coins = found.grid.fee_bps / BPS, is_coin(fill.symbol) and fill.side == "buy"
    fee = next((f.fee for f in found.book.fills if f.activity_id == fill.id), None)
    if fee is None:
        coins = (fill.qty * rate).quantize(STEP, rounding=ROUND_CEILING)
        fee = coins if in_coins else fill.qty * fill.price * rate
    return (ZERO, fee) if in_coins else (fee, ZERO)


def _part(grid: Grid, order: BrokerOrder) -> Part:
    opens = order.side == opening_side(grid)
    if cell_of(order) is None:
        return Part.INITIAL if opens else Part.CLOSE
    return Part.ENTRY if opens else Part.EXIT


def _told(found: View) -> Iterator[Execution]:
    orders = {o.id: o for o in found.orders}
    for fill in found.seen.ledger.fills:
        order = orders[fill.order_id]
        with localcontext(EXACT):
            quote, base = _fees(found, fill)
        yield Execution(
            activity_id=fill.id,
            at=fill.transaction_time,
            part=_part(found.grid, order),
            cell=cell_of(order),
            qty=fill.qty,
            price=fill.price,
            fee_quote=quote,
            fee_base=base,
        )


def _sent_at(order: BrokerOrder) -> datetime:
    assert order.submitted_at is not None  # this broker tells of every order when it came
    return order.submitted_at


def _over_at(order: BrokerOrder) -> datetime | None:
    return (order.ended_at or order.filled_at) if order.status in ENDED else None


def _entry(grid: Grid, cell: int) -> Decimal:
    return level(grid, cell if grid.sign > 0 else cell + 1)


def _laid_out(grid: Grid, qty: Decimal) -> Decimal:
    """Return what a quantity comes to at the entry levels of the cells that it fills from the far end."""
    total, left = ZERO, qty
    for cell in list(grid.cells)[:: -grid.sign]:
        part = min(left, grid.qty)
        total += part * _entry(grid, cell)
        left -= part
    return total


def broken(rules: Iterable[Rule], found: View) -> tuple[str, ...]:
    """Return what is broken of these rules."""
    return tuple(said for rule in rules for said in rule(found))
