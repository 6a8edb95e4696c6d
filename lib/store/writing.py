"""Row changes to SQL: versions compared, references resolved, one event beside each change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Delete, Table, Update, bindparam, delete, insert, select, update

from lib.domain import actions
from lib.domain.actions import Ref, RowChange
from lib.errors import StaleRow
from lib.store import tables
from lib.store.fetch import Query, raw

_FIXED = frozenset({"id", "account", "version"})


def apply_changes(connection: Connection, changes: Sequence[RowChange], *, run_id: str, at: datetime) -> dict[str, int]:
    """Apply all changes on the open transaction of `connection`; return the new ids by the names of their Refs."""
    ids: dict[str, int] = {}
    for change in changes:
        table = tables.metadata.tables[change.table]
        if isinstance(change, actions.Insert):
            op, row_id = "insert", _insert(connection, table, _resolved(table, change.values, ids))
            if change.ref is not None:
                ids[change.ref] = row_id
            after = _audited(connection, table, row_id)
        elif isinstance(change, actions.Update):
            op, row_id = "update", _resolve(change.id, ids)
            _update(connection, table, row_id, change.version, _resolved(table, change.values, ids))
            quiet = change.values.keys() <= tables.UNAUDITED.get(table.name, frozenset())
            after = None if quiet else _audited(connection, table, row_id)
        else:
            op, row_id = "delete", change.id
            after = _audited(connection, table, row_id)
            _delete(connection, table, row_id, change.version)
        if after is not None:
            _append_event(connection, table, row_id, op, after, run_id=run_id, at=at)
    return ids


def _resolve(value: Any, ids: Mapping[str, int]) -> Any:
    return ids[value.name] if isinstance(value, Ref) else value


def _resolved(table: Table, values: Mapping[str, object], ids: Mapping[str, int]) -> dict[str, object]:
    # SQLAlchemy drops what is no column without a word when values come as parameters.
    unknown = values.keys() - table.c.keys()
    if unknown:
        raise ValueError(f"{table.name} has no column {', '.join(sorted(unknown))}")
    return {name: _resolve(value, ids) for name, value in values.items()}


def _insert(connection: Connection, table: Table, values: dict[str, object]) -> int:
    if "version" in table.c:
        values = {"version": 1, **values}
    key: Any = connection.execute(_insert_statement(table), values).inserted_primary_key
    return int(key[0])


def _update(connection: Connection, table: Table, row_id: int, version: int, values: dict[str, object]) -> None:
    if not values or not _FIXED.isdisjoint(values):
        raise ValueError(f"an update of {table.name} names {sorted(values)}: {sorted(_FIXED)} are not its to set")
    which = {"at_id": row_id, "at_version": version, "version": version + 1}
    if connection.execute(_update_statement(table), {**values, **which}).rowcount != 1:
        raise StaleRow(f"{table.name} {row_id} is no longer at version {version}")


def _delete(connection: Connection, table: Table, row_id: int, version: int) -> None:
    if connection.execute(_delete_statement(table), {"at_id": row_id, "at_version": version}).rowcount != 1:
        raise StaleRow(f"{table.name} {row_id} is no longer at version {version}")


def _audited(connection: Connection, table: Table, row_id: int) -> dict[str, object] | None:
    if table.name in tables.WITHOUT_EVENTS:
        return None
    found = _audit_query(table).rows(connection, {"at_id": row_id})
    if not found:
        raise StaleRow(f"{table.name} {row_id} is gone")
    return dict(zip(told_columns(table), found[0], strict=True))


def _append_event(
    connection: Connection, table: Table, row_id: int, op: str, after: dict[str, object], *, run_id: str, at: datetime
) -> None:
    values = {
        "account": after["account"],
        "at": at,
        "run_id": run_id,
        "table_name": table.name,
        "row_id": row_id,
        "op": op,
        "columns": told(after),
    }
    connection.execute(_insert_statement(tables.event), values)


def told(row: Mapping[str, object]) -> str:
    """Write what an event says of a row."""
    return json.dumps({name: _plain(value) for name, value in row.items()}, ensure_ascii=False)


def _plain(value: object) -> object:
    # Foreign clients may have left BLOBs, and floats that JSON has no word for, in a decision.
    if isinstance(value, bytes):
        return repr(value)
    return str(value) if isinstance(value, float) else value


@cache
def _insert_statement(table: Table) -> Any:
    return insert(table)


@cache
def _update_statement(table: Table) -> Update:
    return update(table).where(table.c.id == bindparam("at_id"), table.c.version == bindparam("at_version"))


@cache
def _delete_statement(table: Table) -> Delete:
    return delete(table).where(table.c.id == bindparam("at_id"), table.c.version == bindparam("at_version"))


@cache
def _audit_query(table: Table) -> Query:
    return Query(select(*raw(table, told_columns(table))).where(table.c.id == bindparam("at_id")))


@cache
def told_columns(table: Table) -> tuple[str, ...]:
    """Name the columns that events of a table tell."""
    left_out = tables.UNAUDITED.get(table.name, frozenset()) | {"id", "version"}
    return tuple(name for name in table.c.keys() if name not in left_out)  # noqa: SIM118 - the keys, not the columns
