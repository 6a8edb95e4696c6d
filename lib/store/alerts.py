"""Alerts in the database: which events still matter, and new ones. All by index, however old the account is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, or_, select

from lib.domain.alerts import AFTER, ALERT, AlertChange, AlertRows
from lib.domain.states import ControlState
from lib.domain.story import Event
from lib.store import tables
from lib.store.fetch import CONTROL, EVENT, Query, records
from lib.store.selection import STAGES

SKIPPED = "skipped"
OUTCOMES = ("done", "incomplete", SKIPPED)

_ACCOUNT: ColumnElement[Any] = bindparam("account")
_ROW_ID: ColumnElement[Any] = bindparam("row_id")


def _stopped_by_a_stage() -> Any:
    control, event = tables.control.c, tables.event.c
    newest = select(event.run_id).where(event.table_name == tables.control.name, event.row_id == control.id)
    by = newest.order_by(event.id.desc()).limit(1).correlate(tables.control).scalar_subquery()
    return CONTROL.select(
        control.account == _ACCOUNT,
        control.state != ControlState.ACTIVE.value,
        or_(*(by.startswith(f"{stage}-", autoescape=True) for stage in STAGES)),
    ).order_by(control.id)


def _newest_runs() -> Any:
    run = tables.stage_run.c
    newest = select(func.max(run.id)).where(run.account == _ACCOUNT)
    of_each = (newest.where(run.stage == stage, run.outcome == outcome) for stage in STAGES for outcome in OUTCOMES)
    return select(run.stage, run.outcome).where(run.id.in_([one.scalar_subquery() for one in of_each])).order_by(run.id)


_ROW = Query(select(tables.account.c.id).where(tables.account.c.account == _ACCOUNT))
_OF_ACCOUNT = (tables.event.c.table_name == ALERT, tables.event.c.row_id == _ROW_ID)
_NEWEST = Query(EVENT.select(*_OF_ACCOUNT).order_by(tables.event.c.id.desc()).limit(1))
_STILL_MATTER = Query(EVENT.select(*_OF_ACCOUNT, tables.event.c.id > bindparam(AFTER)).order_by(tables.event.c.id))
_STOPPED = Query(_stopped_by_a_stage())
_NEWEST_RUNS = Query(_newest_runs())


def read(connection: Connection, account: str) -> AlertRows:
    """Return what is on record of the account's alerts; an account that has no row has none."""
    outcomes = dict(_NEWEST_RUNS.rows(connection, {"account": account}))
    return AlertRows(
        events=events(connection, account),
        stopped=records(connection, CONTROL, _STOPPED, {"account": account}),
        skipped=frozenset(stage for stage, outcome in outcomes.items() if outcome == SKIPPED),
    )


def events(connection: Connection, account: str) -> tuple[Event, ...]:
    """Return the events of the account's alerts that still matter."""
    which = {"row_id": _row_id(connection, account)}
    newest = records(connection, EVENT, _NEWEST, which)
    return records(connection, EVENT, _STILL_MATTER, {**which, AFTER: _after(newest[0].columns)}) if newest else ()


def append(connection: Connection, account: str, changes: Sequence[AlertChange], *, run_id: str, at: datetime) -> None:
    """Append one event for each change, on the open transaction of `connection`."""
    if not changes:
        return
    shared = {
        "account": account,
        "at": at,
        "run_id": run_id,
        "table_name": ALERT,
        "row_id": _row_id(connection, account),
    }
    written = [{"op": each.op.value, "columns": json.dumps(each.columns, ensure_ascii=False)} for each in changes]
    connection.execute(insert(tables.event), [{**shared, **each} for each in written])


def _row_id(connection: Connection, account: str) -> int:
    return next(iter(_ROW.column(connection, {"account": account})), 0)


def _after(columns: str) -> int:
    """Return how far back nothing matters; should a person have edited the row, everything is read again."""
    try:
        written = json.loads(columns)
    except ValueError:
        return 0
    after = written.get(AFTER) if isinstance(written, dict) else None
    return after if isinstance(after, int) else 0
