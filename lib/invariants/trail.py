"""What holds of the audit trail: rows that must stay are there, are what their events say, and only moved forward."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from lib.domain.money import D, NotMoney
from lib.domain.states import REJECTED, TRADE_TRANSITIONS, Move, TradeStatus, order_move
from lib.domain.story import Audited
from lib.invariants.evidence import Books, Evidence, Violation

JOURNAL, ORDER = "trade_journal", "order_execution"
PERMANENT = (JOURNAL, ORDER, "fill", "quantity_change", "round_trip")
"""Tables whose rows are never deleted."""

VERSIONED = frozenset({JOURNAL, ORDER, "fill", "round_trip"})
STAGES = ("order_executor-", "order_monitor-", "position_monitor-")
"""How the run ids of passes begin. A backfill may take back an end, a pass may not."""


def rows_are_there(evidence: Evidence) -> Iterator[str]:
    """I15: no row of journal, orders, fills or changes of quantity is gone."""
    for each in evidence.books.audited:
        if each.columns is None and each.table in PERMANENT:
            yield f"{each.table} {each.id} is gone"


def rows_are_their_events(evidence: Evidence) -> Iterator[str]:
    """I16: each row is what its last event says."""
    for each in evidence.books.audited:
        if each.columns is None or not each.events:
            continue
        told, now = _read(each.events[-1].columns), _read(each.columns)
        changed = sorted(name for name, value in told.items() if name in now and now[name] != value)
        if changed:
            yield f"{each.table} {each.id} was changed past the system in {', '.join(changed)}"


def one_event_a_version(evidence: Evidence) -> Iterator[str]:
    """I12: each version of a row was written once: no two writers met on it."""
    for each in evidence.books.audited:
        if each.version is not None and each.table in VERSIONED and each.events and each.version != len(each.events):
            yield f"{each.table} {each.id} is at version {each.version} after {len(each.events)} writes"


def rows_moved_forward(evidence: Evidence) -> Iterator[str]:
    """I10: by its events and as it is now, no row went where its graph has no way, and no filled quantity fell."""
    for each in evidence.books.audited:
        steps = [
            (_read(before.columns), _read(after.columns))
            for before, after in pairwise(each.events)
            if after.run_id.startswith(STAGES)
        ]
        if each.events and each.columns is not None:
            steps.append((_read(each.events[-1].columns), _read(each.columns)))
        wrong = [found for before, after in steps if (found := _backwards(each, before, after)) is not None]
        yield from wrong[:1]


def _backwards(row: Audited, before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    if row.table == JOURNAL:
        was, became = str(before.get("status")), str(after.get("status"))
        return None if became in reachable(was) else f"trade {row.id} went from {was} to {became}"
    if row.table != ORDER:
        return None
    was, became = str(before.get("order_status")), str(after.get("order_status"))
    twice = was == REJECTED and str(before.get("submitted_at")) > str(before.get("created_at"))  # the first copy came
    if not twice and order_move(was, became) in {Move.STALE, Move.UNKNOWN}:
        return f"order {row.id} went from {was} to {became}"
    try:
        had, has = D(str(before.get("filled_qty"))), D(str(after.get("filled_qty")))
    except NotMoney:
        return None
    return f"order {row.id}: filled_qty fell from {had} to {has}" if has < had else None


def _read(columns: str) -> Mapping[str, Any]:
    try:
        found = json.loads(columns)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def lost_rows(before: Books, after: Books) -> tuple[Violation, ...]:
    """I15, I10: journal, orders and fills only grow, what was filled never shrinks, trades move along their graph."""
    violations = [
        Violation(id="I15", message=f"{name}: rows {sorted(gone)} are gone")
        for name, gone in (
            (JOURNAL, _ids(before.trades) - _ids(after.trades)),
            (ORDER, _ids(before.orders) - _ids(after.orders)),
            ("fill", _ids(before.fills) - _ids(after.fills)),
        )
        if gone
    ]
    return (*violations, *moved_back(before, after))


def moved_back(before: Books, after: Books) -> tuple[Violation, ...]:
    """I10 between two looks, for the rows that both show. A word that is no status was put right, not moved back."""
    known = {t.id: t.status for t in before.trades if t.status in TRADE_TRANSITIONS}
    violations = [
        Violation(id="I10", message=f"trade {t.id} went from {known[t.id]} to {t.status}")
        for t in after.trades
        if t.id in known and t.status not in reachable(known[t.id])
    ]
    filled = {o.id: o.filled_qty for o in before.orders}
    violations += [
        Violation(id="I10", message=f"{o.client_order_id}: filled_qty fell from {filled[o.id]} to {o.filled_qty}")
        for o in after.orders
        if o.id in filled and o.filled_qty < filled[o.id]
    ]
    return tuple(violations)


def reachable(status: str) -> frozenset[str]:
    """Return every status a trade may come to from `status` in one pass, itself included; from an unknown one, none."""
    reached, fresh = {status}, {status}
    while fresh:
        known = [TradeStatus(each) for each in fresh if each in TRADE_TRANSITIONS]
        fresh = {str(to) for each in known for to in TRADE_TRANSITIONS[each]} - reached
        reached |= fresh
    return frozenset(reached)


def _ids(rows: Iterable[object]) -> set[int]:
    return {int(getattr(row, "id", 0)) for row in rows}
