"""Decisions as pages: the list, the preview of one, and what became of several.

What people wrote is shown as they wrote it: these pages judge nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lib.domain.records import Decision

NO_TICK = (None, False, 0, "", "0", "false", "False", "FALSE")
"""What an empty box holds, whatever program wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """What one check says: ok, refused, not reached, or asked at the claim only."""

    check: str
    result: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """One decision as written. `tick` is what stands in `Approve` where that is neither a tick nor an empty box."""

    id: int
    symbol: str | None
    action: str | None
    style: str | None
    side: str | None
    entry: str | None
    stop: str | None
    target: str | None
    qty: str | None
    trail_percent: str | None
    expires_at: str | None
    approved: bool
    tick: str | None
    status: str | None
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionsPage:
    """Decisions, newest first; `more` says that older ones were left out."""

    account: str
    rows: tuple[DecisionRow, ...]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewPage:
    """One decision before it is written: what the checks say, and what was done. `id` is None if nothing was."""

    id: int | None
    decision: str
    approved: bool
    checks: tuple[CheckLine, ...]
    next: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one decision among several."""

    line: int | None = None  # of the file it came from
    id: int | None = None
    decision: str
    outcome: str
    says: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomesPage:
    """What became of several decisions; `checks` is the preview where it was but one."""

    outcomes: tuple[Outcome, ...]
    counts: Mapping[str, int]  # by outcome, in the order in which each first occurs
    notes: tuple[str, ...] = ()
    checks: tuple[CheckLine, ...] = ()


def outcomes_page(
    outcomes: Iterable[Outcome], *, notes: Iterable[str] = (), checks: Iterable[CheckLine] = ()
) -> OutcomesPage:
    """Lay out outcomes in the order in which they come."""
    listed = tuple(outcomes)
    counts = dict(Counter(each.outcome for each in listed))
    return OutcomesPage(outcomes=listed, counts=counts, notes=tuple(notes), checks=tuple(checks))


def decisions_page(
    decisions: Iterable[Decision], *, account: str, ticked: Callable[[object], bool], more: bool
) -> DecisionsPage:
    """Lay out decisions in the order in which they come; `ticked` is the rule that reads a tick."""
    return DecisionsPage(account=account, rows=tuple(_row(each, ticked) for each in decisions), more=more)


def _row(decision: Decision, ticked: Callable[[object], bool]) -> DecisionRow:
    approved = ticked(decision.approve)
    odd = not approved and decision.approve not in NO_TICK
    return DecisionRow(
        id=decision.id,
        symbol=decision.symbol,
        action=decision.action,
        style=decision.trade_style,
        side=decision.side,
        entry=decision.planned_entry,
        stop=decision.planned_sl,
        target=decision.planned_tp,
        qty=decision.qty,
        trail_percent=decision.trail_percent,
        expires_at=decision.expires_at,
        approved=approved,
        tick=repr(decision.approve) if odd else None,
        status=decision.execution_status,
        note=decision.execution_note,
    )
