"""What a grid has done and holds: one pure fold over its own fills in time order, never stored.

Lots form a stack in time order. The oldest fill the cells at the far end (spot: the top cell first, reverse: the bottom
one), the newest lie at the edge; so what is held is one block, whatever was filled between two looks.
A lot that thereby lies in another cell than the one it was bought for was moved there: no order, no cash, no profit.
A spot grid opens by buying and closes by selling, a reverse one the other way round: `sign` turns one into the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from lib.domain.grids import Grid
from lib.domain.money import ZERO
from lib.planning.grid.levels import EXACT, level
from lib.planning.grid.lots import OPENS, Execution, Lot, Part, Trip, net_up_to, proportion, split

_Cells = dict[int, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The state of a grid. Quantities of cells are positive for both kinds; `inventory` is the broker's signed one."""

    sign: int
    capital: Decimal
    lots: tuple[Lot, ...]  # the oldest first
    trips: tuple[Trip, ...]
    held: Mapping[int, Decimal]  # of each cell, as it was filled: what is left to enter is the lot less this
    net: Mapping[int, Decimal]  # of each cell, what there is to exit
    cash: Decimal
    fees: Decimal
    interval_gross: Decimal  # (upper - lower) x quantity of each exit's cell, and of each cell a lot was moved by
    relabelled: Decimal  # quantity x cells moved by
    arbitrages: Decimal  # closed trips entered by the grid, in whole lots
    excess: Decimal = ZERO  # closed beyond what was held: must stay zero
    excess_value: Decimal = ZERO  # the money of it

    @property
    def inventory(self) -> Decimal:
        """Return what the broker's position has of this grid: negative for a short one."""
        with localcontext(EXACT):
            return self.sign * (sum((lot.net for lot in self.lots), ZERO) - self.excess)

    @property
    def matched(self) -> Decimal:
        """Return the net profit of round trips whose entry was the grid's own, however they ended."""
        with localcontext(EXACT):
            return sum((trip.net for trip in self.trips if not trip.initial), ZERO)

    @property
    def initial(self) -> Decimal:
        """Return the net profit of what was closed of the initial order."""
        with localcontext(EXACT):
            return sum((trip.net for trip in self.trips if trip.initial), ZERO)

    def unrealised(self, price: Decimal) -> Decimal:
        """Return what open lots are worth at `price` beyond their cost; no fee of an exit to come is taken off."""
        with localcontext(EXACT):
            lots = sum((self.sign * (lot.net * price - lot.cost) for lot in self.lots), ZERO)
            return lots + self.excess_value - self.sign * self.excess * price

    def equity(self, price: Decimal) -> Decimal:
        """Return cash and inventory at `price`: capital + matched + initial + unrealised, exactly."""
        with localcontext(EXACT):
            return self.cash + self.inventory * price


def ledger(grid: Grid, executions: Iterable[Execution]) -> Ledger:
    """Fold the grid's fills. Each activity counts once and their order does not matter: they are sorted here."""
    once = {execution.activity_id: execution for execution in executions}
    fold = _Fold(grid)
    with localcontext(EXACT):
        for execution in sorted(once.values(), key=lambda e: _order(grid.sign, e)):
            fold.book(execution)
        fold.move_to(grid.shift)
        return fold.result()


def _order(sign: int, execution: Execution) -> tuple[datetime, int, int, str]:
    """Fills of one moment, as of a gap: entries from the price's side inwards, then exits from the edge on."""
    cell = execution.cell or 0
    inwards = -sign * cell if execution.part in OPENS else sign * cell
    return execution.at, tuple(Part).index(execution.part), inwards, execution.activity_id


