"""Rows to records, and the sentence for a row that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Dialect, Select, Table, select, type_coerce
from sqlalchemy.types import NullType

from lib.domain.records import (
    Account,
    Control,
    Coverage,
    Decision,
    Fill,
    Order,
    Position,
    QuantityChange,
    StageRun,
    Trade,
)
from lib.domain.story import Event
from lib.errors import ConfigError
from lib.store import tables
from lib.store.column_types import Unreadable

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Shape(Generic[R]):
    """A record and the table that holds it."""

    record: type[R]
    table: Table
    names: tuple[str, ...]

    def select(self, *where: ColumnElement[bool]) -> Select[Any]:
        """Select the record's columns of the rows that meet `where`."""
        return select(*(self.table.c[name] for name in self.names)).where(*where)


def shape(record: type[R], table: Table) -> Shape[R]:
    """Say that `table` holds `record`, field by field."""
    return Shape(record, table, tuple(field.name for field in fields(record)))  # type: ignore[arg-type]


ACCOUNT = shape(Account, tables.account)
COVERAGE = shape(Coverage, tables.coverage)
CONTROL = shape(Control, tables.control)
DECISION = shape(Decision, tables.decision)
EVENT = shape(Event, tables.event)
FILL = shape(Fill, tables.fill)
ORDER = shape(Order, tables.order)
POSITION = shape(Position, tables.position)
QUANTITY_CHANGE = shape(QuantityChange, tables.quantity_change)
RUN = shape(StageRun, tables.stage_run)
TRADE = shape(Trade, tables.journal)


def raw(table: Table, names: tuple[str, ...]) -> tuple[ColumnElement[Any], ...]:
    """Return the columns with their readers taken off: what is stored, as it is stored."""
    return tuple(type_coerce(table.c[name], NullType()).label(name) for name in names)


def records(
    connection: Connection, shape: Shape[R], statement: Select[Any], parameters: Mapping[str, object] | None = None
) -> tuple[R, ...]:
    """Run `statement` (made by `shape.select`) and return its records."""
    result = connection.execute(statement, parameters)
    try:
        return tuple(shape.record(**dict(zip(shape.names, row, strict=True))) for row in result.all())
    except Unreadable:
        bad = connection.execute(statement.with_only_columns(*raw(shape.table, shape.names)), parameters)
        first, *others = _unreadable(shape, bad.mappings(), connection.dialect)
        more = f"; so do {len(others)} more" if others else ""
        raise ConfigError(first + more) from None


def _unreadable(shape: Shape[R], rows: Any, dialect: Dialect) -> Iterator[str]:
    for row in rows:
        for name in shape.names:
            kind = shape.table.c[name].type
            try:
                reader = kind.result_processor(dialect, None)
                if reader is not None:
                    reader(row[name])
            except Unreadable as error:
                yield f"table {shape.table.name}, row {row['id']}: column {name} holds {error}, which cannot be read"
