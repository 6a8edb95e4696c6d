"""Rows beside their events: what the audit trail says against what is there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import Connection, Table, select

from lib.domain.story import Audited, Event
from lib.store import tables
from lib.store.fetch import EVENT, raw, records
from lib.store.sql import SqlStore
from lib.store.writing import told, told_columns

AT_ONCE = 500
KEYS = {
    tables.journal: "decision_id",
    tables.order: "client_order_id",
    tables.fill: "activity_id",
    tables.quantity_change: "activity_id",
    tables.round_trip: "exit_fill",
}
"""The tables whose rows stay for ever, and what a row is known by: a backfill writes what was lost under another id."""


def audited(store: SqlStore, account: str, ids: Mapping[str, Iterable[int]]) -> tuple[Audited, ...]:
    """Return the rows of these ids, by table, beside their events, and every row of the account that is gone."""
    with store.reading() as connection:
        return tuple(
            each
            for table in KEYS
            for each in _of_table(connection, table, {*ids.get(table.name, ()), *_gone(connection, table, account)})
        )


def _gone(connection: Connection, table: Table, account: str) -> Iterator[int]:
    event = tables.event.c
    there = select(table.c.id).where(table.c.id == event.row_id)
    made = select(event.row_id).where(
        event.table_name == table.name, event.account == account, event.op == "insert", ~there.exists()
    )
    known = table.c[KEYS[table]]
    for row_id in connection.execute(made).scalars().all():
        newest = EVENT.select(event.table_name == table.name, event.row_id == row_id).order_by(event.id.desc()).limit(1)
        key = json.loads(records(connection, EVENT, newest)[0].columns).get(known.name)
        if connection.execute(select(table.c.id).where(known == key).limit(1)).first() is None:
            yield row_id


def _of_table(connection: Connection, table: Table, ids: Iterable[int]) -> Iterator[Audited]:
    wanted, event = sorted(ids), tables.event.c
    columns = raw(table, told_columns(table))
    versions = (table.c.version,) if "version" in table.c else ()
    for first in range(0, len(wanted), AT_ONCE):
        chunk = wanted[first : first + AT_ONCE]
        which = EVENT.select(event.table_name == table.name, event.row_id.in_(chunk)).order_by(event.id)
        events: dict[int, list[Event]] = {}
        for each in records(connection, EVENT, which):
            events.setdefault(each.row_id, []).append(each)
        stored = connection.execute(select(table.c.id, *versions, *columns).where(table.c.id.in_(chunk))).mappings()
        rows = {int(row["id"]): row for row in stored}
        for row_id in chunk:
            row = rows.get(row_id)
            yield Audited(
                table=table.name,
                id=row_id,
                version=int(row["version"]) if row is not None and versions else None,
                columns=told({c.name: row[c.name] for c in columns}) if row is not None else None,
                events=tuple(events.get(row_id, ())),
            )
