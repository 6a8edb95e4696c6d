"""What holds of the passes themselves: they come, they end, they answer every decision, and a person is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from lib.domain.hours import current, first_window_close
from lib.domain.records import Decision, StageRun
from lib.domain.states import Action, DecisionStatus
from lib.invariants.evidence import Evidence
from lib.invariants.settled import MONITOR
from lib.planning.alerts import standing_alerts

ANSWERS = frozenset(DecisionStatus) - {DecisionStatus.WAITING}
EXECUTOR = "order_executor"

UNATTENDED_MAX = timedelta(minutes=20)
"""Three intervals, and one more in which a pass says so."""

LONGEST_PASS = timedelta(seconds=270)
"""The crontab ends a pass after this."""


def account_is_pinned(evidence: Evidence) -> Iterator[str]:
    """I21: the broker answers for the account that this database belongs to."""
    pinned, reached = evidence.books.account_number, evidence.ledger.account_number
    if pinned is not None and reached is not None and pinned != reached:
        yield f"the database belongs to the account {pinned}, the broker answered for {reached}"


def concerns_are_alerts(evidence: Evidence) -> Iterator[str]:
    """I25: what a pass stopped or left undone is an open alert, and one alone, until it is over."""
    if evidence.books.alerts is None:
        return
    alerts = [each for each in standing_alerts(evidence.books.alerts).values() if each.is_open]
    newest = _newest(evidence)
    for run in newest.values():
        if run.outcome == "incomplete" and not alerts:
            yield f"{run.stage} ended incomplete at {run.finished_at}, and no alert says so"
    told = max((run.finished_at for run in newest.values()), default=None)
    for control in evidence.books.stopped:
        if control.since is None or told is None or told <= control.since:
            continue
        if not any(each.key == f"{control.state} {control.scope}" for each in alerts):
            yield f"{control.scope} was set to {control.state} by a stage, and no alert says so"


def decisions_are_answered(evidence: Evidence) -> Iterator[str]:
    """L1: an approved decision has an answer once its entry window is over and order_executor has looked again."""
    looks = [r.started_at for r in evidence.books.runs if r.stage == EXECUTOR and r.outcome == "done"]
    last = max(looks, default=None)
    for decision in evidence.books.decisions:
        by = _answer_by(decision, evidence)
        if by is not None and last is not None and last > by:
            said = decision.execution_status or "without a status"
            yield f"decision {decision.id} is {said}, its window closed at {by}"


def _answer_by(decision: Decision, evidence: Evidence) -> datetime | None:
    """Return when a decision must have been answered; None for one that was, or that binds itself to another time."""
    approved, ticked = decision.approved_seen_at, decision.approve is True or decision.approve == 1
    if not ticked or approved is None or decision.execution_status in ANSWERS or decision.expires_at:
        return None
    if decision.action == Action.NEW_TRADE:
        return first_window_close(evidence.calendar, approved)
    return next((hours.close for hours in evidence.calendar if hours.open >= approved), None)


def dead_man(evidence: Evidence) -> Iterator[str]:
    """L3: where no order_monitor ended clean for three intervals of a session, passes that come say so in an alert."""
    hours, alerts = current(evidence.calendar, evidence.now), evidence.books.alerts
    if not is_unattended(evidence) or hours is None or alerts is None:
        return
    came = [r.finished_at for r in evidence.books.runs if r.finished_at > evidence.now - timedelta(minutes=10)]
    told = any(each.is_open and each.code == "ACCOUNT_STALE" for each in standing_alerts(alerts).values())
    if came and not told:
        yield "order_monitor has not ended clean for three intervals, and no alert says so"


def is_unattended(evidence: Evidence) -> bool:
    """Say whether order_monitor once ended clean, and has not for too long in this session."""
    hours = current(evidence.calendar, evidence.now)
    last = max((r.started_at for r in evidence.books.runs if r.stage == MONITOR and r.outcome == "done"), default=None)
    if hours is None or last is None:
        return False
    return evidence.now - max(last, hours.open) > UNATTENDED_MAX


def passes_end(evidence: Evidence) -> Iterator[str]:
    """L3, its other half: a pass always ends in time."""
    for run in evidence.books.runs:
        if run.finished_at - run.started_at > LONGEST_PASS:
            yield f"{run.stage} of {run.started_at} ended at {run.finished_at}"


def no_key_written(evidence: Evidence) -> Iterator[str]:
    """I26: no key occurs in the database or in a log."""
    yield from (f"a secret key stands in {place}" for place in evidence.leaks)


def _newest(evidence: Evidence) -> dict[str, StageRun]:
    """Return the newest run of each stage that got its account."""
    found: dict[str, StageRun] = {}
    for run in sorted(evidence.books.runs, key=lambda r: r.finished_at):
        if run.outcome != "skipped":
            found[run.stage] = run
    return found
