"""Activities that are no executions: how they are written down, and what an activity of either kind moved."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from lib.domain.money import CENT, ZERO
from lib.paper_broker.exchange.records import Activity, NonTrade, Side

if TYPE_CHECKING:
    from datetime import date, datetime

    from lib.paper_broker.exchange.book import Book

MOVES_SHARES = frozenset({"SPLIT", "NC", "MA", "REORG"})
"""Kinds whose quantity is a change of the position; a dividend's is the shares it was paid on."""


def post(
    book: Book,
    kind: str,
    at: datetime,
    day: date,
    *,
    net_amount: Decimal = ZERO,
    symbol: str | None = None,
    qty: Decimal | None = None,
    price: Decimal | None = None,
    per_share_amount: Decimal | None = None,
    sub_kind: str | None = None,
    group_id: str | None = None,
    description: str | None = None,
) -> None:
    """Write down an activity of a day. It moves nothing by itself.

    Its id has the day and no time of day, as Alpaca's rows of fees do.
    """
    identity, seq = book.next_id("activity")
    book.add_activity(
        NonTrade(
            id=f"{day:%Y%m%d}000000000::{identity}",
            seq=seq,
            kind=kind,
            at=at,
            day=day,
            net_amount=net_amount,
            symbol=symbol,
            qty=qty,
            price=price,
            per_share_amount=per_share_amount,
            sub_kind=sub_kind,
            group_id=group_id,
            description=description,
        )
    )


def moved(activity: Activity | NonTrade) -> tuple[Decimal, Decimal]:
    """Return by how much an activity changed the quantity of its symbol, and the cash.

    What a coin's fee took was taken when the coin was traded, so its row moves nothing more.
    """
    if isinstance(activity, NonTrade):
        if activity.kind == "CFEE":
            return ZERO, ZERO
        stock = activity.kind in MOVES_SHARES or activity.sub_kind == "SDIV"
        return (activity.qty or ZERO) if stock else ZERO, activity.net_amount
    amount = activity.qty * activity.price
    if activity.side is Side.BUY:
        return activity.qty - activity.fee, -amount
    return -activity.qty, amount - activity.fee


def in_cents(amount: Decimal) -> Decimal:
    """Round money that is paid out to the cent."""
    return amount.quantize(CENT, rounding=ROUND_HALF_EVEN)
