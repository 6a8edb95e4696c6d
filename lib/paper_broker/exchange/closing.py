"""Closing positions: a market order for all of one, for some of its shares or for a part in a hundred.

Alpaca cancels nothing for it: shares that other orders have set aside are refused. Outside the session the order waits
for the next one.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from lib.domain.money import text, whole_down
from lib.paper_broker.exchange import holdings
from lib.paper_broker.exchange.refusal import malformed
from lib.paper_broker.exchange.ticket import QTY_STEP, read_number, read_ticket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.paper_broker.exchange.engine import Exchange
    from lib.paper_broker.exchange.records import Order, Position

HUNDRED = Decimal(100)


def read_part(params: Mapping[str, str], held: Position) -> Decimal:
    """Return how much of a position a request asks to close; the messages have no source."""
    qty, percentage = read_number(params, "qty"), read_number(params, "percentage")
    if qty is not None and percentage is not None:
        raise malformed("only one of qty or percentage is accepted")
    if qty is not None:
        return qty
    if percentage is None:
        return abs(held.qty)
    if not 0 < percentage <= HUNDRED:
        raise malformed("percentage must be between 0 and 100")
    part = (abs(held.qty) * percentage / HUNDRED).quantize(QTY_STEP, rounding=ROUND_FLOOR)
    # Fractions are sold of a position that has them, not of whole shares.
    return part if held.qty % 1 else whole_down(part)


def close(exchange: Exchange, held: Position, qty: Decimal) -> Order:
    """Send the order that closes so much of a position."""
    body = {
        "symbol": held.symbol,
        "qty": text(qty),
        "side": holdings.closing_side(exchange.book, held.symbol).value,
        "type": "market",
        "time_in_force": "gtc" if "/" in held.symbol else "day",
    }
    return exchange.submit(read_ticket(body))[0]
