"""SQLite databases as files: copied while they are in use, looked over, put one in the other's place.

A copy is SQLite's own online backup in one step: the state of one moment, whoever reads or writes meanwhile.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lib.errors import ConfigError, StoreUnavailable
from lib.store.sqlite import BUSY_TIMEOUT_S

IDS_SKIPPED = 1000
SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database that is open; without them the file alone may not be whole."""


class Damaged(ConfigError):
    """A file that SQLite cannot read as a database, or not to its end."""


def copy(source: Path, target: Path) -> None:
    """Copy a database into a new file that only its owner can read, as one file, flushed to the disk."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with _opened(source, "ro") as old, _opened(target, "rw") as new:
        _pour(old, new)
        new.execute("PRAGMA journal_mode=DELETE")
    flush(target)
    flush(target.parent)


def put_in_place(source: Path, target: Path) -> None:
    """Give `target` the content of `source` in one transaction; whoever has it open reads the new content next."""
    with _opened(source, "ro") as old, _opened(target, "rw") as new:
        new.execute("PRAGMA synchronous=FULL")
        _pour(old, new)


def damage(path: Path) -> str | None:
    """Return what is wrong with a database by its own check; None if nothing is."""
    with _opened(path, "ro") as connection:
        said = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
    return None if said == ["ok"] else "; ".join(said)


def schema_of(path: Path) -> str | None:
    """Return the schema version; None if the file is a database of something else."""
    with _opened(path, "ro") as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name='alembic_version'").fetchall():
            return None
        found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return ", ".join(str(row[0]) for row in found) or None


def newest_ids(path: Path) -> Mapping[str, int]:
    """Return the newest id that each table ever gave."""
    with _opened(path, "ro") as connection:
        return {str(name): int(seq) for name, seq in connection.execute("SELECT name, seq FROM sqlite_sequence")}


def skip_ids(path: Path, table: str, beyond: int) -> None:
    """Let the next id of a table be well beyond all that were given, known or lost."""
    newest = max(newest_ids(path).get(table, 0), beyond) + IDS_SKIPPED
    with _opened(path, "rw") as connection, connection:
        connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, newest))


def table_sizes(path: Path) -> Mapping[str, int | None]:
    """Return the bytes of each table and its indexes; None where this SQLite was built without such a count."""
    counted = (
        "SELECT m.tbl_name, SUM(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name "
        "WHERE s.aggregate = TRUE GROUP BY m.tbl_name"
    )
    with _opened(path, "ro") as connection:
        tables = [str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        try:
            return {str(name): int(size) for name, size in connection.execute(counted)}
        except sqlite3.OperationalError:
            return dict.fromkeys(tables)


def flush(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _pour(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    give_up = time.monotonic() + BUSY_TIMEOUT_S

    def watch(status: int, _remaining: int, _total: int) -> None:
        if status not in {sqlite3.SQLITE_OK, sqlite3.SQLITE_DONE} and time.monotonic() > give_up:
            raise StoreUnavailable(f"another program has kept the database locked for {BUSY_TIMEOUT_S:g} s")

    old.backup(new, progress=watch)


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=BUSY_TIMEOUT_S)
        try:
            yield connection
        finally:
            connection.close()
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
            raise StoreUnavailable(f"database {path}: {error}") from error
        if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            raise Damaged(f"database {path}: {error}") from error
        raise ConfigError(f"database {path}: {error}") from error
