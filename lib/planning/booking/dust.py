"""Dust: what is left of a trade that has sold, and is too little for the broker to take an order for.

It leaves the trade for the user's own shares, without a price, so that the trade can end. The broker must show it: of a
coin, what a trade seems to have left may be the fee, which is there no more and is booked later.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from lib.domain.actions import Insert
from lib.domain.facts import Snapshot
from lib.domain.money import ZERO, text
from lib.domain.records import QuantityChange
from lib.domain.states import Change, TradeStatus
from lib.planning.books import TradeBook, exits, is_settled, live, owned_qty
from lib.planning.deciding.amending import awaits_generation
from lib.planning.protecting.coins import too_little
from lib.planning.terms import entry_of, signed


def swept(book: TradeBook, snapshot: Snapshot, now: datetime) -> tuple[TradeBook, tuple[Insert, ...]]:
    """Return the book without its dust, and the rows that say where the dust went; both as they are if it has none."""
    trade, rest = book.trade, owned_qty(book)
    has_sold = any(o.filled_qty > 0 for o in exits(book)) or any(c.price is not None for c in book.changes)
    if trade.status != TradeStatus.POSITION or rest <= 0 or not has_sold or live(book.orders):
        return book, ()
    little = too_little(trade.symbol, rest, entry_of(trade))
    held = snapshot.positions.get(trade.symbol)
    if little is None or not is_settled(book) or awaits_generation(book, now):
        return book, ()
    if held is None or signed(held.qty, trade) < rest:
        return book, ()
    values: dict[str, object] = {
        "account": trade.account,
        "symbol": trade.symbol,
        "cause": Change.DUST,
        "at": now,
        "evidence": f"{text(rest)} left of trade {trade.id}: {little}",
    }
    gone = values | {"trade_id": trade.id, "delta": signed(ZERO - rest, trade)}
    change = QuantityChange(id=0, **gone)  # type: ignore[arg-type]
    rows = (
        Insert(table="quantity_change", values=gone),
        Insert(table="quantity_change", values=values | {"trade_id": None, "delta": signed(rest, trade)}),
    )
    return replace(book, changes=(*book.changes, change)), rows
