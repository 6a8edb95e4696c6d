"""The store on SQLite: one file, one writer at a time, nothing to install. The only place that knows SQLite."""

from __future__ import annotations

import fcntl
import functools
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from lib import due
from lib.errors import CodeReplaced, ConfigError, PipelineError, StaleRow, StoreUnavailable
from lib.store import grid_orders, tables
from lib.store.sql import INIT, SqlStore

BUSY_TIMEOUT_S = 10.0
LOCK_RETRY_S = 0.05
MEMORY = ":memory:"

_ACCOUNT_NAME = re.compile(r"[A-Za-z0-9_-]+")
_COLUMN_GONE = re.compile(r"no such column|has no column named")
_UNIQUE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID}
_PERSON_NEEDED = {
    sqlite3.SQLITE_NOTADB: "it is not an SQLite database",
    sqlite3.SQLITE_CORRUPT: "it is damaged; restore a backup",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; are the file and its folder readable and writable?",
    sqlite3.SQLITE_READONLY: "it cannot be written; are the file and its folder writable?",
    sqlite3.SQLITE_PERM: "it cannot be opened; are the file and its folder readable and writable?",
    sqlite3.SQLITE_AUTH: "access is denied",
}
_TRY_LATER = {
    sqlite3.SQLITE_BUSY: f"another program has kept it locked for {BUSY_TIMEOUT_S:g} s",
    sqlite3.SQLITE_LOCKED: "it is locked by another connection",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk does not read or write",
    sqlite3.SQLITE_PROTOCOL: "its locks do not work; is it on a network drive?",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
    sqlite3.SQLITE_INTERRUPT: "the call was interrupted",
}


_SHARED = "shared"
_COMPILED: dict[object, Any] = {}
"""Statements as they were put together for the first engine that needed them, for every engine of this process."""


class SharedDialect(SQLiteDialect_pysqlite):
    """SQLite as SQLAlchemy has it; all of them count as the same, so what was put together for one serves all.

    A simulation opens thousands of databases, and putting its statements together takes longer than running them.
    """

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        """Say that it is the same as any other."""
        return isinstance(other, SharedDialect)

    def __hash__(self) -> int:
        """Be found where any other is."""
        return hash(SharedDialect)


registry.register(f"sqlite.{_SHARED}", __name__, SharedDialect.__name__)


@dataclass(frozen=True, slots=True)
class SqliteDatabase:
    """`store.sql.Database`."""

    name: str
    reader: Engine
    writer: Engine
    state_dir: Path

    def explain(self, error: DBAPIError) -> PipelineError | StaleRow | None:
        """Translate SQLite's result codes."""
        code = getattr(error.orig, "sqlite_errorcode", None)
        if code is None:
            return None
        if code in _UNIQUE:
            return StaleRow(f"{error.orig}: such a row is there already")
        primary = code & 0xFF
        if primary == sqlite3.SQLITE_ERROR and _COLUMN_GONE.search(str(error.orig)):
            return ConfigError(f"database {self.name}: {error.orig}; a column was renamed or removed: put it back")
        if primary in _PERSON_NEEDED:
            return ConfigError(f"database {self.name}: {_PERSON_NEEDED[primary]} ({error.orig})")
        if primary in _TRY_LATER:
            return StoreUnavailable(f"database {self.name}: {_TRY_LATER[primary]} ({error.orig})")
        return None

    def hold_account(self, account: str, wait_s: float) -> AbstractContextManager[bool]:
        """Lock the account's file in the state directory; the system lets go of it if this process dies."""
        return _hold(self.state_dir / "locks" / checked_account_name(account), wait_s)

    def held_since(self, account: str) -> datetime | None:
        """Try the lock for a moment, which a pass that comes then does not notice: it tries again for a minute."""
        return _held_since(self.state_dir / "locks" / checked_account_name(account))


def open_store(url: str, state_dir: Path, *, durable: bool = True, create: bool = False) -> SqlStore:
    """Open the database at `url`; `sqlite://` is one in memory, gone with the store.

    `create` makes what is missing, file and tables, by the tables of this code: for simulations and tests. A
    database that is meant to stay is made and moved along by `python -m lib.store init`. Without `durable` a power
    cut may take the last commits with it: never for orders at a real broker.
    """
    database = open_database(url, state_dir, durable=durable, create=create)
    store = SqlStore(database)
    if create and store.schema_found() is None:
        with store.writing() as connection:
            _create_tables(connection)
    return store


