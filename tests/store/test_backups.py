"""Backups of a database in use, and databases that a backup takes the place of."""

import json
import os
import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from lib.errors import ConfigError, StoreUnavailable
from lib.store import queries, sqlite_files, tables
from lib.store.__main__ import main
from lib.store.backups import backup, newest
from lib.store.init import initialise, migrate
from tests.store.build import (
    NOW,
    insert_decision,
    insert_fill,
    insert_strategy,
    insert_trade,
    insert_trip,
    write,
    write_grid,
)
from tests.store.places import LATER, NAME, files_in, opened, put_back, row_of, saved, url_of

LATER_NAME = "trading-20261121T150000Z.db"


def test_a_backup_is_one_whole_file_for_its_owner_alone(place):
    file = saved(place)
    assert file == place / "backups" / NAME
    assert files_in(place / "backups") == [NAME]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (sqlite_files.damage(file), sqlite_files.schema_of(file)) == (None, tables.SCHEMA_VERSION)


@pytest.mark.case("fail-H8")
def test_a_backup_holds_what_was_committed_and_nothing_of_a_transaction_that_is_still_open(place):
    with opened(place) as store:
        write(store, insert_decision(symbol="AAPL"))
        with store.writing() as connection:
            connection.exec_driver_sql("UPDATE analysis_decision SET symbol='MSFT'")
            file = saved(place)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT symbol FROM analysis_decision").fetchall() == [("AAPL",)]


