"""What commands ask of the store beside the port: lists for a person to read, and the decisions a person writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam

from lib.domain.actions import Insert, Update
from lib.domain.records import Account, Decision, Fill, Order, QuantityChange, StageRun, Trade
from lib.store import tables
from lib.store.fetch import ACCOUNT, DECISION, FILL, ORDER, QUANTITY_CHANGE, RUN, TRADE, R, Shape, records, shape
from lib.store.sql import SqlStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of `event`: what a row held after a change; for a delete, what it held last.

    `columns` is a JSON object of the columns, as they are stored: numbers and times are text.
    """

    id: int
    account: str
    at: datetime
    run_id: str
    table_name: str
    row_id: int
    op: str  # insert, update, delete
    columns: str


EVENT = shape(Event, tables.event)


def accounts(store: SqlStore) -> tuple[Account, ...]:
    """Return every account of the database."""
    return _read(store, ACCOUNT, ACCOUNT.select().order_by(tables.account.c.id))


def decisions(store: SqlStore, account: str, *, limit: int | None = None) -> tuple[Decision, ...]:
    """Return the account's decisions, newest first."""
    table = tables.decision.c
    return _read(store, DECISION, DECISION.select(table.account == account).order_by(table.id.desc()).limit(limit))


def decision(store: SqlStore, decision_id: int) -> Decision | None:
    """Return one decision."""
    found = _read(store, DECISION, DECISION.select(tables.decision.c.id == decision_id))
    return found[0] if found else None


def journal(store: SqlStore, account: str) -> tuple[Trade, ...]:
    """Return all trades of the account in the order in which they were claimed."""
    table = tables.journal.c
    return _read(store, TRADE, TRADE.select(table.account == account).order_by(table.id))


def trade(store: SqlStore, trade_id: int) -> Trade | None:
    """Return one trade."""
    found = _read(store, TRADE, TRADE.select(tables.journal.c.id == trade_id))
    return found[0] if found else None


def orders_of(store: SqlStore, trade_id: int) -> tuple[Order, ...]:
    """Return all orders a trade ever had, in order."""
    table = tables.order.c
    return _read(store, ORDER, ORDER.select(table.trade_id == trade_id).order_by(table.id))


def fills_of(store: SqlStore, trade_id: int) -> tuple[Fill, ...]:
    """Return all executions of a trade, in the order in which they were booked."""
    table = tables.fill.c
    return _read(store, FILL, FILL.select(table.trade_id == trade_id).order_by(table.id))


def changes(store: SqlStore, account: str) -> tuple[QuantityChange, ...]:
    """Return all changes of quantity that were no fills of ours, in order."""
    table = tables.quantity_change.c
    return _read(store, QUANTITY_CHANGE, QUANTITY_CHANGE.select(table.account == account).order_by(table.id))


def events_of(store: SqlStore, table_name: str, row_id: int) -> tuple[Event, ...]:
    """Return the history of one row, oldest first."""
    table = tables.event.c
    return _read(store, EVENT, EVENT.select(table.table_name == table_name, table.row_id == row_id).order_by(table.id))


def events(store: SqlStore, account: str, *, limit: int | None = None) -> tuple[Event, ...]:
    """Return what changed for the account, newest first."""
    table = tables.event.c
    return _read(store, EVENT, EVENT.select(table.account == account).order_by(table.id.desc()).limit(limit))


def runs(store: SqlStore, account: str, *, stage: str | None = None, limit: int | None = None) -> tuple[StageRun, ...]:
    """Return the account's passes, newest first."""
    table = tables.stage_run.c
    of_stage = () if stage is None else (table.stage == stage,)
    return _read(store, RUN, RUN.select(table.account == account, *of_stage).order_by(table.id.desc()).limit(limit))


def add_decision(store: SqlStore, values: Mapping[str, str | bool | None], *, run_id: str, at: datetime) -> int:
    """Write a decision as given, right or wrong (the rules judge it when it is read); return its id."""
    return add_decisions(store, [values], run_id=run_id, at=at)[0]


def add_decisions(
    store: SqlStore, rows: Sequence[Mapping[str, str | bool | None]], *, run_id: str, at: datetime
) -> tuple[int, ...]:
    """Write several decisions, all or none; return their ids in order."""
    changes = [Insert(table=tables.decision.name, values=row, ref=str(index)) for index, row in enumerate(rows)]
    ids = store.write(changes, run_id=run_id, at=at)
    return tuple(ids[str(index)] for index in range(len(rows)))


def approve(store: SqlStore, account: str, decision_ids: Iterable[int], *, run_id: str, at: datetime) -> frozenset[int]:
    """Tick `Approve` on the account's decisions of these ids, all or none; return the ids that exist.

    Raises StaleRow when a pass changed one of them in between.
    """
    table = tables.decision.c
    which: BindParameter[Any] = bindparam("ids", sorted(set(decision_ids)), expanding=True)
    found = _read(store, DECISION, DECISION.select(table.account == account, table.id.in_(which)))
    store.write(
        [Update(table=tables.decision.name, id=row.id, version=row.version, values={"approve": True}) for row in found],
        run_id=run_id,
        at=at,
    )
    return frozenset(row.id for row in found)


def _read(store: SqlStore, shape: Shape[R], statement: Select[Any]) -> tuple[R, ...]:
    with store.reading() as connection:
        return records(connection, shape, statement)
