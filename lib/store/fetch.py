"""Rows to records, and the sentence for a row that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Dialect, Select, SelectBase, Table, select, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from lib.domain.grids import RoundTrip, Strategy
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


@dataclass(frozen=True, slots=True, eq=False)
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
ROUND_TRIP = shape(RoundTrip, tables.round_trip)
STRATEGY = shape(Strategy, tables.grid_strategy)
QUANTITY_CHANGE = shape(QuantityChange, tables.quantity_change)
RUN = shape(StageRun, tables.stage_run)
TRADE = shape(Trade, tables.journal)


def raw(table: Table, names: tuple[str, ...]) -> tuple[ColumnElement[Any], ...]:
    """Return the columns with their readers taken off: what is stored, as it is stored."""
    return tuple(type_coerce(table.c[name], NullType()).label(name) for name in names)


PREPARED_MAX = 256
"""A read is put together once for each number of ids that it is given; the oldest of so many are forgotten."""

RECORDS_MAX = 2048
"""A row that is stored as it was when it was read last is the same record; the oldest of so many are forgotten."""


@dataclass(frozen=True, slots=True, eq=False)
class Readers:
    """What makes a value of each column of a read of what is stored there; None leaves it as it is."""

    columns: tuple[Callable[[Any], Any] | None, ...]


class Query:
    """A read that passes make over and over: put together once in a process, then run by the driver itself.

    SQLAlchemy takes ten times as long around a read of a few rows as the database takes for it, and a pass makes some
    thirty of them.
    """

    def __init__(self, statement: SelectBase) -> None:
        self.statement = statement

    def rows(self, connection: Connection, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows as their columns read them; lists are given where the statement expands them.

        Raises Unreadable, and DBAPIError as SQLAlchemy does.
        """
        readers, found = self.stored(connection, parameters)
        return [_as_read(readers, row) for row in found]

    def stored(self, connection: Connection, parameters: Mapping[str, Any]) -> tuple[Readers, Sequence[Any]]:
        """Return the rows as they are stored, and how their columns read them."""
        given = tuple((name, len(value) if isinstance(value, list) else None) for name, value in parameters.items())
        made = _prepared(self, connection.dialect, given)
        values = [place.value(parameters) for place in made.places]
        try:
            cursor = connection.connection.cursor()
            cursor.execute(made.text, values)
            found = cursor.fetchall()
        except connection.dialect.loaded_dbapi.Error as error:
            raise DBAPIError(made.text, values, error) from error
        return made.readers, found

    def column(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        """Return the first column of the rows."""
        return [row[0] for row in self.rows(connection, parameters)]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value belongs in the text: the parameter's, or a constant of the statement that is written already."""

    name: str | None
    index: int | None
    constant: object
    write: Callable[[Any], Any] | None

    def value(self, parameters: Mapping[str, Any]) -> object:
        if self.name is None:
            return self.constant
        given = parameters[self.name] if self.index is None else parameters[self.name][self.index]
        return given if self.write is None else self.write(given)


@dataclass(frozen=True, slots=True)
class _Prepared:
    text: str
    places: tuple[_Place, ...]
    readers: Readers


@lru_cache(maxsize=PREPARED_MAX)
def _prepared(query: Query, dialect: Dialect, given: tuple[tuple[str, int | None], ...]) -> _Prepared:
    """Put a statement together for parameters of these names; the number is the length of a list."""
    compiled: Any = query.statement.compile(dialect=dialect)
    state = compiled.construct_expanded_state({name: None if n is None else [None] * n for name, n in given})
    origin = {each: (name, n) for name, all_of in state.parameter_expansion.items() for n, each in enumerate(all_of)}
    names, places = {name for name, _ in given}, []
    for each in state.positiontup:
        name, index = origin.get(each, (each, None))
        write = compiled.binds[name].type.bind_processor(dialect)
        constant = state.parameters[each]
        if name in names:
            places.append(_Place(name, index, None, write))
        else:
            places.append(_Place(None, None, constant if write is None else write(constant), None))
    readers = (column.type.result_processor(dialect, None) for column in query.statement.selected_columns)
    return _Prepared(state.statement, tuple(places), Readers(tuple(readers)))


def _as_read(readers: Readers, row: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(value if read is None else read(value) for value, read in zip(row, readers.columns, strict=True))


@lru_cache(maxsize=RECORDS_MAX, typed=True)  # 1, 1.0 and True are stored differently, and read so
def _record(shape: Shape[R], readers: Readers, *row: object) -> R:
    return shape.record(**dict(zip(shape.names, _as_read(readers, row), strict=True)))


def records(
    connection: Connection, shape: Shape[R], read: Select[Any] | Query, parameters: Mapping[str, object] | None = None
) -> tuple[R, ...]:
    """Run a read (made by `shape.select`) and return its records."""
    try:
        if isinstance(read, Query):
            readers, found = read.stored(connection, parameters or {})
            return tuple(_record(shape, readers, *row) for row in found)
        rows = connection.execute(read, parameters).all()
        return tuple(shape.record(**dict(zip(shape.names, row, strict=True))) for row in rows)
    except Unreadable:
        statement: Any = read.statement if isinstance(read, Query) else read
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
