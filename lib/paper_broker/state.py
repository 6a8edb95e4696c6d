"""Where the book lives between requests: in memory, or in one SQLite file.

A request takes the file for itself (BEGIN IMMEDIATE), reads what others have written since, and writes the rows that
it changed, if any; a process that is killed leaves the last whole state behind. Each row carries the number of the
commit that wrote it, so reading what is new is one query.

Any number of processes may share a file in-process, or one server may have it to itself; a lock beside the file keeps
the two kinds apart, for a server's faults and hand-moved clock would not be seen by the others.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import weakref
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from lib.paper_broker.exchange import rows
from lib.paper_broker.exchange.book import Book, new_account
from lib.paper_broker.exchange.records import Account, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from decimal import Decimal
    from pathlib import Path

    from lib.paper_broker.exchange.records import Activity, NonTrade, Order

SCHEMA = 1
BUSY_S = 30
WALKED_MAX = 500
"""Price steps that may be walked again by the next process; beyond it, how far the book has come is written down."""

_TABLES = """
CREATE TABLE account (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER, last TEXT, data TEXT) STRICT;
CREATE TABLE orders (seq INTEGER PRIMARY KEY, version INTEGER, id TEXT, client_order_id TEXT UNIQUE, live INTEGER,
                     data TEXT) STRICT;
