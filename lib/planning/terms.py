"""A trade's terms as they stand now: the plan it was approved with, and what later decisions changed of it."""

from __future__ import annotations

from decimal import Decimal

from lib.domain.money import ZERO
from lib.domain.records import Trade
from lib.domain.states import Side
from lib.domain.wanted import Wanted, read_wanted

SWING = "SWING"


def wanted(trade: Trade) -> Wanted:
    """Return what later decisions ask of a trade; nothing where a hand made the column unreadable."""
    try:
        return read_wanted(trade.wanted)
    except ValueError:
        return Wanted()


def is_readable(trade: Trade) -> bool:
    """Say whether what later decisions ask of a trade can be read; if not, none of it may be taken for undone."""
    try:
        read_wanted(trade.wanted)
    except ValueError:
        return False
    return True


def is_long(trade: Trade) -> bool:
    """Say whether a trade owns shares; any other word than `short` is long, as every trade once was."""
    return trade.side != Side.SHORT


def sign(trade: Trade) -> int:
    """Return 1 for a long trade, -1 for a short one: what turns its shares into the broker's quantity."""
    return 1 if is_long(trade) else -1


def closing_verb(trade: Trade) -> str:
    """Return the side of the orders that make the trade smaller; one of the other side takes back what was too much."""
    return "sell" if is_long(trade) else "buy"


def stop_of(trade: Trade) -> Decimal:
    """Return where the trade's shares are to be given up."""
    changed = wanted(trade).stop
    return trade.planned_sl if changed is None else changed


def target_of(trade: Trade) -> Decimal | None:
    """Return where the trade's profit is to be taken: only a SWING rests an order there."""
    changed = wanted(trade).target
    return trade.planned_tp if changed is None else changed


def entry_of(trade: Trade) -> Decimal:
    """Return the limit that the trade's entry is to rest at."""
    changed = wanted(trade).entry
    return trade.planned_entry if changed is None else changed


def total_of(trade: Trade) -> Decimal:
    """Return how many shares the trade is to have, filled ones included."""
    changed = wanted(trade).total
    return trade.planned_qty if changed is None else changed


def rests_at_target(trade: Trade) -> bool:
    """Say whether the trade's cover is an OCO: its target, or the limit of a CLOSE, rests beside its stop."""
    return wanted(trade).close_price is not None or (trade.trade_style == SWING and target_of(trade) is not None)


def closes_at_market(trade: Trade) -> bool:
    """Say whether a CLOSE without a limit is being carried out."""
    asked = wanted(trade)
    return asked.close_by is not None and asked.close_price is None


def is_worse(price: Decimal, level: Decimal, trade: Trade) -> bool:
    """Say whether `price` is at or beyond `level` on the losing side of the trade."""
    return price <= level if is_long(trade) else price >= level


def is_better(price: Decimal, level: Decimal, trade: Trade) -> bool:
    """Say whether `price` is at or beyond `level` on the winning side of the trade."""
    return price >= level if is_long(trade) else price <= level


def signed(qty: Decimal, trade: Trade) -> Decimal:
    """Return shares of a trade as the broker counts them: below zero for a short one."""
    return qty if is_long(trade) else ZERO - qty
