"""Grid strategies: their rows, and one whose words and numbers could be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from lib.domain.money import ZERO


class GridKind(StrEnum):
    """SPOT buys low and sells high on a long inventory; REVERSE is its mirror on a short one."""

    SPOT = "SPOT"
    REVERSE = "REVERSE"


class Spacing(StrEnum):
    """How levels lie between the two prices."""

    ARITHMETIC = "ARITHMETIC"
    GEOMETRIC = "GEOMETRIC"


class Straddle(StrEnum):
    """What becomes, at the start, of the one cell that the price stands inside."""

    FLAT = "flat"
    HELD = "held"
    NEAREST = "nearest"  # held if the price is nearer to the cell's lower level, for a reverse grid to its upper one


class OutOfRange(StrEnum):
    """What happens once the price has left the range."""

    HOLD = "hold"  # orders rest; trading resumes when it comes back
    STOP = "stop"  # cancel the orders, keep what is held
    FLATTEN = "flatten"  # cancel the orders, close what is held


class GridStatus(StrEnum):
    """Where a strategy stands."""

    WAITING = "WAITING"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    REJECTED = "REJECTED"


OVER = frozenset({GridStatus.STOPPED, GridStatus.REJECTED})
"""A strategy with one of these trades no more."""


class Ending(StrEnum):
    """How a stop that was asked for leaves what is held."""

    KEEP = "keep"
    FLATTEN = "flatten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """One row of `grid_strategy`: what a person wrote is raw text or None, the rest is the system's."""

    id: int
    account: str
    version: int
    symbol: str | None
    kind: str | None
    lower_price: str | None
    upper_price: str | None
    levels: str | None
    spacing: str | None
    quantity_per_grid: str | None
    capital: str | None
    straddle: str | None = None
    stop_price: str | None = None
    take_profit_price: str | None = None
    out_of_range: str | None = None
    trailing: str | None = None
    trailing_limit: str | None = None
    approve: object = None  # only True or the integer 1 approves
    approved_digest: str | None = None
    approved_seen_at: datetime | None = None
    status: str | None = None
    reason: str | None = None
    start_price: Decimal | None = None
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    shift: int = 0  # cells by which a trailing grid has moved
    wanted: str | None = None  # an Ending that a person asked for
    drift_since: datetime | None = None  # first look at which books and broker differed
    checked_at: datetime | None = None
    last_price: Decimal | None = None
    quote_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A strategy that could be read. Prices in dollars, quantities in shares or coins."""

    id: int
    account: str
    symbol: str
    kind: GridKind
    lower: Decimal
    upper: Decimal
    levels: int  # prices, both ends included; there is one cell less
    spacing: Spacing
    qty: Decimal  # of one cell, before fees in coins
    capital: Decimal
    straddle: Straddle
    tick: Decimal  # price step at `lower`
    increment: Decimal  # least step of a quantity
    qty_min: Decimal  # least quantity of an order
    notional_min: Decimal = ZERO  # least price x quantity of an order
    stop: Decimal | None = None
    take_profit: Decimal | None = None
    out_of_range: OutOfRange = OutOfRange.HOLD
    trailing: bool = False
    trailing_limit: Decimal | None = None
    shift: int = 0
    fee_bps: Decimal = ZERO  # of each side, until the broker has said what it took

    @property
    def sign(self) -> int:
        """Return 1 for a spot grid, -1 for a reverse one: what turns what is held into the broker's quantity."""
        return 1 if self.kind is GridKind.SPOT else -1

    @property
    def cells(self) -> range:
        """Return the numbers of the cells that the grid works now."""
        return range(self.shift, self.shift + self.levels - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """One row of `round_trip`: a lot, or a part of one, from its entry to its exit. Money in dollars.

    It is told anew once the broker has posted the fees of its fills.
    """

    id: int
    account: str
    strategy_id: int
    symbol: str
    cell: int | None
    entry_fill: str
    exit_fill: str
    qty: Decimal
    entry_price: Decimal
    exit_price: Decimal
    gross: Decimal
    fees: Decimal
    net: Decimal
    pnl_bps: Decimal
    opened_at: datetime
    closed_at: datetime
    hold_s: int
    policy: str  # matched, initial, close
    version: int = 1
