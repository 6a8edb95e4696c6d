"""A backup put back in the place of the database.

What was done since the backup is at the broker and no longer in the rows. So each account gets a new namespace, in
which no order was ever sent; decisions, trades and grids go on with ids that none can have had; and every account is
marked, so that no pass works it before a backfill has taken back what is lost (`lib.domain.restored`). No grid goes on
before a person has looked at it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from lib.clock import new_york
from lib.domain.actions import Insert, RowChange, Update
from lib.domain.grids import OVER, GridStatus, Strategy
from lib.domain.records import Account, Control
from lib.domain.restored import Mark, mark_in
from lib.domain.states import ControlState
from lib.errors import ConfigError, StoreUnavailable
from lib.planning.deciding.decisions import is_ticked
from lib.planning.grid.adopting import RESTORED
from lib.planning.grid.reading import status_of
from lib.planning.protecting.halts import strictness
from lib.store import backups, queries, selection, sqlite_files, tables
from lib.store.init import migrate, new_namespace
from lib.store.sql import SqlStore
from lib.store.sqlite import database_path, open_database

HOLD_WAIT_S = 60
UNDER_WAY = "database-restore"
"""What a restore holds besides the accounts: two at once would make their copies ready under one name."""

NAMING = (tables.decision.name, tables.journal.name, tables.grid_strategy.name)
"""Tables whose ids stand in the names of orders."""

UNSTOPPED: tuple[str, str | None] = (ControlState.ACTIVE, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was put in place, where the database before it is, and from when on each account knows nothing."""

    file: str
    database: str
    aside: str | None
    since: date
    accounts: tuple[str, ...]

    def text(self) -> str:
        """Say it in lines for a person."""
        kept = f"what was there is kept as {self.aside}\n" if self.aside else ""
        return f"restored {self.file} to {self.database}\n{kept}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Present:
    """What of the database that goes is still to be known; nothing, where it cannot be read."""

    accounts: tuple[Account, ...] = ()
    namespaces: dict[str, frozenset[str]]
    stops: tuple[Control, ...] = ()
    ids: dict[str, int]


def restore(file: Path, url: str, state_dir: Path, *, now: datetime, wait_s: float = HOLD_WAIT_S) -> Restored:
    """Put the backup `file` in the place of the database.

    The new database is made ready beside the present one, which is copied first; then it takes its place in one
    step. Raises ConfigError for a file that is damaged, not ours, of a newer schema or of other broker accounts,
    StoreUnavailable while a pass holds an account or another restore is at work: nothing was changed then.
    """
    file, target = file.absolute(), database_path(url)
    if not file.is_file():
        raise ConfigError(f"{file} does not exist")
    if target.exists() and file.samefile(target):
        raise ConfigError(f"{file} is the database itself")
    backups.checked(file)
    try:
        with open_database(_url(target), state_dir, create=True).hold_account(UNDER_WAY, wait_s) as alone:
            if not alone:
                raise StoreUnavailable("another restore is at work; nothing was changed: try again")
            with _copied(file, target) as ready:
                return _restore(file, ready, target, state_dir, now=now, wait_s=wait_s)
    except OSError as error:
        raise ConfigError(f"{error.filename or target}: {error.strerror}") from error


def _restore(file: Path, ready: Path, target: Path, state_dir: Path, *, now: datetime, wait_s: float) -> Restored:
    with ExitStack() as stack:
        held = set(_names(ready, state_dir)) | set(_names(target, state_dir))
        for name in sorted(held):
            taken = stack.enter_context(open_database(_url(ready), state_dir).hold_account(name, wait_s))
            if not taken:
                raise StoreUnavailable(f"a pass holds the account {name}; nothing was changed: try again")
        since, accounts = _prepare(ready, state_dir, _present(target, state_dir), now)
        backups.checked(ready)
        (state_dir / "due.json").unlink(missing_ok=True)  # what it says was done may not be in the rows to come
        aside = _place(ready, target, state_dir, now)
    return Restored(
        file=str(file),
        database=str(target),
        aside=None if aside is None else str(aside),
        since=since,
        accounts=accounts,
    )


