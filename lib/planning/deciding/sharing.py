"""Who may share a symbol: nobody, or with SYMBOL_SHARING=oco further trades whose cover is an OCO.

The broker nets by symbol and refuses an order that an own opposite one could match. An OCO is exempt from that by its
documents, so trades that are covered by nothing else may stand beside each other: same side, whole shares, and each
new order on its own side of every target. Whether a resting OCO lets a later plain order pass is not documented; where
it does not, the broker refuses the order, and the decision with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from lib.domain.money import text, whole_down
from lib.domain.records import Trade
from lib.domain.states import Side
from lib.planning.deciding.decisions import NewTrade, Refused
from lib.planning.terms import SWING, rests_at_target, target_of, total_of

OCO = "oco"


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A trade that has or wants shares of a symbol; `target` None is one whose cover is no OCO of whole shares."""

    name: str
    side: str
    target: Decimal | None


def neighbours(trades: Iterable[Trade]) -> dict[str, tuple[Neighbour, ...]]:
    """Return by symbol who has it."""
    found: dict[str, tuple[Neighbour, ...]] = {}
    for trade in trades:
        exempt = rests_at_target(trade) and total_of(trade) == whole_down(total_of(trade))
        one = Neighbour(name=f"trade {trade.id}", side=trade.side, target=target_of(trade) if exempt else None)
        found[trade.symbol] = (*found.get(trade.symbol, ()), one)
    return found


def as_neighbour(trade: NewTrade) -> Neighbour:
    """Return what a new trade is to those that come after it in the same run."""
    return Neighbour(name=f"decision {trade.id}", side=trade.side, target=trade.target)


def refuse_beside(trade: NewTrade, qty: Decimal, others: Sequence[Neighbour]) -> Refused | None:
    """Refuse a further trade in a symbol, or say nothing against it."""
    busy = f"{trade.symbol} belongs to {', '.join(one.name for one in others)}"
    if trade.style != SWING or trade.target is None or qty != whole_down(qty):
        return _refused(f"{busy}; only a SWING of whole shares may stand beside another trade")
    for one in others:
        if one.side != trade.side:
            return _refused(f"{busy}: {one.name} is {one.side}, and long and short are never mixed")
        if one.target is None:
            return _refused(f"{busy}: the cover of {one.name} is no OCO")
        if trade.entry >= one.target if trade.side == Side.LONG else trade.entry <= one.target:
            return _refused(f"{busy}: the entry {text(trade.entry)} would meet its target {text(one.target)}")
    return None


def _refused(reason: str) -> Refused:
    return Refused(code="SYMBOL_BUSY", reason=reason, final=False)
