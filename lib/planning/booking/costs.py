"""What a trade cost beside its fees, and when each step of it was done: the cost columns of its journal row.

Slippage is the executed part of the implementation shortfall (A. F. Perold, "The Implementation Shortfall: Paper
versus Reality", Journal of Portfolio Management 14(3), 1988): what was paid against what a paper trade pays, which is
filled whole at the price seen. A cost is positive, a gain negative. Shares that were not filled are in no figure:
Perold's opportunity cost is not measured. Nor are shares sold outside the system, for which no price was asked, nor
those sold at market because a decision closes the trade: no row holds the quote that such an order was sent into.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from lib.domain.money import CENT, ONE, ZERO, average_price, notional, storable
from lib.domain.records import Fill, Order, Trade
from lib.domain.states import EXIT_ROLES, RESOLVING, Role
from lib.planning.books import TradeBook, covered_qty, covering, covers, entries, exits, fills_of, owned_qty
from lib.planning.terms import stop_of, target_of, wanted

Measured = Sequence[tuple[Fill, Decimal]]
"""Fills, each with the price that it is measured against."""


def cost_values(book: TradeBook) -> dict[str, object]:
    """Return the cost columns of a trade, from its first booked share on; what cannot be known is None.

    Computed from the rows each time, so that a late fill changes them; only `protected_at` stays once it is known,
    because the cover that it is read from may be replaced.
    """
    bought = fills_of(book, Role.ENTRY)
    if not bought:
        return {}
    return _times(book, bought) | _slippage(book, bought)


def _times(book: TradeBook, bought: Sequence[Fill]) -> dict[str, object]:
    first = entries(book)[0]
    return {
        "entry_submitted_at": first.submitted_at,
        "entry_acknowledged_at": first.acknowledged_at,
        "entry_filled_at": max(f.transaction_time for f in bought),
        "protected_at": book.trade.protected_at or _protected_at(book),
    }


def _protected_at(book: TradeBook) -> datetime | None:
    """Return when the broker had taken the last order of a cover that holds all owned shares; None if none does.

    Shares that their cover has sold already were held by it too: it may have been sent and filled between two looks.
    """
    if covered_qty(book.orders) < owned_qty(book):
        return None
    times = [o.acknowledged_at for o in exits(book) if o.acknowledged_at is not None and _is_cover(o, book)]
    return max(times, default=None)


def _is_cover(order: Order, book: TradeBook) -> bool:
    if not covers(order):
        return False
    sold = any(o.filled_qty > 0 for o in book.orders if o.id in {order.id, order.parent_id})
    return sold or (order in covering(exits(book)) and order.order_status not in RESOLVING)


def _slippage(book: TradeBook, bought: Sequence[Fill]) -> dict[str, object]:
    """Measure the entry against the market it was sent into, each exit against the price it was to get.

        entry_slippage      sum of qty x (price - arrival), arrival = (arrival_bid + arrival_ask) / 2
        exit_slippage       sum of qty x (reference - price)
        ..._slippage_bps    10,000 x slippage / sum of qty x arrival (or reference)
        exit_reference      sum of qty x reference / sum of qty
        slippage            entry_slippage + exit_slippage, as far as they are known

    These are the signs of a long trade; what sells to open and buys to close has them the other way round. Money is
    exact, averages have nine decimals, basis points two.
    """
    arrival = _arrival(book.trade)
    entry: Measured = [(f, arrival) for f in bought] if arrival is not None else []
    levels = {o.id: _reference(o, book.trade) for o in exits(book)}
    left: Measured = [(f, level) for f in fills_of(book, *EXIT_ROLES) if (level := levels[f.order_id]) is not None]
    return {
        "entry_slippage": _money(entry),
        "entry_slippage_bps": _basis_points(entry),
        "exit_reference": average_price((f.qty, level) for f, level in left),
        "exit_slippage": _money(left),
        "exit_slippage_bps": _basis_points(left),
        "slippage": _money([*entry, *left]),
    }


def _arrival(trade: Trade) -> Decimal | None:
    """Return the arrival price: the mid of the quote that was seen when the entry was sent."""
    if trade.arrival_bid is None or trade.arrival_ask is None:
        return None
    return average_price([(ONE, trade.arrival_bid), (ONE, trade.arrival_ask)])


def _reference(order: Order, trade: Trade) -> Decimal | None:
    """Return the price that an exit was to get: its stop or its target.

    A sale at market is sent when the stop was through already, so the stop is what it is measured against too; one of a
    CLOSE was to get the limit that was watched for it, if it has one.
    """
    want = wanted(trade)
    if order.order_type == Role.EXIT:
        return stop_of(trade) if want.close_by is None else want.close_price
    if order.order_type == Role.TAKE_PROFIT and order.kind == "market":  # a target that was watched
        return target_of(trade)
    return order.limit_price if order.order_type == Role.TAKE_PROFIT else order.stop_price


def _money(measured: Measured) -> Decimal | None:
    if not measured:
        return None
    return storable(sum(((f.price - price) * f.qty * (1 if f.side == "buy" else -1) for f, price in measured), ZERO))


def _basis_points(measured: Measured) -> Decimal | None:
    cost, base = _money(measured), notional((f.qty, price) for f, price in measured)
    if cost is None or base == 0:
        return None
    return (cost / base * 10_000).quantize(CENT, rounding=ROUND_HALF_EVEN)