@contextmanager
def _copied(file: Path, target: Path) -> Iterator[Path]:
    """Copy the backup beside the database: nothing that is done to it touches either."""
    ready = target.with_name(f".{target.name}.restoring")
    try:
        _remove(ready)
        sqlite_files.copy(file, ready)
        yield ready
    finally:
        _remove(ready)


def _remove(path: Path) -> None:
    for suffix in ("", *sqlite_files.SIDE_FILES):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _url(path: Path) -> str:
    return f"sqlite:///{path}"


@contextmanager
def _store(path: Path, state_dir: Path) -> Iterator[SqlStore]:
    store = SqlStore(open_database(_url(path), state_dir))
    try:
        yield store
    finally:
        store.close()


def _names(path: Path, state_dir: Path) -> tuple[str, ...]:
    return tuple(row.account for row in _present(path, state_dir).accounts)


def _present(path: Path, state_dir: Path) -> _Present:
    """Read what there is; a database that is gone, damaged or older tells what it can."""
    accounts: tuple[Account, ...] = ()
    namespaces: dict[str, frozenset[str]] = {}
    stops: tuple[Control, ...] = ()
    ids: dict[str, int] = {}
    if path.exists():
        with suppress(ConfigError, DBAPIError), _store(path, state_dir) as store:
            accounts = queries.accounts(store)
            with store.reading() as connection:
                namespaces = {row.account: selection.namespaces(connection, row) for row in accounts}
            stops = tuple(each for each in queries.controls(store) if each.state != ControlState.ACTIVE)
            ids = dict(sqlite_files.newest_ids(path))
    return _Present(accounts=accounts, namespaces=namespaces, stops=stops, ids=ids)


def _prepare(ready: Path, state_dir: Path, present: _Present, now: datetime) -> tuple[date, tuple[str, ...]]:
    """Make the copy ready to be worked: schema, namespaces, stops, marks, ids."""
    with _store(ready, state_dir) as store:
        if store.schema_found() != tables.SCHEMA_VERSION:
            migrate(store)
        store.check_schema()
        since = _known_until(store, now)
        controls = queries.controls(store)
        marks = [mark.since for mark in map(mark_in, controls) if mark is not None]
        since = min((since, *marks))
        run_id = f"restore-{now:%Y%m%dT%H%M%S.%f}"
        rows = queries.accounts(store)
        _check_broker_accounts(rows, present.accounts)
        missing = [row for row in present.accounts if row.account not in {each.account for each in rows}]
        store.write([_again(row) for row in missing], run_id=run_id, at=now)
        rows = queries.accounts(store)
        changes: list[RowChange] = []
        for row in rows:
            with store.reading() as connection:
                known = selection.namespaces(connection, row)
            changes += _renewed(row, known, present.namespaces.get(row.account, frozenset()))
            changes += _paused(queries.grids(store, row.account))
        changes += _stops(controls, present.stops, rows, since, now)
        store.write(changes, run_id=run_id, at=now)
    for table in NAMING:
        sqlite_files.skip_ids(ready, table, present.ids.get(table, 0))
    return since, tuple(row.account for row in rows)


def _check_broker_accounts(rows: Iterable[Account], present: Iterable[Account]) -> None:
    """Refuse the backup of another broker account: its trades are not at the one that is worked here."""
    pinned = {row.account: (row.environment, row.account_number) for row in present if row.account_number is not None}
    for row in rows:
        there, here = (row.environment, row.account_number), pinned.get(row.account)
        if row.account_number is not None and here is not None and there != here:
            raise ConfigError(
                f"the backup's account {row.account} is pinned to {there[0]} {there[1]}, the database's to {here[0]} "
                f"{here[1]}; nothing was changed. If the backup is meant, move the database away first"
            )


