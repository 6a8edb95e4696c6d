"""The store port on any SQL database: portable statements only; what differs by database is a `Database`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import DBAPIError, StatementError

from lib.domain.actions import RowChange
from lib.domain.alerts import AlertChange, AlertRows
from lib.domain.records import Account, Control, Rows, StageRun, Trade
from lib.errors import ConfigError, PipelineError, StaleRow, WrongSchema
from lib.store import alerts, selection, tables
from lib.store.fetch import Query
from lib.store.port import Store
from lib.store.writing import apply_changes

_SCHEMA_VERSION = Query(select(tables.schema_version.c.version_num))
INIT = "run `.venv/bin/python -m lib.store init`"


class Database(Protocol):
    """One kind of database: how to begin, how to exclude, and what its errors mean."""

    @property
    def name(self) -> str:
        """How a person knows it: its path or address, without secrets."""

    @property
    def reader(self) -> Engine:
        """Its transactions see one state of the data from their first read to their end."""

    @property
    def writer(self) -> Engine:
        """Its transactions wait for other writers at their beginning, not in their middle."""

    def explain(self, error: DBAPIError) -> PipelineError | StaleRow | None:
        """Say what an error of the driver means: not available, a person is needed, a unique constraint was met.

        None is a mistake in the code.
        """

    def hold_account(self, account: str, wait_s: float) -> AbstractContextManager[bool]:
        """Exclude every other holder of `account`, in any process, until the context ends or the process dies."""

    def held_since(self, account: str) -> datetime | None:
        """Return since when somebody has held the account; None if nobody does now."""


class SqlStore(Store):
    """`store.port.Store`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one consistent state."""
        with self._transaction(self._database.reader) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that commits at its end, or leaves nothing."""
        with self._transaction(self._database.writer) as connection:
            yield connection

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            explained = self._database.explain(error)
            if explained is None:
                raise
            raise explained from error
        except StatementError as error:  # a value refused by its column; SQLAlchemy wraps what the type raised
            raise (error.orig or error) from None

    def check_schema(self) -> None:
        """Raise ConfigError unless the database has exactly the schema version of this code."""
        found = self.schema_found()
        name, needs = self._database.name, tables.SCHEMA_VERSION
        if found is None:
            raise ConfigError(f"database {name} has no tables yet: {INIT}")
        if found.isdecimal() and int(found) < int(needs):
            raise WrongSchema(f"database {name}: its schema is {found}, this code needs {needs}: {INIT}")
        if found != needs:
            raise WrongSchema(
                f"database {name}: its schema is {found}, from the future of this code, which knows {needs}: "
                "update the code"
            )

    def schema_found(self) -> str | None:
        """Return the schema version of the database; None if it has none."""
        try:
            with self.reading() as connection:
                found = _SCHEMA_VERSION.column(connection, {})
        except DBAPIError:  # no such table, however the database says so
            return None
        return ", ".join(found) or None

    def hold_account(self, account: str, *, wait_s: float) -> AbstractContextManager[bool]:
        """Hold the account for one pass; yields False if another pass kept it for `wait_s` seconds."""
        return self._database.hold_account(account, wait_s)

    def held_since(self, account: str) -> datetime | None:
        """Return since when somebody has held the account; None if nobody does now."""
        return self._database.held_since(account)

    def account(self, account: str) -> Account:
        """Return the row of `account`; ConfigError if the database has none of that name."""
        with self.reading() as connection:
            return selection.account(connection, account)

    def pinned_to(self, account_number: str) -> tuple[str, ...]:
        """Return the accounts that belong to a broker account; more than one is a mistake that a pass refuses."""
        with self.reading() as connection:
            return selection.pinned_to(connection, account_number)

    def last_clean(self, account: str, stage: str) -> datetime | None:
        """Return when the newest clean pass of a stage over an account began; None if there never was one."""
        with self.reading() as connection:
            return selection.last_clean(connection, account, stage)

    def rows(self, account: str) -> Rows:
        """Read what a pass needs, in one consistent read transaction."""
        with self.reading() as connection:
            return selection.rows(connection, account)

    def trades_since(self, account: str, since: datetime) -> tuple[Trade, ...]:
        """Read the trades made or ended at or after `since`, closed ones too, in the order of their ids."""
        with self.reading() as connection:
            return selection.trades_since(connection, account, since)

    def history(
        self, account: str, *, since: datetime, broker_order_ids: Collection[str], decision_ids: Collection[int] = ()
    ) -> Rows:
        """Read all rows of each trade that is open, has one of these orders or a row made since then."""
        with self.reading() as connection:
            return selection.history(connection, account, since, broker_order_ids, decision_ids)

    def known(
        self, account: str, *, broker_order_ids: Collection[str], activity_ids: Collection[str]
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Return which of these broker orders are ours and which activities are booked, of trades long closed too."""
        with self.reading() as connection:
            return (
                selection.known_orders(connection, account, broker_order_ids),
                selection.known_activities(connection, account, activity_ids),
            )

    def controls(self, account: str) -> tuple[Control, ...]:
        """Read the control rows alone, fresh: asked again before each order that adds exposure."""
        with self.reading() as connection:
            return selection.controls(connection, account)

    def write(self, changes: Sequence[RowChange], *, run_id: str, at: datetime) -> Mapping[str, int]:
        """Apply all changes and their events in one transaction, or none."""
        with self.writing() as connection:
            return apply_changes(connection, changes, run_id=run_id, at=at)

    def alerts(self, account: str) -> AlertRows:
        """Read what is on record of the account's alerts; nothing for an account that is not there."""
        with self.reading() as connection:
            return alerts.read(connection, account)

    def record_run(self, run: StageRun, changes: Sequence[AlertChange] = ()) -> None:
        """Append one `stage_run` row (`run.id` is ignored) and what the pass says of alerts, in one transaction."""
        values = {field.name: getattr(run, field.name) for field in fields(run) if field.name != "id"}
        with self.writing() as connection:
            connection.execute(insert(tables.stage_run), values)
            alerts.append(connection, run.account, changes, run_id=run.run_id, at=run.finished_at)

    def record_alerts(self, account: str, changes: Sequence[AlertChange], *, run_id: str, at: datetime) -> None:
        """Append what was said of alerts outside a pass."""
        with self.writing() as connection:
            alerts.append(connection, account, changes, run_id=run_id, at=at)

    def close(self) -> None:
        """Let go of the database."""
        self._database.reader.dispose()
