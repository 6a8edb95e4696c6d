"""An exchange of pure values for one grid: limits that are touched fill, looks place what the grid wants."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from lib.domain.bodies import is_coin
from lib.domain.grids import Grid
from lib.planning.grid.desired import desired
from lib.planning.grid.ledger import Ledger, ledger
from lib.planning.grid.levels import cells_held_at_start, level
from lib.planning.grid.lots import Execution, Part
from tests.grids.tables import Filled

OPENED = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
ONE_LOOK = timedelta(seconds=1)


@dataclass
class Exchange:
    grid: Grid
    price: Decimal
    executions: list[Execution] = field(default_factory=list)
    live: dict[tuple[str, int], Decimal] = field(default_factory=dict)  # (side, cell) → what is left of it
    fills: list[Filled] = field(default_factory=list)
    late: int = 0  # orders that filled as they were placed
    calls: int = 0
    folded: tuple[tuple[Grid, int], Ledger] | None = None

    @property
    def ledger(self) -> Ledger:
        """The fold of all fills, made anew when there are more of them."""
        key = self.grid, len(self.executions)
        if self.folded is None or self.folded[0] != key:
            self.folded = key, ledger(self.grid, self.executions)
        return self.folded[1]

    def limit(self, side: str, cell: int) -> Decimal:
        return level(self.grid, cell if side == "buy" else cell + 1)

    def start(self) -> None:
        """The initial order, and the first look."""
        held = cells_held_at_start(self.grid, self.price)
        if held:
            self.execute(Part.INITIAL, None, self.grid.qty * len(held), self.price)
        self.settle()

    def close(self) -> None:
        """Cancel everything, then close what is held at the market."""
        self.live.clear()
        self.execute(Part.CLOSE, None, sum(self.ledger.net.values()), self.price)

    def look(self) -> bool:
        """Place and cancel until what rests is what is wanted; what crosses the market fills at its price."""
        wanted = {(want.side, want.cell): want.qty for want in desired(self.grid, self.ledger)}
        fresh = [key for key, qty in wanted.items() if qty != self.live.get(key)]
        changed = len({*fresh, *(self.live.keys() - wanted.keys())})
        self.calls += changed
        self.live = wanted
        for side, cell in sorted(fresh, key=lambda key: self.limit(*key) * (-1 if key[0] == "buy" else 1)):
            if self.touched(side, cell, self.price):
                self.late += 1
                self.fill(side, cell, self.live[side, cell], self.price)
        return changed > 0

    def settle(self) -> int:
        """Look until nothing changes; return how many looks found something to do."""
        looks = 0
        while self.look():
            looks += 1
        return looks

    def touched(self, side: str, cell: int, price: Decimal) -> bool:
        return price <= self.limit(side, cell) if side == "buy" else price >= self.limit(side, cell)

    def move(self, price: Decimal, *, looks: bool = False, part=lambda qty: qty) -> None:
        """Go to `price` through the levels between; each limit fills as it is touched, `part` of it."""
        rising = price > self.price
        numbers = range(self.grid.shift, self.grid.shift + self.grid.levels)
        path = sorted({level(self.grid, number) for number in numbers}, reverse=not rising)
        low, high = sorted((self.price, price))
        for stop in [*(each for each in path if low < each < high), price]:
            self.price = stop
            for side, cell in sorted(self.live, key=lambda key: self.limit(*key), reverse=not rising):
                if (side, cell) in self.live and self.touched(side, cell, stop):
                    self.fill(side, cell, part(self.live[side, cell]), self.limit(side, cell))
            if looks:
                self.settle()

    def jump(self, price: Decimal) -> None:
        """Go to `price` at once: what lies between fills at the new price, the nearest first."""
        rising, self.price = price > self.price, price
        for side, cell in sorted(self.live, key=lambda key: self.limit(*key), reverse=not rising):
            if self.touched(side, cell, price):
                self.fill(side, cell, self.live[side, cell], price)

    def fill(self, side: str, cell: int, qty: Decimal, price: Decimal) -> None:
        if not qty:
            return
        left = self.live.pop((side, cell)) - qty
        if left:
            self.live[side, cell] = left
        opens = (side == "buy") == (self.grid.sign > 0)
        self.fills.append(Filled(side, qty, price, cell))
        self.execute(Part.ENTRY if opens else Part.EXIT, cell, qty, price)

    def execute(self, part: Part, cell: int | None, qty: Decimal, price: Decimal) -> None:
        number = len(self.executions)
        opens = part in {Part.INITIAL, Part.ENTRY}
        rate = self.grid.fee_bps / 10_000
        in_coins = opens and is_coin(self.grid.symbol)
        coins = (qty * rate / self.grid.increment).to_integral_value(ROUND_CEILING) * self.grid.increment
        self.executions.append(
            Execution(
                activity_id=f"a{number}",
                at=OPENED + number * ONE_LOOK,
                part=part,
                cell=cell,
                qty=qty,
                price=price,
                fee_quote=Decimal(0) if in_coins else qty * price * rate,
                fee_base=coins if in_coins else Decimal(0),
            )
        )

    def trail(self, shift: int) -> None:
        self.grid = replace(self.grid, shift=shift)
        self.settle()