def _known_until(store: SqlStore, now: datetime) -> date:
    """Return the day of the newest row: every order is preceded by one."""
    with store.reading() as connection:
        newest = connection.execute(select(func.max(tables.event.c.at))).scalar()
    return new_york(min(newest or now, now)).date()


def _again(row: Account) -> Insert:
    """Make an account anew that is younger than the backup."""
    columns = ("account", "namespace", "broker", "environment", "account_number")
    return Insert(table=tables.account.name, values={name: getattr(row, name) for name in columns})


def _renewed(row: Account, known: frozenset[str], present: frozenset[str]) -> Iterator[Update]:
    """Give an account a new namespace; those it had in the database that goes are written first, to be known."""
    names = (*sorted(present - known), new_namespace(known | present))
    for n, namespace in enumerate(names):
        yield Update(table=tables.account.name, id=row.id, version=row.version + n, values={"namespace": namespace})


def _paused(grids: Iterable[Strategy]) -> Iterator[Update]:
    """Let no grid go on by itself: a stop, a pause or an edit of it may be among what is lost."""
    for strategy in grids:
        status = status_of(strategy)
        if strategy.version < 0 or status in OVER or (status is GridStatus.WAITING and not is_ticked(strategy.approve)):
            continue
        values = {"approve": False, "reason": RESTORED, "wanted": None}
        if status is not GridStatus.WAITING:
            values["status"] = GridStatus.PAUSED
        yield Update(table=tables.grid_strategy.name, id=strategy.id, version=strategy.version, values=values)


def _stops(
    controls: Sequence[Control], present: Iterable[Control], rows: Sequence[Account], since: date, now: datetime
) -> Iterator[RowChange]:
    """Mark every account; a stop that somebody set after the backup stays in force."""
    wanted = {(c.account, c.scope): _meant(c) for c in controls}
    for stop in present:
        key, meant = (stop.account, stop.scope), _meant(stop)
        if strictness(meant[0]) > strictness(wanted.get(key, UNSTOPPED)[0]):
            wanted[key] = meant
    for row in rows:
        key = (row.account, f"account:{row.account}")
        state, reason = wanted.get(key, UNSTOPPED)
        before = state if state in set(ControlState) else ControlState.HALTED
        wanted[key] = (ControlState.FROZEN, Mark(since=since, before=before, reason=reason).text())
    known = {(c.account, c.scope): c for c in controls}
    for (account, scope), (state, reason) in wanted.items():
        values: dict[str, object] = {"state": state, "reason": reason, "since": now}
        there = known.get((account, scope))
        if there is None:
            yield Insert(table="control", values={"account": account, "scope": scope, **values})
        elif (there.state, there.reason) != (state, reason):
            yield Update(table="control", id=there.id, version=there.version, values=values)


def _meant(control: Control) -> tuple[str, str | None]:
    """Return what a control row stops, that which an earlier restore put behind its mark."""
    mark = mark_in(control)
    return (control.state, control.reason) if mark is None else (mark.before, mark.reason)


def _place(ready: Path, target: Path, state_dir: Path, now: datetime) -> Path | None:
    """Keep the present database aside, then put the new one in its place.

    A database that can be read is overwritten by a transaction: programs that have it open go on with the new rows,
    where a file renamed over it would leave them working on the old one. One that is damaged is moved away as it is.
    """
    aside = backups.folder(state_dir) / f"before-restore-{backups.named(now)}"
    aside.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if aside.exists():
        raise ConfigError(f"{aside} is there already; nothing was changed: try again")
    if target.exists():
        with suppress(sqlite_files.Damaged):
            with backups.whole(aside) as part:
                sqlite_files.copy(target, part)
            sqlite_files.put_in_place(ready, target)
            return aside
    for suffix in ("", *sqlite_files.SIDE_FILES):  # left there, they would be played into the new file
        with suppress(FileNotFoundError):  # STATE_DIR may be on another disk, which rename cannot reach
            shutil.move(target.with_name(target.name + suffix), aside.with_name(aside.name + suffix))
    ready.rename(target)
    sqlite_files.flush(target.parent)
    return aside if aside.exists() else None
