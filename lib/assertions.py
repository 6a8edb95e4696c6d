"""The end of a pass: what must hold is held against what was read, and what is broken stops new exposure.

A clean pass asks the broker nothing more. A halt cancels entries that rest, never a stop, and protection goes on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from lib.domain.actions import RowChange
from lib.domain.facts import Problem, Snapshot
from lib.domain.results import PassResult
from lib.errors import BrokerUnavailable, StaleRow
from lib.invariants.production import CONFIRMED, Seen, apart_from_broker, broken_rows
from lib.planning.alerts import concern_of, standing_alerts
from lib.planning.protecting.halts import halt
from lib.tools import Tools

REASON_CHARS_MAX = 500


def hold_to_promises(result: PassResult, seen: Seen, tools: Tools, started: datetime) -> None:
    """Write into `result` what is broken, and halt what must not go on; the next pass halts what this one could not."""
    now = tools.clock.now()
    broken = broken_rows(seen, tools.limits, started=started, now=now)
    changes: list[RowChange] = []
    if broken:
        words = "; ".join(map(str, broken))
        result.problems += (Problem(code="BROKEN_ROWS", message=words),)
        changes += halt(seen.last.controls, result.account, f"account:{result.account}", _reason(words), now)
    if seen.snapshot is not None and result.saw_all:
        result.doubts = apart_from_broker(result.stage, seen.last, seen.snapshot)
        for doubt in _lasting(result, tools, now):
            if _is_so(doubt, result.stage, seen, tools):
                scope = f"symbol:{result.account}:{doubt.symbol}"
                changes += halt(seen.last.controls, result.account, scope, _reason(doubt.message), now)
                result.problems += (doubt,)
    if result.problems:
        result.outcome = "incomplete"
    if changes:
        try:
            tools.store.write(changes, run_id=result.run_id, at=now)
        except StaleRow as moved:  # a person has just set another control
            result.notes += (f"not halted, the next pass looks again: {moved}",)


def _reason(words: str) -> str:
    return f"an invariant is broken: {words}"[:REASON_CHARS_MAX]


def _lasting(result: PassResult, tools: Tools, now: datetime) -> tuple[Problem, ...]:
    """Return the doubts that an earlier pass had too, a minute ago or more: it left them among the alerts."""
    if not result.doubts:
        return ()
    known = standing_alerts(tools.store.alerts(result.account).events)
    alerts = [(doubt, known.get(concern_of(doubt).key)) for doubt in result.doubts]
    return tuple(
        doubt for doubt, alert in alerts if alert is not None and alert.is_open and now - alert.since >= CONFIRMED
    )


def _is_so(doubt: Problem, stage: str, seen: Seen, tools: Tools) -> bool:
    """Read the symbol's position and our live orders in it by their names, and judge again."""
    snapshot, symbol = seen.snapshot, doubt.symbol
    if snapshot is None or symbol is None:
        return False
    try:
        reads = [tools.broker.order(order.id) for order in snapshot.live if order.symbol == symbol]
        position = tools.broker.position(symbol)
    except BrokerUnavailable:
        return False
    fresh = Snapshot(
        at=snapshot.at,
        live=tuple(order for order in reads if order is not None),
        positions={} if position is None else {symbol: position},
    )
    rows = seen.last
    alone = replace(
        rows,
        positions=tuple(p for p in rows.positions if p.symbol == symbol),
        changes=tuple(c for c in rows.changes if c.symbol == symbol),
    )
    return any(again.symbol == symbol for again in apart_from_broker(stage, alone, fresh))