@pytest.mark.slow
def test_a_backup_is_made_while_others_write_without_a_pause(place):
    done, written = threading.Event(), []

    def keep_writing():
        with opened(place) as store:
            while not done.is_set():
                write(store, insert_decision(), insert_trade(len(written) + 1))
                written.append(1)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        files = [saved(place, now=NOW + timedelta(seconds=n)) for n in range(5)]
    finally:
        done.set()
        writer.join()
    assert written
    for file in files:
        with closing(sqlite3.connect(file)) as connection:
            counts = {
                connection.execute(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608 - names of this test
                for name in ("analysis_decision", "trade_journal")
            }
        assert len(counts) == 1  # both are written in one transaction


@pytest.mark.slow
def test_of_older_backups_the_newest_are_kept_and_what_a_restore_kept_aside_stays(place):
    for n in range(4):
        saved(place, now=NOW + timedelta(hours=n))
    aside = place / "backups" / f"before-restore-{NAME}"
    shutil.copy(place / "backups" / NAME, aside)
    saved(place, now=NOW + timedelta(hours=4), keep=2)
    assert files_in(place / "backups") == [aside.name, "trading-20261120T180000Z.db", "trading-20261120T190000Z.db"]
    assert newest(place / "backups").name == "trading-20261120T190000Z.db"


def test_what_a_killed_backup_left_goes_and_what_other_programs_name_so_stays(place):
    folder = place / "backups"
    folder.mkdir()
    names = ("film.mkv.part", f"{NAME}.77.part", f"{NAME}.77.part-journal", f"before-restore-{NAME}.78.part")
    for name in names:
        (folder / name).touch()
        os.utime(folder / name, (0, 0))
    (folder / f"{NAME}.79.part").touch()  # at work now
    os.utime(folder / f"{NAME}.79.part", (NOW.timestamp(), NOW.timestamp()))
    saved(place, keep=1)
    assert files_in(folder) == ["film.mkv.part", NAME, f"{NAME}.79.part"]


def test_a_damaged_database_is_not_backed_up_and_older_backups_are_left(place):
    for n in range(2):
        saved(place, now=NOW + timedelta(hours=n))
    spoil(place / "trading.db")
    with pytest.raises(ConfigError, match=r"damaged|malformed"):
        saved(place, now=LATER, keep=1)
    assert len(files_in(place / "backups")) == 2


def spoil(path):
    """Write over the pages behind the first, in which the tables' rows are."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = bytearray(path.read_bytes())
    raw[4096 * 2 :] = b"\xff" * (len(raw) - 4096 * 2)
    path.write_bytes(raw)


def test_nothing_is_written_over_and_nothing_is_made_of_a_database_that_is_not_there(place, tmp_path):
    file = saved(place)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="there already"):
        saved(place, to=file)
    assert file.read_bytes() == before
    with pytest.raises(ConfigError, match="does not exist"):
        backup(f"sqlite:///{tmp_path}/none.db", tmp_path, now=NOW)
    assert not (tmp_path / "none.db").exists()


def test_a_restore_brings_the_rows_back_and_keeps_those_that_were_there_aside(place):
    with opened(place) as store:
        write(store, insert_decision(symbol="AAPL"))
        file = saved(place)
        write(store, insert_decision(symbol="MSFT"))
        done = put_back(place, file)
        # A program that had the database open goes on with the rows that are there now.
        assert [d.symbol for d in queries.decisions(store, "main")] == ["AAPL"]
        assert write(store, insert_decision())["decision"] == 1003
    assert done.aside == str(place / "backups" / "before-restore-trading-20261121T150000Z.db")
    assert stat.S_IMODE(Path(done.aside).stat().st_mode) == 0o600
    with closing(sqlite3.connect(done.aside)) as connection:
        assert connection.execute("SELECT symbol FROM analysis_decision ORDER BY id").fetchall() == [
            ("AAPL",),
            ("MSFT",),
        ]
    assert not (place / ".trading.db.restoring").exists()


@pytest.mark.slow
def test_a_restore_brings_grids_back_with_all_that_is_theirs_and_gives_no_grid_an_id_that_was_used(place):
    with opened(place) as store:
        grid = write_grid(store, "g", "filled", "new")
        write(store, insert_fill(None, 1, "f-1"), insert_fill(None, 1, "f-2"), insert_trip(grid))
        before = store.rows("main")
        file = saved(place)
        assert write(store, insert_strategy())["grid"] == 2
        put_back(place, file)
        rows = store.rows("main")
        assert (rows.grids, rows.orders, rows.fills) == (before.grids, before.orders, before.fills)
        assert rows.round_trips == {("f-1", "f-2")}
        assert write(store, insert_strategy())["grid"] == 1003


@pytest.mark.case("fail-J9")
@pytest.mark.slow
def test_a_restore_gives_every_account_a_namespace_that_none_ever_had(place):
    initialise(url_of(place), place, "swing", now=NOW)
    before = {name: row_of(place, name).namespace for name in ("main", "swing")}
    file = saved(place)
    put_back(place, file)
    put_back(place, file, now=LATER + timedelta(hours=1))
    after = {name: row_of(place, name).namespace for name in ("main", "swing")}
    assert len({*before.values(), *after.values()}) == 4
    with opened(place) as store:
        known = store.history("main", since=NOW, broker_order_ids=()).namespaces
    assert before["main"] in known
    assert len(known) == 2  # the first one, and that of the first restore
    assert after["main"] not in known


@pytest.mark.slow
def test_every_account_is_marked_with_the_day_of_the_newest_row(place):
    file = saved(place)
    done = put_back(place, file)
    assert (str(done.since), done.accounts) == ("2026-11-20", ("main",))
    with opened(place) as store:
        (row,) = store.controls("main")
    assert (row.scope, row.state) == ("account:main", "FROZEN")
    assert row.reason == "RESTORED 2026-11-20 ACTIVE: python order_monitor.py --backfill --since 2026-11-20"


@pytest.mark.slow
def test_a_backup_of_a_restored_database_still_says_from_when_on_it_knows_nothing(place):
    put_back(place, saved(place))
    marked = saved(place, now=LATER + timedelta(days=1))
    assert str(put_back(place, marked, now=LATER + timedelta(days=2)).since) == "2026-11-20"


@pytest.mark.slow
def test_an_account_that_is_younger_than_the_backup_is_not_forgotten(place):
    file = saved(place)
    initialise(url_of(place), place, "swing", now=NOW)
    before = row_of(place, "swing").namespace
    assert put_back(place, file).accounts == ("main", "swing")
    assert row_of(place, "swing").namespace != before
    with opened(place) as store:
        assert store.history("swing", since=NOW, broker_order_ids=()).namespaces == {before}


def test_nothing_is_restored_while_a_pass_holds_an_account(place):
    file = saved(place)
    before = row_of(place)
    with opened(place) as store, store.hold_account("main", wait_s=0) as held:
        assert held
        with pytest.raises(StoreUnavailable, match="a pass holds the account main; nothing was changed"):
            put_back(place, file)
    assert row_of(place) == before
    assert files_in(place / "backups") == [NAME]


def spoiled(place, file):
    spoil(file)


def of_another_program(place, file):
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE recipes (name)")


def of_the_future(place, file):
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num='9999'")


def no_database(place, file):
    file.write_text("hello " * 2000)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (spoiled, "damaged|malformed"),
        (of_another_program, "no database of trading-monitor"),
        (of_the_future, "its schema is 9999, from the future of this code"),
        (no_database, "not a database"),
        (lambda _place, file: file.unlink(), "does not exist"),
    ],
)
def test_what_is_no_whole_backup_of_this_code_is_refused_and_nothing_is_changed(place, change, said):
    file = saved(place)
    before = row_of(place)
    change(place, file)
    with pytest.raises(ConfigError, match=said):
        put_back(place, file)
    assert row_of(place) == before


@pytest.mark.slow
def test_a_backup_of_an_older_schema_is_migrated(place):
    with opened(place) as store:
        with store.writing() as connection:
            connection.exec_driver_sql("DROP VIEW grid_orders")
            for name in (*tables.metadata.tables, "alembic_version"):
                connection.exec_driver_sql(f"DROP TABLE {name}")
        migrate(store, "0002")
        with store.writing() as connection:
            connection.exec_driver_sql("INSERT INTO account (account, version, namespace) VALUES ('main', 1, 'old')")
    file = saved(place)
    put_back(place, file)
    with opened(place) as store:
        store.check_schema()
        assert store.account("main").namespace != "old"


@pytest.mark.slow
@pytest.mark.parametrize("present", ["damaged", "gone", "gone but for its -wal"])
def test_a_database_that_is_damaged_or_gone_is_replaced_and_what_is_left_of_it_kept(place, present):
    with opened(place) as store:
        write(store, insert_decision(symbol="AAPL"))
    file = saved(place)
    database = place / "trading.db"
    if present == "damaged":
        database.write_text("hello " * 2000)
    else:
        database.unlink()
        if "wal" in present:
            (place / "trading.db-wal").write_bytes(b"\x37\x7f\x06\x82" + b"\0" * 5000)
    put_back(place, file)
    with opened(place) as store:
        assert [d.symbol for d in queries.decisions(store, "main")] == ["AAPL"]
    assert sqlite_files.damage(database) is None
    kept = place / "backups" / f"before-restore-{LATER_NAME}"
    assert kept.exists() == (present == "damaged")
    assert not kept.exists() or kept.read_text() == "hello " * 2000


@pytest.mark.slow
def test_what_the_gate_knew_of_the_passes_that_are_gone_is_forgotten(place):
    (place / "due.json").write_text("{}")
    put_back(place, saved(place))
    assert not (place / "due.json").exists()


@pytest.fixture
def settings(place, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", url_of(place))
    monkeypatch.setenv("STATE_DIR", str(place))
    monkeypatch.setenv("BROKER", "local")


@pytest.mark.slow
def test_the_command_restores_and_ends_in_a_backfill_after_which_passes_work_the_account(place, settings, capsys):
    assert main(["backup"]) == 0
    assert capsys.readouterr().out.startswith(f"backed up to {place}/backups/trading-")
    file = newest(place / "backups")
    assert main(["restore", str(file)]) == 0
    said = capsys.readouterr().out
    assert f"restored {file} to {place}/trading.db" in said
    assert "done: 0 orders and 0 fills read" in said
    with opened(place) as store:
        assert [(c.state, c.reason) for c in store.controls("main")] == [("ACTIVE", None)]


@pytest.mark.slow
def test_where_the_broker_cannot_be_reached_the_command_says_what_to_run_later(place, settings, capsys, monkeypatch):
    assert main(["backup", "--json"]) == 0
    file = json.loads(capsys.readouterr().out)["file"]
    monkeypatch.setenv("BROKER", "alpaca")
    monkeypatch.setenv("ALPACA_API_KEY", "key")
    monkeypatch.setenv("ALPACA_SECRET_KEY", "secret")
    monkeypatch.setenv("ALPACA_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ALPACA_DATA_URL", "http://127.0.0.1:9")
    assert main(["restore", file]) == 1
    assert "run `.venv/bin/python order_monitor.py --backfill --since 2026-11-20 --account main`" in (
        capsys.readouterr().out
    )
