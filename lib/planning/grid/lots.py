"""The pieces of a grid's ledger: executions as they come in, lots that are open, trips that are closed.

Where a part of a lot is taken, money is divided to nine decimals and the rest keeps the remainder: sums stay exact.
What was filled for a part of a lot of coins is told far finer than coins are traded, so that no cell's share of the
rest is a step off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from enum import StrEnum

from lib.domain.money import AVERAGE_PLACES, ZERO
from lib.planning.grid.levels import BPS, EXACT


class Part(StrEnum):
    """What an order is to its grid. Only entries and exits belong to a cell."""

    INITIAL = "initial"
    ENTRY = "entry"
    EXIT = "exit"
    CLOSE = "close"


OPENS = frozenset({Part.INITIAL, Part.ENTRY})

_FAR_FINER = Decimal(1).scaleb(-24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One fill of one of the grid's orders. `qty` is what was filled; `fee_base` coins of it never arrived."""

    activity_id: str
    at: datetime
    part: Part
    cell: int | None
    qty: Decimal
    price: Decimal
    fee_quote: Decimal = ZERO
    fee_base: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What is left of one entry: `qty` as it was filled, `net` what of it is there to be sold."""

    entry: str  # activity id
    opened_at: datetime
    initial: bool
    cell: int | None  # of the order that bought it; where it lies now is for the stack to say
    qty: Decimal
    net: Decimal
    price: Decimal
    fee: Decimal  # in money
    sign: int

    @property
    def cost(self) -> Decimal:
        """Return the money paid for it, or for a short lot received, with its fee."""
        with localcontext(EXACT):
            return self.qty * self.price + self.sign * self.fee


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A lot, or a part of one, from its entry to its exit. `fees` has coins that never arrived, at the entry price."""

    entry: str
    exit: str
    part: Part  # EXIT or CLOSE
    cell: int | None  # of the exit's order
    initial: bool
    qty: Decimal  # what was closed
    entry_qty: Decimal  # what was filled to have it: as much, but for coins
    entry_price: Decimal
    exit_price: Decimal
    gross: Decimal
    fees: Decimal
    opened_at: datetime
    closed_at: datetime

    @property
    def net(self) -> Decimal:
        """Return the money gained after all fees."""
        with localcontext(EXACT):
            return self.gross - self.fees

    @property
    def pnl_bps(self) -> Decimal:
        """Return what was gained for each 10,000 dollars of the entry, to nine decimals."""
        with localcontext(EXACT):
            return (self.net * BPS / (self.entry_qty * self.entry_price)).quantize(AVERAGE_PLACES)

    @property
    def policy(self) -> str:
        """Return the word of `round_trip` for how it ended: matched, initial or close."""
        if self.part == Part.CLOSE:
            return "close"
        return "initial" if self.initial else "matched"


def net_up_to(lot: Lot, qty: Decimal) -> Decimal:
    """Return what is net of the first `qty` of a lot."""
    if qty == lot.qty:
        return lot.net
    if lot.net == lot.qty:
        return qty
    return (qty * lot.net / lot.qty).quantize(AVERAGE_PLACES, rounding=ROUND_HALF_EVEN)


def proportion(whole: Decimal, part: Decimal, of: Decimal, places: Decimal = AVERAGE_PLACES) -> Decimal:
    """Return the part of an amount, to nine decimals; whoever takes the rest gets the remainder, so that sums hold."""
    exact = whole * part / of
    rounded = exact.quantize(places)
    return exact if exact == rounded else rounded


def split(lot: Lot, net: Decimal) -> tuple[Lot, Lot | None]:
    """Return the part of a lot that is closed, and what stays of it."""
    if net == lot.net:
        return lot, None
    qty, fee = proportion(lot.qty, net, lot.net, _FAR_FINER), proportion(lot.fee, net, lot.net)
    rest = replace(lot, net=lot.net - net, qty=lot.qty - qty, fee=lot.fee - fee)
    return replace(lot, net=net, qty=qty, fee=fee), rest
