"""What holds between two worlds, or the same one twice: these need no evidence of their own, but two of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import fields, replace

from lib.domain.grids import Strategy
from lib.domain.records import Decision, Order, Position
from lib.invariants.evidence import Evidence, Violation

VALUES = ("current_price", "market_value", "unrealized_pnl", "last_updated", "quote_time", "stale", "version")
"""What a pass may write into a position though nothing happened: its value by the quote of the moment."""


def nothing_happened(before: Evidence, after: Evidence) -> tuple[Violation, ...]:
    """I31: passes over a world that did not change send nothing and change no row."""
    found = []
    if before.ledger.orders != after.ledger.orders:
        news = {o.client_order_id for o in set(after.ledger.orders) - set(before.ledger.orders)}
        found.append(f"orders were sent or changed: {', '.join(sorted(news)) or 'some are gone'}")
    for name in ("decisions", "trades", "orders", "fills", "positions", "changes", "controls", "grids"):
        rows, later = getattr(before.books, name), getattr(after.books, name)
        if name == "positions":
            rows, later = _unvalued(rows), _unvalued(later)
        if name == "grids":
            rows, later = _unpriced(rows), _unpriced(later)
        if Counter(rows) != Counter(later):
            found.append(f"rows changed: {name}")
    return tuple(Violation(id="I31", message=message) for message in found)


def _unvalued(positions: Collection[Position]) -> tuple[Position, ...]:
    plain = {item.name: item.default for item in fields(Position) if item.name in VALUES and item.name != "version"}
    return tuple(replace(each, version=0, **plain) for each in positions)  # type: ignore[arg-type]


def _unpriced(grids: Collection[Strategy]) -> tuple[Strategy, ...]:
    return tuple(replace(each, version=0, last_price=None, quote_time=None, checked_at=None) for each in grids)


def good_rows_unaffected(alone: Evidence, among_bad: Evidence, bad: Collection[int]) -> tuple[Violation, ...]:
    """I32: valid decisions have the same effects with and without invalid rows beside them.

    Both worlds have the valid decisions under the same ids; `bad` are the ids of the others.
    """
    found = []
    for decision in among_bad.books.decisions:
        if decision.id in bad:
            continue
        first, second = _effects(decision, alone), _effects(decision, among_bad)
        if first != second:
            found.append(f"decision {decision.id} came to {second} among bad rows, and to {first} without them")
    took = {t.decision_id for t in among_bad.books.trades} & set(bad)
    found += [f"decision {each} is invalid and was traded" for each in sorted(took)]
    return tuple(Violation(id="I32", message=message) for message in found)


def _effects(decision: Decision, evidence: Evidence) -> list[str]:
    """Return what came of a decision: its answer, its trade, and what was sent for it."""
    found = [str(d.execution_status) for d in evidence.books.decisions if d.id == decision.id]
    for trade in evidence.books.trades:
        if trade.decision_id == decision.id:
            found.append(f"{trade.symbol} {trade.side} {trade.planned_qty} {trade.status} {trade.actual_pnl}")
            found += [_sent(order) for order in evidence.orders_by_trade.get(trade.id, ())]
    return found


def _sent(order: Order) -> str:
    prices = f"{order.limit_price} {order.stop_price} {order.trail_percent}"
    return f"{order.order_type} {order.side} {order.qty} {order.kind} {prices} {order.order_status} {order.filled_qty}"
