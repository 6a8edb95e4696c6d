"""The two lists: what `doctor` looks at, and the shorter one of `health`, which asks no broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from lib.accounts import with_keys
from lib.bootstrap import open_database, open_tools, paper_file
from lib.checkup import accounts as by_rows
from lib.checkup import host
from lib.checkup.broker import at_the_broker, failed
from lib.checkup.schedule import installed, schedule
from lib.clock import Clock
from lib.config import REPOSITORY, SQLITE, Settings, load_settings
from lib.errors import ConfigError, PipelineError
from lib.standing import standing
from lib.store.queries import accounts
from lib.store.sql import SqlStore
from lib.store.tables import SCHEMA_VERSION
from lib.views.checkup import PERSON, Finding
from lib.views.status import Standing


def doctor(clock: Clock, only: str | None = None) -> Iterator[Finding]:
    """Look at everything, set-up first; what cannot be looked at is told by what stands in its way."""
    yield host.interpreter(REPOSITORY)
    settings, wrong = _settings()
    if settings is None:
        yield from host.file_modes(REPOSITORY / ".env", REPOSITORY / "var", None)
        yield from wrong
        return
    database = _database(settings)
    yield from host.file_modes(REPOSITORY / ".env", settings.state_dir, database)
    yield Finding(name="settings", what=f"read, broker {settings.broker}, {settings.environment}")
    yield from _in_store(settings, lambda store: _all_of(store, settings, clock, only))
    yield from _places(settings, clock.now())


def health(clock: Clock, only: str | None = None) -> Iterator[Finding]:
    """Look at what a monitor has to know every few minutes, from rows and files alone."""
    settings, wrong = _settings()
    if settings is None:
        yield from wrong
        return
    yield from _in_store(settings, lambda store: _health_of(store, settings, clock.now(), only))
    yield from _places(settings, clock.now())


def _settings() -> tuple[Settings | None, tuple[Finding, ...]]:
    try:
        return load_settings(), ()
    except ConfigError as error:
        do = "mend it in .env or in the environment; .env.example explains each"
        lines = str(error).splitlines()
        return None, tuple(Finding(name="settings", what=line, level=PERSON, do=do) for line in lines)


def _in_store(settings: Settings, look: Callable[[SqlStore], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        with closing(open_database(settings)) as store:
            yield from look(store)
    except PipelineError as error:
        yield failed("database", error)


def _all_of(store: SqlStore, settings: Settings, clock: Clock, only: str | None) -> Iterator[Finding]:
    yield Finding(name="schema", what=f"{SCHEMA_VERSION}, as this code needs it")
    worked = _standings(store, settings, clock.now(), only)
    for each in worked:
        row = each.rows.account
        paper = paper_file(settings, row.account)
        if settings.broker == "local" and not paper.exists():
            what = "the built-in paper broker, whose file the first pass makes; no keys needed"
            yield Finding(name="keys", what=what, account=row.account)
        else:
            yield from at_the_broker(open_tools(settings, store, row.account, clock), row, settings.environment)
        yield from _by_rows(store, each, clock.now())
        yield from by_rows.rows_hold(store, row, clock.now())
    jobs = installed(REPOSITORY, Path("~").expanduser())
    yield schedule(jobs, live=settings.live, passes_come=all(by_rows.passes_come(each) for each in worked))


def _health_of(store: SqlStore, settings: Settings, now: datetime, only: str | None) -> Iterator[Finding]:
    for each in _standings(store, settings, now, only):
        yield from _by_rows(store, each, now)


def _by_rows(store: SqlStore, each: Standing, now: datetime) -> Iterator[Finding]:
    name = each.rows.account.account
    yield from by_rows.passes(each)
    yield by_rows.hold(name, store.held_since(name), now)
    yield from by_rows.control(name, each.rows.controls)
    yield by_rows.alerts(name, store.alerts(name).events, each.untold)


def _standings(store: SqlStore, settings: Settings, now: datetime, only: str | None) -> tuple[Standing, ...]:
    """Read the account asked for, or those that have a way to their broker and are worked."""
    names = [row.account for row in accounts(store)] if only is None else [store.account(only).account]
    worked = names if only is not None else with_keys(settings, names) or names
    told = bool(settings.alert_urls)
    return tuple(standing(store, name, settings.state_dir, now, alerts_are_sent=told) for name in worked)


def _places(settings: Settings, now: datetime) -> Iterator[Finding]:
    database = _database(settings)
    yield from host.disk((settings.state_dir, database))
    yield host.backups(settings.state_dir, now)


def _database(settings: Settings) -> Path:
    return Path(settings.database_url.removeprefix(SQLITE))