class _Fold:
    """The stack while it is folded; lives inside `ledger` alone."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.sign = grid.sign
        self.shift = 0
        self.lots: list[Lot] = []
        self.trips: list[Trip] = []
        self.known: tuple[_Cells, _Cells] | None = None  # the answer of `cells` while nothing has changed
        self.cash = grid.capital
        self.fees = self.interval_gross = self.relabelled = self.excess = self.excess_value = ZERO

    def far(self) -> int:
        """Return the cell that is filled first, at depth 0 of the stack; quantities are counted from there."""
        return self.shift + self.grid.levels - 2 if self.sign > 0 else self.shift

    def depth(self, cell: int) -> int:
        return self.sign * (self.far() - cell)

    def bounds(self, depth: int) -> tuple[Decimal, Decimal | None]:
        """Where a cell begins and ends in the stack. The last has no end: what is too much must be covered too."""
        start = self.grid.qty * depth
        return start, None if depth >= self.grid.levels - 2 else start + self.grid.qty

    def inside(self, depth: int) -> list[tuple[int, Decimal, Decimal]]:
        """Return (index of the lot, quantity as filled, quantity net) of what lies at a cell, the oldest first."""
        low, high = self.bounds(depth)
        found, end = [], ZERO
        for index, lot in enumerate(self.lots):
            start, end = end, end + lot.qty
            if end <= low:
                continue
            if high is not None and start >= high:
                break
            first = max(low - start, ZERO)
            last = lot.qty if high is None else min(high - start, lot.qty)
            found.append((index, last - first, net_up_to(lot, last) - net_up_to(lot, first)))
        return found

    def cells(self) -> tuple[_Cells, _Cells]:
        """Return what each cell holds as it was filled, and net: the same as `inside` of each, in one walk."""
        if self.known is not None:
            return self.known
        numbers = range(self.shift, self.shift + self.grid.levels - 1)
        held, net = dict.fromkeys(numbers, ZERO), dict.fromkeys(numbers, ZERO)
        depth, room = 0, self.grid.qty
        for lot in self.lots:
            laid = laid_net = ZERO
            while laid < lot.qty:
                last = depth >= self.grid.levels - 2
                part = lot.qty - laid if last else min(room, lot.qty - laid)
                laid, room = laid + part, room - part
                net_now = net_up_to(lot, laid)
                cell = self.far() - self.sign * depth
                held[cell] += part
                net[cell] += net_now - laid_net
                laid_net = net_now
                if not room and not last:
                    depth, room = depth + 1, self.grid.qty
        self.known = held, net
        return self.known

    def book(self, execution: Execution) -> None:
        if execution.cell is not None:
            self.make_room(execution.cell)
        before = None if self.in_place(execution) else self.cells()
        self.known = None
        money = execution.qty * execution.price
        self.fees += execution.fee_quote + execution.fee_base * execution.price
        if execution.part in OPENS:
            self.cash -= self.sign * money + execution.fee_quote
            self.open(execution)
            moved = execution.qty
        else:
            self.cash += self.sign * money - execution.fee_quote
            moved = -self.close(execution)
        if execution.cell is not None:
            self.credit(execution, before, moved)

    def in_place(self, e: Execution) -> bool:
        """Say whether nothing can move: the order's cell is the edge of the stack before and after. Most are so."""
        if e.cell is None:
            return True
        depth = self.depth(e.cell)
        low, high = self.bounds(depth)
        held = sum((lot.qty for lot in self.lots), ZERO)
        if e.part in OPENS:
            return held >= low and (high is None or held + e.qty <= high)
        there = sum((net for _, _, net in self.inside(depth)), ZERO)
        return (high is None or held <= high) and there >= e.qty - e.fee_base

    def open(self, e: Execution) -> None:
        self.lots.append(
            Lot(
                entry=e.activity_id,
                opened_at=e.at,
                initial=e.part == Part.INITIAL,
                cell=e.cell,
                qty=e.qty,
                net=e.qty - e.fee_base,
                price=e.price,
                fee=e.fee_quote,
                sign=self.sign,
            )
        )

    def close(self, e: Execution) -> Decimal:
        """Take what was closed off the stack, and return how much that is as it was filled."""
        closed = e.qty - e.fee_base
        taken: dict[int, Decimal] = {}
        left = closed
        if e.cell is not None:
            for index, _, net in self.inside(self.depth(e.cell)):
                taken[index] = min(left, net)
                left -= taken[index]
        for index in reversed(range(len(self.lots) if left else 0)):
            more = min(left, self.lots[index].net - taken.get(index, ZERO))
            taken[index] = taken.get(index, ZERO) + more
            left -= more
        return self.trip(e, {index: net for index, net in sorted(taken.items()) if net}, left)

    def trip(self, e: Execution, taken: Mapping[int, Decimal], excess: Decimal) -> Decimal:
        closed = e.qty - e.fee_base
        fee = fee_left = e.fee_quote + e.fee_base * e.price
        stays: list[Lot | None] = [*self.lots]
        gone = ZERO
        for index, net in taken.items():
            part, stays[index] = split(self.lots[index], net)
            gone += part.qty
            last = not excess and index == max(taken)
            share = fee_left if last else proportion(fee, net, closed)
            fee_left -= share
            self.trips.append(
                Trip(
                    entry=part.entry,
                    exit=e.activity_id,
                    part=e.part,
                    cell=e.cell,
                    initial=part.initial,
                    qty=net,
                    entry_qty=part.qty,
                    entry_price=part.price,
                    exit_price=e.price,
                    gross=self.sign * net * (e.price - part.price),
                    fees=part.fee + (part.qty - net) * part.price + share,
                    opened_at=part.opened_at,
                    closed_at=e.at,
                )
            )
        self.excess += excess
        self.excess_value += self.sign * excess * e.price - fee_left
        self.lots = [lot for lot in stays if lot is not None]
        return gone

    def credit(self, e: Execution, before: tuple[_Cells, _Cells] | None, moved: Decimal) -> None:
        """Count what came to lie in another cell than the order's, and the intervals that were earned."""
        assert e.cell is not None
        closed = e.qty - e.fee_base
        if before is None:
            if e.part not in OPENS:
                self.interval_gross += self.sign * (self.exit_level(e.cell) - self.entry_level(e.cell)) * closed
            return
        held, net = self.cells()
        expected = {**before[0], e.cell: before[0].get(e.cell, ZERO) + moved}
        self.relabelled += _distance(expected, held)
        earned = -self.entry_level(e.cell) if e.part in OPENS else self.exit_level(e.cell)
        self.interval_gross += self.sign * (self.gained(before[1], net) + earned * closed)

    def gained(self, before: _Cells, after: _Cells) -> Decimal:
        """Return by how much more all that is held would have cost, had it been entered where it lies."""
        changed = [cell for cell in {*before, *after} if before.get(cell) != after.get(cell)]
        return sum((self.entry_level(c) * (after.get(c, ZERO) - before.get(c, ZERO)) for c in changed), ZERO)

    def entry_level(self, cell: int) -> Decimal:
        return level(self.grid, cell if self.sign > 0 else cell + 1)

    def exit_level(self, cell: int) -> Decimal:
        return level(self.grid, cell + 1 if self.sign > 0 else cell)

    def make_room(self, cell: int) -> None:
        """An order of a cell beyond the far end tells that the grid had trailed there by then."""
        if self.depth(cell) < 0:
            self.move_to(cell - self.grid.levels + 2 if self.sign > 0 else cell)

    def move_to(self, shift: int) -> None:
        if shift == self.shift:
            return
        held, net = self.cells()
        self.shift, self.known = shift, None
        held_now, net_now = self.cells()
        self.relabelled += _distance(held, held_now)
        self.interval_gross += self.sign * self.gained(net, net_now)

    def result(self) -> Ledger:
        held, net = self.cells()
        matched = sum((trip.entry_qty for trip in self.trips if not trip.initial), ZERO)
        return Ledger(
            sign=self.sign,
            capital=self.grid.capital,
            lots=tuple(self.lots),
            trips=tuple(self.trips),
            held=held,
            net=net,
            cash=self.cash,
            fees=self.fees,
            interval_gross=self.interval_gross,
            relabelled=self.relabelled,
            arbitrages=matched / self.grid.qty,
            excess=self.excess,
            excess_value=self.excess_value,
        )


def _distance(expected: Mapping[int, Decimal], actual: Mapping[int, Decimal]) -> Decimal:
    """Return the least quantity x cells that turns one distribution over the cells into the other."""
    total = carried = ZERO
    cells = {*expected, *actual}
    for cell in range(min(cells), max(cells) + 1):
        carried += expected.get(cell, ZERO) - actual.get(cell, ZERO)
        total += abs(carried)
    return total