def open_database(url: str, state_dir: Path, *, durable: bool = True, create: bool = False) -> SqliteDatabase:
    """Prepare the engine; no table is looked at."""
    name = _database_name(url)
    path = None if name == MEMORY else Path(name).absolute()
    if path is not None:
        _check_place(path, create=create)
    engine = create_engine(
        f"sqlite+{_SHARED}://",
        creator=functools.partial(_connect, path, durable=durable, create=create),
        # One connection, kept: opening costs more than reading, and closing the last one writes the WAL back.
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_S,
        execution_options={"compiled_cache": _COMPILED},
    )
    event.listen(engine, "begin", _begin)
    writer = engine.execution_options(begin="BEGIN IMMEDIATE")
    return SqliteDatabase(str(path) if path else MEMORY, engine, writer, state_dir)


def database_path(url: str) -> Path:
    """Return the file of a database, whether it is there or not. Raises ConfigError for one in memory."""
    name = _database_name(url)
    if name == MEMORY:
        raise ConfigError("DATABASE_URL names no file: a database in memory is gone with its program")
    return Path(name).absolute()


def checked_account_name(account: str) -> str:
    """Return `account` if it can name a file and stand in a command line."""
    if not _ACCOUNT_NAME.fullmatch(account):
        raise ConfigError(f"account {account!r}: a name is made of letters, digits, _ and -")
    return account


@contextmanager
def written_anew(connection: Connection, table: str) -> Iterator[None]:
    """Let a migration copy a table under its own name, which is how a column changes here; its ids go on as they were.

    A view that somebody made on the table would forbid the new name, unless tables are renamed in the older way.
    """
    newest = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).scalar()
    connection.exec_driver_sql("PRAGMA legacy_alter_table = ON")
    try:
        yield
    finally:
        connection.exec_driver_sql("PRAGMA legacy_alter_table = OFF")
    connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
    if newest is not None:
        connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, newest))


def _database_name(url: str) -> str:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError("DATABASE_URL is no database address; sqlite:///var/trading.db is one") from None
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise ConfigError(f"DATABASE_URL begins with {parsed.drivername}: only sqlite is offered")
    if parsed.query or parsed.host:
        raise ConfigError(f"DATABASE_URL {url}: a path and nothing else belongs after sqlite:///")
    return parsed.database or MEMORY


def _check_place(path: Path, *, create: bool) -> None:
    try:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise ConfigError(f"database {path} does not exist: {INIT}")
    except OSError as error:
        raise ConfigError(f"database {path}: {error.strerror}") from error


def _connect(path: Path | None, *, durable: bool, create: bool) -> sqlite3.Connection:
    where = MEMORY if path is None else f"{path.as_uri()}?mode={'rwc' if create else 'rw'}"
    connection = sqlite3.connect(
        where,
        uri=path is not None,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,  # transactions begin where `_begin` says, not where the driver guesses
        check_same_thread=False,  # the pool gives it to one user at a time
    )
    try:
        # Foreign programs can store text that is no UTF-8; reading it must not fail.
        connection.text_factory = functools.partial(str, encoding="utf-8", errors="replace")
        connection.execute("PRAGMA journal_mode=WAL" if path else "PRAGMA journal_mode=MEMORY")
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
    except BaseException:
        connection.close()
        raise
    return connection


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once, without waiting, when another wrote between:
    # writers say so at the beginning.
    statement = connection.get_execution_options().get("begin", "BEGIN")
    try:
        connection.connection.cursor().execute(statement)  # by the driver itself: most transactions are one short read
    except sqlite3.Error as error:
        raise DBAPIError(statement, None, error) from error


def _create_tables(connection: Connection) -> None:
    for statement in _schema_statements():
        connection.exec_driver_sql(statement)
    connection.execute(insert(tables.schema_version), {"version_num": tables.SCHEMA_VERSION})


@functools.cache
def _schema_statements() -> tuple[str, ...]:
    # A simulation opens thousands of databases; the words that create one are put together once.
    dialect = SharedDialect()
    parts: list[ExecutableDDLElement] = []
    for table in (*tables.metadata.sorted_tables, tables.schema_version):
        parts += [CreateTable(table), *map(CreateIndex, table.indexes)]
    return (*(str(part.compile(dialect=dialect)) for part in parts), grid_orders.VIEW)


@contextmanager
def _hold(path: Path, wait_s: float) -> Iterator[bool]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ConfigError(f"lock file {path}: {error.strerror}") from error
    try:
        held = _locked(functools.partial(fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB), wait_s)
        if due.code_was_replaced():
            raise CodeReplaced("the program was upgraded while this waited for its account; start it again")
        if held:
            os.utime(file)  # since when, for those who look
        yield held
    finally:
        os.close(file)


def _held_since(path: Path) -> datetime | None:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"lock file {path}: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return datetime.fromtimestamp(os.fstat(file).st_mtime, UTC)
    else:
        return None
    finally:
        os.close(file)


def _locked(take: Callable[[], None], wait_s: float) -> bool:
    give_up = time.monotonic() + wait_s
    while True:
        try:
            take()
        except BlockingIOError:
            left = give_up - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(LOCK_RETRY_S, left))
        else:
            return True