CREATE INDEX orders_version ON orders (version);
CREATE TABLE activities (seq INTEGER PRIMARY KEY, version INTEGER, id TEXT, data TEXT) STRICT;
CREATE INDEX activities_version ON activities (version);
CREATE TABLE positions (symbol TEXT PRIMARY KEY, version INTEGER, data TEXT) STRICT;
"""


class StateError(RuntimeError):
    """A state file that cannot be used."""


class State(Protocol):
    """Keeps the book."""

    def taken(self) -> AbstractContextManager[Book]:
        """Take the book for one request; its changes are kept unless the request raises."""

    def take_alone(self) -> None:
        """Keep everybody else away from it from now on."""

    def close(self) -> None:
        """Let go of it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A book in memory at one instant. Records are frozen, so holding on to them is enough."""

    account: Account
    last: datetime
    orders: dict[str, Order]
    activities: dict[str, Activity | NonTrade]
    positions: dict[str, Position]


class MemoryState:
    """A book that ends with the process."""

    def __init__(self, seed: int, cash: Decimal, now: datetime) -> None:
        self._book = Book(new_account(seed, cash, now), now)
        # As the last request left it. Records are frozen, so holding on to them is enough.
        self._account, self._last = self._book.account, now
        self._orders: dict[str, Order] = {}
        self._activities: dict[str, Activity | NonTrade] = {}
        self._positions: dict[str, Position] = {}

    @contextmanager
    def taken(self) -> Iterator[Book]:
        """Lend the book; take back what a request did that did not come to its end."""
        try:
            yield self._book
        except BaseException:
            self._book = self._as_left()
            raise
        book = self._book
        if book.changed:
            self._orders.update((order.id, order) for order in book.orders(book.changed_orders))
            self._activities.update((name, book.activity(name)) for name in book.new_activities)
            self._positions = dict(book.positions)
        self._account, self._last = book.account, book.last
        book.written()

    def saved(self) -> Kept:
        """Return the book as the last request left it."""
        return Kept(self._account, self._last, dict(self._orders), dict(self._activities), dict(self._positions))

    def begin_again(self, kept: Kept) -> None:
        """Put a saved book in the place of this one."""
        self._account, self._last = kept.account, kept.last
        self._orders, self._activities = dict(kept.orders), dict(kept.activities)
        self._positions = dict(kept.positions)
        self._book = self._as_left()

    def _as_left(self) -> Book:
        book = Book(self._account, self._last)
        for order in self._orders.values():
            book.put(order)
        for activity in self._activities.values():
            book.add_activity(activity)
        book.positions = dict(self._positions)
        book.written()
        return book

    def take_alone(self) -> None:
        """Do nothing: nobody else can reach it."""

    def close(self) -> None:
        """Do nothing."""


class FileState:
    """A book in one SQLite file."""

    def __init__(self, file: Path, make: Callable[[], tuple[int, Decimal, datetime]], *, look: bool = False) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self._look = look
        # Closing the handle lets go of the lock, so it lives as long as this object, and no longer.
        self._lock = os.open(file.with_name(file.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._unlock = weakref.finalize(self, os.close, self._lock)
        self._flock(fcntl.LOCK_SH, "is served by another process; use its address instead of the file")
        try:
            self._connection = _connect(file)
        except sqlite3.DatabaseError as error:
            message = f"{file}: not a paper broker's state ({error})"
            raise StateError(message) from error
        self._disconnect = weakref.finalize(self, self._connection.close)
        self._book: Book | None = None
        self._version = 0
        with self._transaction():
            self._create(make)

    def take_alone(self) -> None:
        """Keep every other process away, or fail when there is one."""
        self._flock(fcntl.LOCK_EX, "is in use by another process; a server needs it for itself")

    def close(self) -> None:
        """Let go of the file."""
        self._disconnect()
        self._unlock()

    @contextmanager
    def taken(self) -> Iterator[Book]:
        """Lend the book as of the file's last commit, and commit what changes."""
        try:
            with self._transaction():
                book = self._load()
                yield book
                if self._look:
                    self._book = None  # it has gone on, and the file has not
                elif book.changed or book.walked > WALKED_MAX:
                    self._write(book)
                    book.written()
        except BaseException:
            # What was half done in memory, or could not be committed, must not be seen by the next request.
            self._book = None
            raise

    def _flock(self, kind: int, message: str) -> None:
        try:
            fcntl.flock(self._lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            full = f"{self._file} {message}"
            raise StateError(full) from None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # A commit that fails, as on a full disk, may have ended the transaction itself.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            message = f"{self._file}: {error}"
            raise StateError(message) from error

    def _create(self, make: Callable[[], tuple[int, Decimal, datetime]]) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version == SCHEMA:
            return
        if version or self._connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            message = f"{self._file}: not a paper broker's state of version {SCHEMA}"
            raise StateError(message)
        for statement in filter(str.strip, _TABLES.split(";")):
            self._connection.execute(statement)
        seed, cash, now = make()
        row = (now.isoformat(), rows.write(new_account(seed, cash, now)))
        self._connection.execute("INSERT INTO account VALUES (1, 1, ?, ?)", row)
        self._connection.execute(f"PRAGMA user_version = {SCHEMA}")

    def _load(self) -> Book:
        read = self._connection.execute
        version, last, data = read("SELECT version, last, data FROM account").fetchone()
        if self._book is not None and version == self._version:
            return self._book
        account = rows.read(Account, data)
        since = (self._version,) if self._book is not None else (0,)
        book = self._book or Book(account, datetime.fromisoformat(last))
        book.take_account(account, datetime.fromisoformat(last))
        orders = "SELECT id, client_order_id, data, live FROM orders WHERE version > ? ORDER BY seq"
        for order_id, client_order_id, text, live in read(orders, since):
            book.take_order(order_id, client_order_id, text, live=bool(live))
        for activity_id, text in read("SELECT id, data FROM activities WHERE version > ? ORDER BY seq", since):
            book.take_activity(activity_id, text)
        # Positions are few, and one that is gone leaves no row to find.
        book.positions = {
            symbol: rows.read(Position, text) for symbol, text in read("SELECT symbol, data FROM positions")
        }
        self._book, self._version = book, version
        return book

    def _write(self, book: Book) -> None:
        write = self._connection.execute
        version = self._version + 1
        for order in book.orders(book.changed_orders):
            row = (order.seq, version, order.id, order.client_order_id, int(order.live), rows.write(order))
            write("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?)", row)
        for activity in map(book.activity, book.new_activities):
            fill = (activity.seq, version, activity.id, rows.write(activity))
            write("INSERT INTO activities VALUES (?, ?, ?, ?)", fill)
        for symbol in book.changed_positions:
            write("DELETE FROM positions WHERE symbol = ?", (symbol,))
            if symbol in book.positions:
                held = rows.write(book.positions[symbol])
                write("INSERT INTO positions VALUES (?, ?, ?)", (symbol, version, held))
        account = (version, book.last.isoformat(), rows.write(book.account))
        write("UPDATE account SET version = ?, last = ?, data = ?", account)
        self._version = version


def _connect(file: Path) -> sqlite3.Connection:
    # One thread at a time uses it: the program above holds a lock for each request.
    connection = sqlite3.connect(file, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection
