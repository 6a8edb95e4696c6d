"""The invariants by when they must hold, and the one function that checks them. Their words are in `promises`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from lib.invariants import allowed, always, attended, grids, settled, trail
from lib.invariants.evidence import Evidence, Violation
from lib.invariants.trail import lost_rows

__all__ = ["AFTER_CLEAN_ORDER_MONITOR", "ALWAYS", "AT_REST", "AUDIT", "ON_ROWS", "PASSING", "check", "lost_rows"]

Invariant = Callable[[Evidence], Iterator[str]]

ALWAYS: dict[str, Invariant] = {
    "I1": always.one_entry_a_decision,
    "I3": always.no_exit_opens,
    "I7": always.no_trade_too_big,
    "I8": always.no_trade_oversold,
    "I9": always.limits_kept,
    "I11": always.rows_agree,
    "I13": allowed.quote_was_good,
    "I14": always.intent_first,
    "I17": grids.own_orders_never_meet,
    "I17 start": grids.exits_come_after_the_start,
    "I17 names": grids.names_are_single,
    "I18": always.as_frozen,
    "I19": always.times_in_order,
    "I20": allowed.halts_kept,
    "I21": attended.account_is_pinned,
    "I22": always.entries_in_window,
    "I24": allowed.counts_kept,
    "I29": allowed.limits_kept,
    "I30": allowed.loss_kept,
    "L3": attended.dead_man,
}
"""After every step, failed ones included."""

ON_ROWS: dict[str, Invariant] = {
    name: ALWAYS[name]
    for name in ("I7", "I8", "I9", "I11", "I13", "I17 start", "I17 names", "I19", "I20", "I24", "I29", "I30", "L3")
}
"""Those of them that our own rows can break, with nobody asking the broker: evidence with an empty ledger will do."""

AFTER_CLEAN_ORDER_MONITOR: dict[str, Invariant] = {
    "I2": settled.every_share_covered,
    "I3 after": settled.nothing_opposite,
    "I17 cells": grids.cells_work_once,
}
"""After a pass of order_monitor that ended clean, unless the market moved meanwhile."""

AUDIT: dict[str, Invariant] = {
    "I10": trail.rows_moved_forward,
    "I12": trail.one_event_a_version,
    "I15": trail.rows_are_there,
    "I16": trail.rows_are_their_events,
    "I25": attended.concerns_are_alerts,
    "I26": attended.no_key_written,
    "L1": attended.decisions_are_answered,
    "L3 end": attended.passes_end,
}
"""At any time, by what was written down on the way: it takes reading everything."""

AT_REST: dict[str, Invariant] = {
    **ALWAYS,
    **AFTER_CLEAN_ORDER_MONITOR,
    **AUDIT,
    "I4": settled.results_are_the_brokers,
    "I4 cash": settled.cash_adds_up,
    "I5": settled.quantities_agree,
    "I5 fills": settled.fills_are_booked,
    "I6": settled.orders_agree,
    "L2": settled.nothing_left_over,
    "L2 ends": settled.ends_are_known,
    "L2 empty": settled.nothing_stays_empty,
    "L2 grids": grids.nothing_rests_after_the_end,
}
"""Once every stage has had clean passes with nothing left to do."""

PASSING = frozenset(AT_REST) - frozenset(ALWAYS) - frozenset(AUDIT)
"""What doctor may find broken between two passes, and the next one mends."""


def check(invariants: Mapping[str, Invariant], evidence: Evidence) -> tuple[Violation, ...]:
    """Return every violation."""
    return tuple(
        Violation(id=name, message=message) for name, judge in invariants.items() for message in judge(evidence)
    )
