"""Make the database and move it to the schema of this code. Alembic is loaded here and nowhere else."""

from __future__ import annotations

import secrets
import string
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from lib import due
from lib.config import setting_name, variable
from lib.domain.actions import Insert
from lib.domain.records import Account
from lib.errors import ConfigError, StaleRow
from lib.store import queries, tables
from lib.store.sql import SqlStore
from lib.store.sqlite import checked_account_name, open_database

NAMESPACE_CHARS = 6
DEFAULT_ACCOUNT = "main"

_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialised:
    """What there is now, and what was done for it: created, updated or nothing."""

    done: str
    database: str
    schema: str
    account: str
    namespace: str

    def line(self) -> str:
        """Say it in one line."""
        done = "already at" if self.done == "nothing" else self.done
        return f"{done} {self.database}: schema {self.schema}, account {self.account}, namespace {self.namespace}"


def initialise(url: str, state_dir: Path, account: str = DEFAULT_ACCOUNT, *, now: datetime) -> Initialised:
    """Create folders, file, tables and the account's row, whichever is missing; a second call changes nothing.

    The namespace goes into every order's name, so that a second database on the same broker account (a restored
    backup, a test) can never take an order of this one for its own.
    """
    checked_account_name(account)
    database = open_database(url, state_dir, create=True)
    store = SqlStore(database)
    try:
        before = store.schema_found()
        if before != tables.SCHEMA_VERSION:
            if before is None or _is_older(before):
                migrate(store)
            store.check_schema()
        row, added = _account_row(store, account, now)
    finally:
        store.close()
    if added:
        _expect(state_dir, account)
    changed = added or before != tables.SCHEMA_VERSION
    return Initialised(
        done="created" if before is None else "updated" if changed else "nothing",
        database=database.name,
        schema=tables.SCHEMA_VERSION,
        account=row.account,
        namespace=row.namespace,
    )


def migrate(store: SqlStore, revision: str = "head") -> None:
    """Run the migrations that are missing, in one transaction: all of them happened, or none did."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    try:
        with store.writing() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    except (DBAPIError, CommandError) as error:  # tables that no migration made, a version that none knows
        raise ConfigError(f"the database cannot be migrated, and is as it was: {_reason(error)}") from error


def _reason(error: DBAPIError | CommandError) -> BaseException:
    return error.orig or error if isinstance(error, DBAPIError) else error


def _is_older(version: str) -> bool:
    return version.isdecimal() and int(version) < int(tables.SCHEMA_VERSION)


def _expect(state_dir: Path, account: str) -> None:
    """Tell the gate that a pass over a new account is due. Where it knows of none yet, everything is."""
    known = (due.read(state_dir) or {}).get("accounts")
    if isinstance(known, dict):
        due.expect(state_dir, {*known, account})


def _account_row(store: SqlStore, account: str, now: datetime) -> tuple[Account, bool]:
    known = {row.account: row for row in queries.accounts(store)}
    if account in known:
        return known[account], False
    twin = next((name for name in known if setting_name(name) == setting_name(account)), None)
    if twin is not None:
        key = variable("ALPACA_API_KEY", account)
        raise ConfigError(f"account {account!r}: there is {twin!r}, and {key} could be the key of either")
    namespace = new_namespace({row.namespace for row in known.values()})
    values = {"account": account, "namespace": namespace}
    try:
        store.write([Insert(table=tables.account.name, values=values)], run_id="init", at=now)
    except StaleRow:  # another `init` was first
        return store.account(account), False
    return store.account(account), True


def new_namespace(taken: Collection[str]) -> str:
    """Return a namespace that none of `taken` is."""
    while True:
        namespace = "".join(secrets.choice(_ALPHABET) for _ in range(NAMESPACE_CHARS))
        if namespace not in taken:
            return namespace
