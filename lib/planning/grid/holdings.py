"""What grids hold, as the broker counts it: by their fills alone, so that a row nobody can read any more counts too.

A grid that has STOPPED holds nothing: what it kept went to the external bucket as it stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from lib.domain.bodies import is_coin
from lib.domain.grids import OVER, Strategy
from lib.domain.money import ZERO
from lib.domain.records import Fill, Order, Rows
from lib.domain.states import PENDING
from lib.planning.books import is_live
from lib.planning.grid.books import GridRows, grid_rows, is_level
from lib.planning.grid.reading import opens, status_of, symbol_of
from lib.planning.protecting.coins import FEE_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A grid that has begun and not ended, its orders and their fills."""

    strategy: Strategy
    symbol: str
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()

    @property
    def name(self) -> str:
        """Name it for a person."""
        return f"grid {self.strategy.id}"

    @property
    def qty(self) -> Decimal:
        """What its fills came to: below zero for a short, less the fees in coins that are known."""
        return sum((f.qty if f.side == "buy" else -f.qty for f in self.fills), ZERO) - sum(
            (f.fee or ZERO for f in self.fills if f.side == "buy" and f.commission_asset == _base(f.symbol)), ZERO
        )

    @property
    def opens(self) -> str:
        """The side of the orders that make it larger."""
        return opens(self.strategy, self.orders)

    @property
    def price(self) -> Decimal:
        """What a share or coin of it is worth, as last seen, else as at the start, else as its first fill."""
        first = next((f.price for f in self.fills), ZERO)
        return self.strategy.last_price or self.strategy.start_price or first

    @property
    def to_come(self) -> Decimal:
        """What its resting entries may still cost."""
        mine = (o for o in self.orders if is_live(o) and o.side == self.opens)
        return sum(((o.qty - o.filled_qty) * (o.limit_price or self.price) for o in mine), ZERO)

    @property
    def fee_max(self) -> Decimal:
        """What the broker may have taken in coins without having said so yet."""
        unsaid = (f.qty for f in self.fills if f.side == "buy" and f.fee is None)
        return sum(unsaid, ZERO) * FEE_MAX if is_coin(self.symbol) else ZERO

    @property
    def blocked(self) -> str | None:
        """Say why no verdict on its shares is possible now; None if one is."""
        unknown = [o.client_order_id for o in self.orders if o.order_status == PENDING]
        if unknown:
            return f"the outcome of {unknown[0]} is not known"
        mine = GridRows(strategy=self.strategy, orders=self.orders, fills=self.fills)
        return None if is_level(mine) else "the broker's ledger lags its orders"


def _base(symbol: str) -> str | None:
    return symbol.partition("/")[0] if is_coin(symbol) else None


def holdings(rows: Rows) -> Mapping[str, tuple[Holding, ...]]:
    """Return the grids that have begun and not ended, by symbol."""
    found: dict[str, tuple[Holding, ...]] = {}
    for each in grid_rows(rows):
        begun = each.orders or each.strategy.started_at is not None
        if begun and status_of(each.strategy) not in OVER:
            symbol = each.orders[0].symbol if each.orders else symbol_of(each.strategy)  # ordered is ordered
            one = Holding(strategy=each.strategy, symbol=symbol, orders=each.orders, fills=each.fills)
            found[symbol] = (*found.get(symbol, ()), one)
    return found


def qty_of(grids: Iterable[Holding]) -> Decimal:
    """Sum what grids hold."""
    return sum((each.qty for each in grids), ZERO)


def grids_round_the_clock(rows: Rows) -> bool:
    """Say whether a grid in coins has to be looked after."""
    return any(is_coin(symbol) for symbol in holdings(rows))
