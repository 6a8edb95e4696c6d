"""Restores that are refused, that are killed, that run beside another, that reach another disk."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lib.config import REPOSITORY
from lib.errors import ConfigError, StoreUnavailable
from lib.store import queries, restoring, sqlite_files, tables
from lib.store.restoring import restore
from tests.store.build import insert_decision, write
from tests.store.places import LATER, NAME, files_in, opened, put_back, row_of, saved, url_of


def test_two_restores_at_once_do_not_touch_each_other_s_copy(place):
    file = saved(place)
    before = row_of(place)
    with opened(place) as store, store.hold_account(restoring.UNDER_WAY, wait_s=0) as held:
        assert held
        with pytest.raises(StoreUnavailable, match="another restore is at work; nothing was changed"):
            put_back(place, file)
    assert row_of(place) == before


def pinned(place, environment, number):
    with opened(place) as store, store.writing() as connection:
        connection.execute(tables.account.update().values(environment=environment, account_number=number))


@pytest.mark.parametrize("here", [("paper", "PA2"), ("live", "PA1")])
def test_a_backup_of_another_broker_account_is_refused_and_nothing_is_changed(place, here):
    pinned(place, "paper", "PA1")
    file = saved(place)
    pinned(place, *here)
    before = row_of(place)
    with pytest.raises(ConfigError, match=f"is pinned to paper PA1, the database's to {' '.join(here)}; nothing was"):
        put_back(place, file)
    assert row_of(place) == before
    assert files_in(place / "backups") == [NAME]


def test_a_database_that_cannot_be_written_stays_where_it_is(place):
    # Moved away, it would go on being worked by programs that have it open.
    file, before = saved(place), row_of(place)
    with closing(sqlite3.connect(place / "trading.db")) as connection:  # SQLite then refuses it pages of another size
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA page_size=8192")
        connection.execute("VACUUM")
    assert row_of(place) == before
    with pytest.raises(ConfigError, match="readonly"):
        put_back(place, file)
    assert row_of(place) == before


@pytest.mark.slow
def test_a_damaged_database_is_replaced_where_the_state_directory_is_on_another_disk(place):
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as other:
        file = saved(place)
        (place / "trading.db").write_text("hello " * 2000)
        done = restore(file, url_of(place), Path(other), now=LATER, wait_s=0)
        assert Path(done.aside).read_text() == "hello " * 2000
        assert sqlite_files.damage(place / "trading.db") is None


STATES = {("AAPL", "MSFT"): [], ("AAPL",): ["FROZEN"]}
"""The database before a restore and after it; there is nothing between the two."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "calls",
    [("backup", "rename"), pytest.param(("backup", "rename", "unlink", "fsync"), marks=pytest.mark.prove)],
    ids=["largest", "every"],
)
def test_a_restore_that_is_killed_has_happened_or_not_and_is_run_again(place, calls):
    with opened(place) as store:
        write(store, insert_decision(symbol="AAPL"))
        file = saved(place)
        write(store, insert_decision(symbol="MSFT"))
        namespace = store.account("main").namespace
    script = [sys.executable, Path(__file__).with_name("dying.py"), place, file.name, LATER.isoformat(), *calls]
    subprocess.run(script, check=True, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, timeout=300)
    copies = sorted(place.parent.glob(f"{place.name}.*"), key=lambda each: int(each.suffix[1:]))
    met = [look_at(each, namespace) for each in copies]
    assert (set(met), met[-1]) == (set(STATES), ("AAPL",))
    for each in dict(zip(met, copies, strict=True)).values():  # one of each outcome
        put_back(each, each / "backups" / NAME, now=LATER + timedelta(days=1))
        assert look_at(each, namespace) == ("AAPL",)
        assert not [name for name in files_in(each) if "restoring" in name]


def look_at(place, namespace):
    """Check that the database is whole and one of the two; return its symbols."""
    assert sqlite_files.damage(place / "trading.db") is None
    with opened(place) as store:
        symbols = tuple(sorted(d.symbol for d in queries.decisions(store, "main")))
        assert [c.state for c in store.controls("main")] == STATES[symbols]
        assert (store.account("main").namespace == namespace) == (len(symbols) > 1)
    return symbols
