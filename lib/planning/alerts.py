"""What a person is told: an alert is a state with a beginning and an end, not a message.

One alert for each key (code and subject), however many passes see it, of whichever stage. It ends when a pass of the
stage that raised it has looked at everything and no longer sees it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lib.domain.alerts import AFTER, AlertChange, AlertOp, AlertRows
from lib.domain.facts import Problem
from lib.domain.records import Control
from lib.domain.results import PassResult
from lib.domain.story import Event

REMINDED_AFTER = timedelta(days=1)
FORGOTTEN_AFTER = timedelta(days=7)
"""What is over and could not be told for so long is told no more."""

MENDS_ITSELF = timedelta(minutes=12)
"""Time for another pass of each monitor, the slower one's included."""

PATIENCE: Mapping[str, timedelta] = {
    "DISAGREES": MENDS_ITSELF,
    "INCOMPLETE": MENDS_ITSELF,
    "OUTCOME_UNKNOWN": MENDS_ITSELF,
    "POSITION_ABSENT": MENDS_ITSELF,
    "UNRESOLVED": MENDS_ITSELF,
}
"""How long what the next passes mostly repair by themselves may last before it is told."""

ERRORS: Mapping[int, str] = {1: "INCOMPLETE", 2: "PERSON_NEEDED", 3: "BUG"}
"""The code of a pass that an error ended, by its exit code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """What one pass sees that a person should know."""

    code: str
    subject: str
    message: str

    @property
    def key(self) -> str:
        """What makes two concerns the same alert; the message may change with every pass."""
        return f"{self.code} {self.subject}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Where one key stands. It is open while `ended_at` is None."""

    key: str
    code: str
    message: str
    stage: str
    since: datetime
    raised_at: datetime  # last; once a day while it lasts
    raised_id: int  # the event of then: no older one is needed to know all this
    raise_told: bool
    ended_at: datetime | None = None
    ended_id: int | None = None
    end_told: bool = False

    @property
    def is_open(self) -> bool:
        """Say whether the last pass that could know still saw it."""
        return self.ended_at is None


def concerns(result: PassResult, rows: AlertRows) -> tuple[Concern, ...]:
    """List what a pass leaves for a person, one a key."""
    found = [concern_of(problem) for problem in result.problems]
    found += [concern_of(each) for each in (*result.doubts, *result.waiting)]
    found += [_stopped(control) for control in rows.stopped]
    said = "; ".join(result.notes)
    if result.error is not None:
        found.append(Concern(code=ERRORS.get(result.error, "BUG"), subject=result.stage, message=said))
    elif result.outcome == "incomplete" and not result.problems:
        found.append(Concern(code="INCOMPLETE", subject=result.stage, message=said))
    elif result.outcome == "skipped" and result.stage in rows.skipped:
        message = f"{result.stage} found its account in use twice in a row"
        found.append(Concern(code="SKIPPED", subject=result.stage, message=message))
    merged: dict[str, Concern] = {}
    for each in found:
        known = merged.setdefault(each.key, each)
        if each.message not in known.message:
            merged[each.key] = replace(known, message=f"{known.message}; {each.message}")
    return tuple(merged.values())


def concern_of(problem: Problem) -> Concern:
    """Say what a problem is to a person: one alert a code and symbol."""
    return Concern(code=problem.code, subject=problem.symbol or "", message=problem.message)


def _stopped(control: Control) -> Concern:
    return Concern(
        code=control.state,
        subject=control.scope,
        message=f"{control.scope} is {control.state}: {control.reason or 'no reason given'}",
    )


def after_pass(result: PassResult, rows: AlertRows, now: datetime) -> tuple[AlertChange, ...]:
    """Say what a pass raises, raises again and ends; nothing where nothing is new."""
    known = standing_alerts(rows.events)
    seen = {each.key: each for each in concerns(result, rows)}
    changes = []
    for key, each in seen.items():
        before = known.get(key)
        lasting = before if before is not None and before.is_open else None
        if lasting is None or now - lasting.raised_at >= REMINDED_AFTER:
            since = now if lasting is None else lasting.since
            changes.append(_change(AlertOp.RAISED, each, result.stage, since))
    if result.saw_all:
        changes += [
            _change(AlertOp.ENDED, each, each.stage, each.since)
            for each in known.values()
            if each.is_open and each.stage == result.stage and each.key not in seen
        ]
    return _with_horizon(changes, rows.events, now)


def to_tell(events: Sequence[Event], now: datetime) -> tuple[Alert, ...]:
    """Return the alerts that a message should carry now, in the order of their first events."""
    return tuple(each for each in standing_alerts(events).values() if _is_due(each, now))


def delivered(told: Sequence[Alert], events: Sequence[Event], now: datetime) -> tuple[AlertChange, ...]:
    """Say that one message carried these alerts."""
    numbers = [each.raised_id if each.ended_id is None else each.ended_id for each in told]
    return _with_horizon([AlertChange(op=AlertOp.DELIVERED, columns={"events": numbers})], events, now)


def standing_alerts(events: Sequence[Event]) -> dict[str, Alert]:
    """Replay the events, oldest first; one that was edited until nobody can read it counts for nothing."""
    read = [(event, _columns(event)) for event in events]
    told = {number for event, columns in read if event.op == AlertOp.DELIVERED for number in _numbers(columns)}
    alerts: dict[str, Alert] = {}
    for event, columns in read:
        key = columns.get("key")
        if not isinstance(key, str):
            continue
        if event.op == AlertOp.RAISED:
            alerts[key] = Alert(
                key=key,
                code=str(columns.get("code")),
                message=str(columns.get("message")),
                stage=str(columns.get("stage")),
                since=_time(columns.get("since"), event.at),
                raised_at=event.at,
                raised_id=event.id,
                raise_told=event.id in told,
            )
        elif event.op == AlertOp.ENDED and key in alerts:
            alerts[key] = replace(alerts[key], ended_at=event.at, ended_id=event.id, end_told=event.id in told)
    return alerts


def _is_due(alert: Alert, now: datetime) -> bool:
    patience = PATIENCE.get(alert.code, timedelta(0))
    if alert.ended_at is None:
        return not alert.raise_told and now - alert.since >= patience
    worth_telling = alert.raise_told or alert.ended_at - alert.since >= patience
    return worth_telling and not alert.end_told and now - alert.ended_at < FORGOTTEN_AFTER


def _change(op: AlertOp, of: Concern | Alert, stage: str, since: datetime) -> AlertChange:
    columns = {"key": of.key, "code": of.code, "message": of.message, "stage": stage, "since": since.isoformat()}
    return AlertChange(op=op, columns=columns)


def _with_horizon(changes: Sequence[AlertChange], events: Sequence[Event], now: datetime) -> tuple[AlertChange, ...]:
    """Write into each change what needs no reading any more, so that old alerts cost nothing, however many."""
    needed = [each.raised_id for each in standing_alerts(events).values() if each.is_open or _is_due(each, now)]
    after = min(needed) - 1 if needed else max((event.id for event in events), default=0)
    return tuple(replace(change, columns={**change.columns, AFTER: after}) for change in changes)


def _columns(event: Event) -> Mapping[str, object]:
    try:
        columns = json.loads(event.columns)
    except ValueError:
        return {}
    return columns if isinstance(columns, dict) else {}


def _numbers(columns: Mapping[str, object]) -> Sequence[object]:
    numbers = columns.get("events")
    return [each for each in numbers if isinstance(each, int)] if isinstance(numbers, list) else []


def _time(written: object, otherwise: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(str(written))
    except ValueError:
        return otherwise
    return at if at.tzinfo is not None else otherwise
