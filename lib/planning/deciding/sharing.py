"""Who may share a symbol: nobody, or with SYMBOL_SHARING=oco further trades whose cover is an OCO, and one spot grid.

The broker nets by symbol and refuses an order that an own opposite one could match. An OCO is exempt from that by its
documents, so trades that are covered by nothing else may stand beside each other: same side, whole shares, and each
new order on its own side of every target. Whether a resting OCO lets a later plain order pass is not documented; where
it does not, the broker refuses the order, and the decision with it. A grid's limits are plain orders on both sides of
the price: it places none that an own one would meet, and pauses where the broker refuses one as a wash trade.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from lib.domain.bodies import is_coin
from lib.domain.facts import BrokerPosition, Refusal
from lib.domain.grids import Grid, GridKind, GridStatus, Strategy
from lib.domain.limits import Limits
from lib.domain.money import text, whole_down
from lib.domain.records import Rows, Trade
from lib.domain.states import Side, TradeStatus
from lib.planning.books import TradeBook, books, covered_qty, exits, owned_qty
from lib.planning.deciding.decisions import NewTrade, Refused
from lib.planning.grid.reading import parse_grid, status_of, symbol_of
from lib.planning.terms import SWING, closes_at_market, is_long, rests_at_target, target_of, total_of

OCO = "oco"
_LIMITS = Limits()  # which fees a grid reckons with is nothing to its neighbours


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A trade or a grid that has or wants shares of a symbol.

    `target` None: a trade whose cover is no OCO of whole shares, or a grid, which `yields` if it may stand beside one.
    """

    name: str
    side: str
    target: Decimal | None
    yields: bool = False


def neighbours(trades: Iterable[Trade], grids: Iterable[Strategy] = ()) -> dict[str, tuple[Neighbour, ...]]:
    """Return by symbol who has it, or is to have it."""
    found: dict[str, tuple[Neighbour, ...]] = {}
    for strategy in grids:
        if owns_symbol(strategy):
            symbol = symbol_of(strategy)
            found[symbol] = (*found.get(symbol, ()), _grid(strategy))
    for trade in trades:
        exempt = rests_at_target(trade) and total_of(trade) == whole_down(total_of(trade))
        one = Neighbour(name=f"trade {trade.id}", side=trade.side, target=target_of(trade) if exempt else None)
        found[trade.symbol] = (*found.get(trade.symbol, ()), one)
    return found


def owns_symbol(strategy: Strategy) -> bool:
    """Say whether a grid keeps others from its symbol: from its start to its end, a stop that is under way included."""
    return status_of(strategy) in {GridStatus.STARTING, GridStatus.RUNNING, GridStatus.PAUSED, GridStatus.STOPPING}


def _grid(strategy: Strategy) -> Neighbour:
    read = parse_grid(strategy, None, _LIMITS)
    if isinstance(read, Refused):
        return Neighbour(name=f"grid {strategy.id}", side=Side.LONG, target=None)
    return grid_as_neighbour(read)


def grid_refused_beside(
    grid: Grid, others: Sequence[Neighbour], position: BrokerPosition | None, sharing: str
) -> Refused | None:
    """Refuse the start of a grid whose symbol is taken, for now; None where it is free, or may be shared.

    `others` have the symbol or got it in this run, `position` is what the broker holds of it.
    """
    if not others:
        if position is None or position.qty == 0:
            return None
        return _refused(f"the account already holds {grid.symbol} outside this system")
    busy = f"{grid.symbol} belongs to {', '.join(one.name for one in others)}"
    if sharing != OCO:
        return _refused(busy)
    if not _may_share(grid):
        return _refused(f"{busy}; only a spot grid of whole shares may stand beside a trade")
    for one in others:
        if one.side != Side.LONG:
            return _refused(f"{busy}: {one.name} is {one.side}, and long and short are never mixed")
        if one.target is None:
            what = "is a grid too" if one.yields else "has no OCO as its cover"
            return _refused(f"{busy}: {one.name} {what}")
    return None


def grid_as_neighbour(grid: Grid) -> Neighbour:
    """Return what a grid is to others in its symbol."""
    side = Side.LONG if grid.kind is GridKind.SPOT else Side.SHORT
    return Neighbour(name=f"grid {grid.id}", side=side, target=None, yields=_may_share(grid))


def sides_to_leave(rows: Rows, symbol: str) -> frozenset[str]:
    """Return the sides on which a grid in a shared symbol keeps no order: a trade has to go at market against them.

    The broker refuses any order at market while an opposite one rests, and shares come before a grid's entries.
    """
    if not any(trade.symbol == symbol for trade in rows.trades):
        return frozenset()
    mine = [book for book in books(rows) if book.trade.symbol == symbol and book.trade.status == TradeStatus.POSITION]
    return frozenset("buy" if is_long(book.trade) else "sell" for book in mine if _needs_the_market(book))


def _needs_the_market(book: TradeBook) -> bool:
    if closes_at_market(book.trade):
        return True
    newest = [o for o in exits(book) if o.parent_id is None][-1:]
    refused = any((o.reject_reason or "").startswith(Refusal.WASH_TRADE) for o in newest)
    return refused and covered_qty(book.orders) < owned_qty(book)


def _may_share(grid: Grid) -> bool:
    return grid.kind is GridKind.SPOT and not is_coin(grid.symbol) and grid.qty == whole_down(grid.qty)


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
        if one.yields:
            continue  # its sells that the entry would meet are for `wash_trade` to find
        if one.target is None:
            return _refused(f"{busy}: the cover of {one.name} is no OCO")
        if trade.entry >= one.target if trade.side == Side.LONG else trade.entry <= one.target:
            return _refused(f"{busy}: the entry {text(trade.entry)} would meet its target {text(one.target)}")
    return None


def _refused(reason: str) -> Refused:
    return Refused(code="SYMBOL_BUSY", reason=reason, final=False)
