"""Whose shares they are: the broker nets by symbol, we keep one account a trade, one a grid and one for the user.

The user's, the external bucket, has no trade: its owner is None. Quantities are the broker's, below zero for shorts.
What a grid holds is the sum of its own fills, so nothing is dealt out to grids: their part is the user's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from lib.domain.actions import Insert
from lib.domain.facts import FillActivity, Snapshot
from lib.domain.money import ZERO
from lib.domain.records import Rows
from lib.domain.states import Change, TradeStatus
from lib.planning.books import TradeBook, broker_qty
from lib.planning.grid.holdings import Holding, qty_of

Part = tuple[int | None, Decimal]
SALES = frozenset({"sell", "sell_short"})
"""Alpaca's words for the side of a fill that takes shares away; older rows call a short sale by its own name."""
NINE_PLACES = Decimal("0.000000001")
"""Quantities have nine decimals at most (Alpaca, "Fractional Trading")."""


@dataclass(slots=True)
class Ledger:
    """Shares by owner while what happened to one symbol is dealt out."""

    external: Decimal
    trades: dict[int, Decimal] = field(default_factory=dict)
    grids: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """What the broker ought to hold."""
        return sum(self.trades.values(), self.external + self.grids)

    def owners(self) -> list[Part]:
        """Return whose every share is, the user's first and those of grids among them."""
        return [(None, self.external + self.grids), *sorted(self.trades.items())]

    def deal(self, delta: Decimal) -> list[Part]:
        """Deal out a trade of the user's: sold shares below zero, bought ones above.

        A sale takes from the user's own shares, then from the oldest long trades; a purchase covers the user's own
        short, then the oldest short trades. What is left over is the user's. Each owner is named once: an activity is
        unique by owner.
        """
        sign = 1 if delta > 0 else -1
        left = abs(delta)
        parts: dict[int | None, Decimal] = {}
        owners: list[Part] = [(None, self.external), *sorted(self.trades.items())]
        for owner, has in owners:
            part = min(left, max(-sign * has, ZERO))
            if part > 0:
                parts[owner] = sign * part
                left -= part
        if left > 0:
            parts[None] = parts.get(None, ZERO) + sign * left
        self._add(parts.items())
        return list(parts.items())

    def share(self, delta: Decimal) -> list[Part]:
        """Deal out what happened to every share alike, as a split does: by what each owner has.

        Nine decimals, and what that leaves over goes to the newest trade, so that the parts always add up.
        """
        owners = [(owner, has) for owner, has in self.owners() if has]
        total = sum((has for _, has in owners), ZERO)
        if total == 0:
            return [(None, delta)]
        parts = [(owner, (delta * has / total).quantize(NINE_PLACES, rounding=ROUND_DOWN)) for owner, has in owners]
        owner, last = parts[-1]
        parts[-1] = (owner, last + delta - sum((part for _, part in parts), ZERO))
        return [(owner, part.normalize() + ZERO) for owner, part in parts if part]

    def _add(self, parts: Iterable[Part]) -> None:
        for owner, delta in parts:
            if owner is None:
                self.external += delta
            else:
                self.trades[owner] += delta


def ledger_of(symbol: str, mine: Iterable[TradeBook], rows: Rows, grids: Iterable[Holding] = ()) -> Ledger:
    """Return who has how much of a symbol by our books."""
    trades = {b.trade.id: broker_qty(b) for b in open_books(mine)}
    return Ledger(external_qty(rows, symbol), trades, qty_of(grids))


def open_books(mine: Iterable[TradeBook]) -> list[TradeBook]:
    """Keep the trades that have shares."""
    return [b for b in mine if b.trade.status == TradeStatus.POSITION]


def is_explained(
    symbol: str, mine: Iterable[TradeBook], rows: Rows, snapshot: Snapshot, grids: Sequence[Holding] = ()
) -> bool:
    """Say whether the broker's position of a symbol is what its trades, its grids and the external bucket have."""
    held = snapshot.positions.get(symbol)
    return ledger_of(symbol, mine, rows, grids).total == (held.qty if held is not None else ZERO)


def external_qty(rows: Rows, symbol: str) -> Decimal:
    """Sum the external bucket of a symbol."""
    return sum((c.delta for c in rows.changes if c.trade_id is None and c.symbol == symbol), ZERO)


def moved_by(fill: FillActivity) -> Decimal:
    """Return what a fill did to the position of its symbol."""
    return -fill.qty if fill.side in SALES else fill.qty


def quantity_change(
    rows: Rows,
    symbol: str,
    delta: Decimal,
    cause: Change,
    at: datetime,
    *,
    trade_id: int | None = None,
    price: Decimal | None = None,
    activity_id: str | None = None,
    evidence: str,
) -> Insert:
    """Return the row of one change of quantity that is no fill of ours."""
    return Insert(
        table="quantity_change",
        values={
            "account": rows.account.account,
            "symbol": symbol,
            "delta": delta,
            "cause": cause,
            "at": at,
            "trade_id": trade_id,
            "price": price,
            "activity_id": activity_id,
            "evidence": evidence,
        },
    )
