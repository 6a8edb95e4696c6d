"""What `prune` removes, and what it never does."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from lib.errors import ConfigError
from lib.store import queries, tables
from lib.store.__main__ import main
from lib.store.backups import backup, remove
from lib.store.init import initialise
from lib.store.pruning import prune
from lib.store.sqlite import open_store
from tests.store.build import NOW, insert_decision, insert_fill, insert_trade, insert_trip, write, write_grid

YEARS_AGO = NOW - timedelta(days=730)


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "a folder"
    initialise(f"sqlite:///{folder}/trading.db", folder, now=YEARS_AGO)
    return folder


@pytest.fixture
def store(place):
    opened = open_store(f"sqlite:///{place}/trading.db", place)
    yield opened
    opened.close()


def pruned(place, **options):
    return prune(f"sqlite:///{place}/trading.db", place, **({"now": NOW} | options))


def passed(store, stage, day, outcome="done", *, complete=False):
    """Store a pass that many days ago; its run_id says which."""
    at = NOW - timedelta(days=day)
    values = {
        "account": "main",
        "stage": stage,
        "run_id": f"{stage}-{day}",
        "started_at": at,
        "finished_at": at,
        "outcome": outcome,
        "complete": complete,
    }
    with store.writing() as connection:
        connection.execute(insert(tables.stage_run), values)


def run_ids(store):
    return [run.run_id for run in queries.runs(store, "main")]


def test_old_passes_go_and_those_that_passes_count_from_stay(place, store):
    for day, outcome, complete in [
        (600, "done", True),
        (599, "done", True),
        (500, "done", False),
        (450, "incomplete", False),
        (399, "incomplete", False),
    ]:
        passed(store, "order_executor", day, outcome, complete=complete)
    for day in (700, 650):
        passed(store, "order_monitor", day)
    assert pruned(place).runs == 3
    # Of the executor the newest complete, the newest clean, and what is young; of the monitor the newest clean.
    assert sorted(run_ids(store)) == [
        "order_executor-399",
        "order_executor-500",
        "order_executor-599",
        "order_monitor-650",
    ]
    assert pruned(place).runs == 0


def test_no_row_of_the_audit_trail_goes_however_old(place, store):
    decided = write(store, insert_decision())["decision"]
    write(store, insert_trade(decided, status="CLOSED", created_at=YEARS_AGO))
    grid = write_grid(store, "g", "filled", created_at=YEARS_AGO)
    write(store, insert_fill(None, 1, "f-1", transaction_time=YEARS_AGO), insert_trip(grid, closed_at=YEARS_AGO))
    before = {size.table: size.rows for size in pruned(place, dry_run=True).sizes}
    after = {size.table: size.rows for size in pruned(place, days=30).sizes}
    assert after == before
    assert (after["analysis_decision"], after["trade_journal"], after["event"]) == (1, 1, 7)
    assert (after["grid_strategy"], after["order_execution"], after["fill"], after["round_trip"]) == (1, 1, 1, 1)


def test_old_backups_and_logs_that_were_put_away_go(place, store):
    url = f"sqlite:///{place}/trading.db"
    for n in range(3):
        backup(url, place, now=NOW + timedelta(hours=n))
    log = place / "log"
    log.mkdir()
    for name, days in {"a.log": 500, "a.log.1": 500, "a.log.2.gz": 500, "b.log.1": 5}.items():
        (log / name).touch()
        when = (NOW - timedelta(days=days)).timestamp()
        os.utime(log / name, (when, when))
    told = pruned(place, keep=1, dry_run=True)
    assert [Path(name).name for name in told.files] == [
        "trading-20261120T150000Z.db",
        "trading-20261120T160000Z.db",
        "a.log.1",
        "a.log.2.gz",
    ]
    assert all(Path(name).exists() for name in told.files)
    assert pruned(place, keep=1).files == told.files
    assert not any(Path(name).exists() for name in told.files)
    assert sorted(each.name for each in log.iterdir()) == ["a.log", "b.log.1"]


def test_a_dry_run_removes_no_pass(place, store):
    for day in (700, 650):
        passed(store, "order_monitor", day)
    assert pruned(place, dry_run=True).runs == 1
    assert len(run_ids(store)) == 2


def test_sizes_are_told_with_what_a_year_takes(place, store):
    told = pruned(place)
    assert told.days_covered == 730
    for size in told.sizes:
        assert size.bytes >= 4096  # a table and each of its indexes has a page of its own
        assert size.bytes_a_year == size.bytes // 2
    page = told.text()
    assert "event" in page
    assert "at the rate of the 730 days so far" in page


def test_files_go_before_rows_which_a_full_disk_would_not_let_go(place, store):
    file = Path(backup(f"sqlite:///{place}/trading.db", place, now=YEARS_AGO).file)
    backup(f"sqlite:///{place}/trading.db", place, now=NOW)
    with store.writing() as connection:
        connection.exec_driver_sql("CREATE TRIGGER full BEFORE DELETE ON stage_run BEGIN SELECT RAISE(ABORT, 'x'); END")
    for day in (700, 650):
        passed(store, "order_monitor", day)
    with pytest.raises(IntegrityError):
        pruned(place, keep=1)
    assert not file.exists()


def test_a_file_that_cannot_be_removed_is_named(place):
    stuck = place / "log" / "a.log.1"
    stuck.mkdir(parents=True)  # nobody unlinks a folder
    with pytest.raises(ConfigError, match=r"a\.log\.1 cannot be removed: "):
        remove((stuck,))


def test_days_beyond_the_calendar_are_refused(place):
    with pytest.raises(ConfigError, match="--days 99999999999: that is before the calendar began"):
        pruned(place, days=99999999999)


def test_the_last_month_is_always_kept(place):
    with pytest.raises(ConfigError, match="--days 29"):
        pruned(place, days=29)


def test_the_command_keeps_at_least_one_backup(capsys):
    with pytest.raises(SystemExit):
        main(["prune", "--keep", "0"])
    assert "at least one backup is kept" in capsys.readouterr().err
