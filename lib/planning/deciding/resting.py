"""An entry's order row, and how long it rests: for its session, or, where it is sent GTC, until a look of ours ends it.

Coins know no DAY order, and with ENTRY_TIF=gtc the broker would keep an entry for ninety days. Its own end therefore
stands in `expires_at` of its row, and each look cancels what rests beyond it: no event is needed, as for a halt.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from lib.domain.actions import Action, Ref
from lib.domain.bodies import Body, freeze, is_coin
from lib.domain.money import D, whole_down
from lib.domain.states import PENDING, Role
from lib.planning.books import TradeBook, entries, live
from lib.planning.context import Context
from lib.planning.deciding.decisions import NewTrade
from lib.planning.protecting.cancelling import end_entry
from lib.planning.protecting.dying import LIFE

GTC, DAY = "gtc", "day"


def entry_tif(symbol: str, qty: Decimal, wanted: str) -> str:
    """Return an entry's time in force: coins have GTC alone, fractions of a share DAY (Alpaca's documents)."""
    if is_coin(symbol):
        return GTC
    return DAY if qty != whole_down(qty) else wanted


def rests_until(trade: NewTrade, tif: str, context: Context) -> datetime | None:
    """Return when an entry ends: with the entry window, or as the decision says where entries are to rest."""
    if tif == GTC and context.limits.entry_tif == GTC:
        return trade.expires_at or context.now + LIFE
    return context.session.entry_close if context.session is not None else None


def entry_row(account: str, trade_id: int | Ref, body: Body, context: Context) -> dict[str, object]:
    """Return the row of an entry that is about to be sent; when it ends is the caller's to say."""
    return {
        "account": account,
        "trade_id": trade_id,
        "client_order_id": body["client_order_id"],
        "order_type": Role.ENTRY,
        "kind": "limit",
        "side": body["side"],
        "symbol": body["symbol"],
        "qty": D(str(body["qty"])),
        "time_in_force": body["time_in_force"],
        "order_status": PENDING,
        "payload": freeze(body),
        "limit_price": D(str(body["limit_price"])),
        "created_at": context.now,
        "submitted_at": context.now,
    }


def cancel_expired_entries(book: TradeBook, context: Context) -> tuple[Action, ...]:
    """Cancel the entries of a trade that rest beyond their time; a DAY order is the broker's to end.

    One that never arrived is given up, whatever its kind: beside shares that filled earlier nobody else ends it.
    """
    over = [
        o
        for o in live(entries(book))
        if o.expires_at is not None
        and context.now > o.expires_at
        and (o.time_in_force == GTC or o.order_status == PENDING)
    ]
    return tuple(step for order in over for step in end_entry(order, book, "its time is over", context))
