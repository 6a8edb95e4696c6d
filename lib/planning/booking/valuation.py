"""What open positions are worth: shown always, used never for an order when stale."""

from __future__ import annotations

from decimal import Decimal

from lib.domain.actions import Update, Write
from lib.domain.facts import Quote, Snapshot
from lib.domain.money import storable
from lib.domain.records import Position, Rows
from lib.planning.context import Context


def plan_values(rows: Rows, snapshot: Snapshot, context: Context) -> tuple[Write, ...]:
    """Write the current value of each open position, where it changed."""
    writes = []
    for position in rows.positions:
        if position.last_updated is not None and position.last_updated > context.pass_started_at:
            continue  # valued in this pass: a live quote is newer in every round
        values = _values(position, snapshot.quotes.get(position.symbol), context)
        changed = {name: value for name, value in values.items() if getattr(position, name) != value}
        if changed:
            changed["last_updated"] = context.now
            change = Update(table="position_tracking", id=position.id, version=position.version, values=changed)
            writes.append(Write(changes=(change,), why=f"value {position.symbol}", symbol=position.symbol))
    return tuple(writes)


def _values(position: Position, quote: Quote | None, context: Context) -> dict[str, object]:
    price, stale = price_of(quote, context)
    if price is None or quote is None:
        return {"stale": True}
    return {
        "current_price": price,
        "market_value": storable(price * position.qty),
        "unrealized_pnl": storable((price - position.avg_entry_price) * position.qty),
        "quote_time": quote.at,
        "stale": stale,
    }


def price_of(quote: Quote | None, context: Context) -> tuple[Decimal | None, bool]:
    """Return the price a quote stands for and whether it is stale.

    The mid of a whole quote; the one side of a half one, stale; nothing for a missing, crossed or old one.
    """
    if quote is None or context.now - quote.at > context.limits.quote_age_max:
        return None, True
    if quote.bid is not None and quote.ask is not None:
        return (None, True) if quote.bid > quote.ask else ((quote.bid + quote.ask) / 2, False)
    side = quote.bid if quote.bid is not None else quote.ask
    return side, True
