"""The two lists: what `doctor` looks at, and the shorter one of `health`, which asks no broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from lib.accounts import to_work
from lib.bootstrap import open_database, open_tools, paper_file
from lib.checkup import accounts as by_rows
from lib.checkup import host
from lib.checkup.broker import at_the_broker, failed
from lib.checkup.promised import broken, promised
from lib.checkup.schedule import Job, installed, schedule
from lib.clock import Clock
from lib.config import REPOSITORY, SQLITE, Settings, load_settings
from lib.due import STAGES
from lib.errors import ConfigError, PipelineError, WrongSchema
from lib.jobs import HOLD
from lib.standing import standing
from lib.store.sql import SqlStore
from lib.store.sqlite_files import damage
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


LISTS = {"doctor": doctor, "health": health}


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
    except WrongSchema as error:
        yield replace(broken("I23", str(error)), name="database")
    except PipelineError as error:
        yield failed("database", error)


def _all_of(store: SqlStore, settings: Settings, clock: Clock, only: str | None) -> Iterator[Finding]:
    yield Finding(name="schema", what=f"{SCHEMA_VERSION}, as this code needs it")
    wrong = damage(_database(settings))
    if wrong is not None:  # what is read from such a file may be anything
        do = "python -m lib.store restore, with the newest backup; before that, copy the file away"
        yield Finding(name="database", what=f"damaged, by SQLite's own check: {wrong}", level=PERSON, do=do)
        return
    worked, strangers = _standings(store, settings, clock.now(), only)
    yield from strangers
    for each in worked:
        row = each.rows.account
        if settings.broker == "local" and not paper_file(settings, row.account).exists():
            what = "the built-in paper broker, whose file the first pass makes; no keys needed"
            yield Finding(name="keys", what=what, account=row.account)
            tools = None
        else:
            tools = open_tools(settings, store, row.account, clock, look=True)
            yield from at_the_broker(tools, row, settings.environment)
        yield from _by_rows(store, each, clock.now())
        yield from promised(store, row, settings, clock.now(), tools)
    jobs = [*installed(REPOSITORY, Path("~").expanduser())]
    if store.held_since(HOLD) is not None:
        jobs += [Job(stage=stage, where="lib.loop", live=settings.live) for stage in STAGES]
    yield schedule(jobs, live=settings.live, passes_come=all(by_rows.passes_come(each) for each in worked))


def _health_of(store: SqlStore, settings: Settings, now: datetime, only: str | None) -> Iterator[Finding]:
    worked, strangers = _standings(store, settings, now, only)
    yield from strangers
    for each in worked:
        yield from _by_rows(store, each, now)


def _by_rows(store: SqlStore, each: Standing, now: datetime) -> Iterator[Finding]:
    name = each.rows.account.account
    yield from by_rows.passes(each)
    yield by_rows.hold(name, store.held_since(name), now)
    yield from by_rows.control(name, each.rows.controls)
    yield by_rows.alerts(name, store.alerts(name).events, each.untold)


def _standings(
    store: SqlStore, settings: Settings, now: datetime, only: str | None
) -> tuple[tuple[Standing, ...], tuple[Finding, ...]]:
    """Read the accounts that a run of a stage works, and say which it cannot for want of a row."""
    names, rowless = to_work(settings, store, only)
    told = bool(settings.alert_urls)
    worked = tuple(standing(store, name, settings.state_dir, now, alerts_are_sent=told) for name in names)
    errors = [(turn.account, turn.outcome) for turn in rowless if isinstance(turn.outcome, PipelineError)]
    return worked, tuple(failed("account", error, name) for name, error in errors)


def _places(settings: Settings, now: datetime) -> Iterator[Finding]:
    database = _database(settings)
    yield from host.disk((settings.state_dir, database))
    yield host.backups(settings.state_dir, now)


def _database(settings: Settings) -> Path:
    return Path(settings.database_url.removeprefix(SQLITE))
