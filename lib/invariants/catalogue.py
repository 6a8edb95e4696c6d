"""The invariants by when they must hold, and the one function that checks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from lib.domain.states import TRADE_TRANSITIONS, TradeStatus
from lib.invariants import always, settled
from lib.invariants.evidence import Books, Evidence, Violation

Invariant = Callable[[Evidence], Iterator[str]]

ALWAYS: dict[str, Invariant] = {
    "I1": always.one_entry_a_decision,
    "I3": always.no_exit_opens,
    "I7": always.no_trade_too_big,
    "I9": always.limits_kept,
    "I11": always.rows_agree,
    "I14": always.intent_first,
    "I19": always.times_in_order,
    "I22": always.entries_in_window,
}
"""After every step, failed ones included."""

ON_ROWS: dict[str, Invariant] = {name: ALWAYS[name] for name in ("I7", "I9", "I11", "I19")}
"""Those of them that our own rows can break, with nobody asking the broker: evidence with an empty ledger will do."""

AFTER_CLEAN_ORDER_MONITOR: dict[str, Invariant] = {
    "I2": settled.every_share_covered,
    "I3 after": settled.nothing_opposite,
}
"""After a pass of order_monitor that ended clean, unless the market moved meanwhile."""

AT_REST: dict[str, Invariant] = {
    **ALWAYS,
    **AFTER_CLEAN_ORDER_MONITOR,
    "I4": settled.results_are_the_brokers,
    "I4 cash": settled.cash_adds_up,
    "I5": settled.quantities_agree,
    "I6": settled.orders_agree,
    "L2": settled.nothing_left_over,
}
"""Once every stage has had clean passes with nothing left to do."""


def check(invariants: dict[str, Invariant], evidence: Evidence) -> tuple[Violation, ...]:
    """Return every violation."""
    return tuple(
        Violation(id=name, message=message) for name, judge in invariants.items() for message in judge(evidence)
    )


def lost_rows(before: Books, after: Books) -> tuple[Violation, ...]:
    """I15, I10: journal, orders and fills only grow, what was filled never shrinks, trades move along their graph."""
    violations = [
        Violation(id="I15", message=f"{name}: rows {sorted(gone)} are gone")
        for name, gone in (
            ("trade_journal", _ids(before.trades) - _ids(after.trades)),
            ("order_execution", _ids(before.orders) - _ids(after.orders)),
            ("fill", _ids(before.fills) - _ids(after.fills)),
        )
        if gone
    ]
    known = {t.id: t.status for t in before.trades}
    violations += [
        Violation(id="I10", message=f"trade {t.id} went from {known[t.id]} to {t.status}")
        for t in after.trades
        if t.id in known and t.status not in _reachable(known[t.id])
    ]
    filled = {o.id: o.filled_qty for o in before.orders}
    violations += [
        Violation(id="I10", message=f"{o.client_order_id}: filled_qty fell from {filled[o.id]} to {o.filled_qty}")
        for o in after.orders
        if o.id in filled and o.filled_qty < filled[o.id]
    ]
    return tuple(violations)


def _reachable(status: str) -> set[str]:
    """Return every status a trade may come to from `status` in one pass, itself included."""
    reached, fresh = {status}, {status}
    while fresh:
        fresh = {str(to) for each in fresh for to in TRADE_TRANSITIONS[TradeStatus(each)]} - reached
        reached |= fresh
    return reached


def _ids(rows: Iterable[object]) -> set[int]:
    return {int(getattr(row, "id", 0)) for row in rows}
