"""What is different about coins: sizes, the fee taken in the coin, stops with a limit, and no session.

Sources: Alpaca, "Crypto Spot Trading"; minimum cost and position net of the fee: users' measurements
(docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal

from lib.domain.bodies import is_coin
from lib.domain.facts import Snapshot
from lib.domain.money import ONE, ZERO, text
from lib.domain.records import Rows
from lib.domain.states import TradeStatus
from lib.planning.books import TradeBook, entries, owned_qty
from lib.planning.terms import signed

STEP = Decimal("0.000000001")
"""`min_trade_increment` and `price_increment` of every pair."""

COST_MIN = Decimal(10)
SHARE_MIN = Decimal(1)
"""Dollars: an order for coins, or for a part of a share, that is worth less is refused."""

FEE_MAX = Decimal("0.005")
"""What a position may lack of its fills and still be explained by the fee: twice the dearest tier."""

LIMIT_BEYOND = Decimal("0.02")
"""How far beyond its stop the limit of a stop-limit lies."""


def owned_now(book: TradeBook, snapshot: Snapshot) -> Decimal:
    """Return what of a trade is there to protect.

    The fee of a coin is taken from what was bought and posted at the end of the day: until it is booked, the position
    lacks it and the trade does not.
    """
    owned = owned_qty(book)
    if not is_coin(book.trade.symbol):
        return owned
    position = snapshot.positions.get(book.trade.symbol)
    held = signed(position.qty, book.trade) if position is not None else ZERO
    return held if is_fee(book.trade.symbol, owned - held, (book,)) else owned


def is_fee(symbol: str, lacking: Decimal, mine: Iterable[TradeBook]) -> bool:
    """Say whether the fee explains what a position lacks of these trades."""
    if not is_coin(symbol):
        return False
    bought = sum((o.filled_qty for b in mine for o in entries(b)), ZERO)
    return ZERO < lacking <= bought * FEE_MAX


def trades_round_the_clock(rows: Rows) -> bool:
    """Say whether there are coins to look after: an open trade in one, or a decision that waits for its entry."""
    traded = [t.symbol for t in rows.trades if t.status in {TradeStatus.ORDERED, TradeStatus.POSITION}]
    return any(is_coin(symbol) for symbol in (*traded, *(d.symbol or "" for d in rows.decisions)))


def stepped(number: Decimal) -> Decimal:
    """Round a quantity or a price of a coin down to its step."""
    return number.quantize(STEP, rounding=ROUND_FLOOR)


def stop_limit(stop: Decimal) -> Decimal:
    """Return the limit of a coin's stop; coins are never short."""
    return stepped(stop * (ONE - LIMIT_BEYOND))


def too_little(symbol: str, qty: Decimal, price: Decimal) -> str | None:
    """Say why the broker takes no order for so little, at the price it would have; None if it does."""
    least = COST_MIN if is_coin(symbol) else SHARE_MIN
    if qty * price >= least or (not is_coin(symbol) and qty >= 1):
        return None
    return f"worth {qty * price:.2f} dollars, less than the broker's smallest order of {text(least)}"
