"""Opening a file: what is missing, unreadable or no database at all is one clear line."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lib.errors import ConfigError
from lib.store import fetch, selection, sqlite
from lib.store.sqlite import open_store
from tests.store.build import insert_account, insert_decision, run_of, write, write_trade

REPOSITORY = Path(__file__).resolve().parents[2]
SMALL_TABLES = {"account", "control"}


@pytest.fixture
def folder(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'trading.db'}", tmp_path, create=True)
    write(store, insert_account())
    store.close()
    return tmp_path


@pytest.fixture
def store(folder):
    store = open_store(f"sqlite:///{folder / 'trading.db'}", folder)
    yield store
    store.close()


def test_a_database_that_is_not_there_is_not_made_by_opening_it(tmp_path):
    path = tmp_path / "none" / "trading.db"
    with pytest.raises(ConfigError, match=r"trading\.db does not exist: run `.venv/bin/python -m lib.store init`"):
        open_store(f"sqlite:///{path}", tmp_path)
    assert not path.parent.exists()


def test_a_database_that_went_away_after_opening_is_not_made_anew(tmp_path):
    path = tmp_path / "trading.db"
    path.touch()
    store = open_store(f"sqlite:///{path}", tmp_path)
    path.unlink()
    with pytest.raises(ConfigError, match="cannot be opened"):
        store.check_schema()
    assert not path.exists()


def test_an_empty_file_has_no_tables(tmp_path):
    path = tmp_path / "trading.db"
    path.touch()
    with pytest.raises(ConfigError, match=r"no tables yet: run `.venv/bin/python -m lib\.store init`"):
        open_store(f"sqlite:///{path}", tmp_path).check_schema()


@pytest.mark.parametrize("create", [True, False])
def test_a_file_that_is_no_database_is_one_clear_line(tmp_path, create):
    path = tmp_path / "trading.db"
    path.write_text("the journal of a quiet week, by hand\n" * 100)
    with pytest.raises(ConfigError, match="is not an SQLite database") as caught:
        open_store(f"sqlite:///{path}", tmp_path, create=create).check_schema()
    assert "\n" not in str(caught.value)
    assert path.read_text().startswith("the journal")


def test_a_folder_in_place_of_the_file_is_one_clear_line(tmp_path):
    with pytest.raises(ConfigError, match="cannot be opened") as caught:
        open_store(f"sqlite:///{tmp_path}", tmp_path).check_schema()
    assert "\n" not in str(caught.value)


def test_a_file_in_place_of_a_folder_is_one_clear_line(tmp_path):
    (tmp_path / "var").touch()
    with pytest.raises(ConfigError, match=r"trading\.db"):
        open_store(f"sqlite:///{tmp_path}/var/trading.db", tmp_path, create=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything; run as another user")
@pytest.mark.parametrize("mode", [0o000, 0o500], ids=["unreadable", "read-only"])
def test_a_place_without_permission_is_one_clear_line(folder, mode):
    for path in folder.glob("trading.db*"):
        path.chmod(0o400 if mode else 0)
    folder.chmod(mode)
    try:
        with pytest.raises(ConfigError, match=r"trading\.db") as caught:
            write(open_store(f"sqlite:///{folder / 'trading.db'}", folder), insert_account("other"))
    finally:
        folder.chmod(0o700)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://me:secret@host/db", "only sqlite is offered"),
        ("trading.db", "no database address"),
        ("sqlite:///trading.db?mode=ro", "a path and nothing else"),
    ],
)
def test_another_kind_of_address_is_refused_without_showing_a_password(tmp_path, url, message):
    with pytest.raises(ConfigError, match=message) as caught:
        open_store(url, tmp_path)
    assert "secret" not in str(caught.value)


def test_a_path_with_strange_characters_is_taken_as_it_is(tmp_path):
    path = tmp_path / "100% tränding #1.db"
    store = open_store(f"sqlite:///{path}", tmp_path, create=True)
    write(store, insert_account())
    store.close()
    assert path.exists()


@pytest.mark.case("fail-H6")
@pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 0)])
def test_commits_survive_a_power_cut_unless_told_otherwise(tmp_path, durable, synchronous):
    store = open_store(f"sqlite:///{tmp_path / 'trading.db'}", tmp_path, durable=durable, create=True)
    with store.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == synchronous
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 10_000
    store.close()


def test_a_store_that_was_closed_opens_again_when_it_is_asked(store):
    store.close()
    assert store.account("main").account == "main"


@pytest.mark.slow
def test_the_path_of_a_stage_loads_no_alembic_and_no_mapper():
    code = "import sys, lib.store.sqlite, lib.store.queries; print({'alembic', 'sqlalchemy.orm'} & sys.modules.keys())"
    program = [sys.executable, "-c", code]
    found = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


def test_statements_are_put_together_once_for_all_databases_of_a_process(tmp_path):
    def used():
        store = open_store("sqlite://", tmp_path, durable=False, create=True)
        write(store, insert_account())
        write_trade(store, 1, "new")
        store.rows("main")
        store.close()
        return len(sqlite._COMPILED), fetch._prepared.cache_info().misses

    assert used() == used()


GIVEN = {
    "account": "main",
    "ids": [1, 2],
    "number": "7",
    "row": 1,
    "since": datetime(2024, 1, 1, tzinfo=UTC),
    "stage": "order_monitor",
    "watched_from": datetime(2024, 1, 1, tzinfo=UTC),
}
READS = {name: read for name, read in vars(selection).items() if isinstance(read, fetch.Query)}


@pytest.mark.parametrize("name", READS)
def test_a_read_by_the_driver_is_the_read_that_sqlalchemy_makes(store, name):
    write(store, insert_decision(approve=True))
    write_trade(store, 1, "new", "filled", "held", status="POSITION")
    store.record_run(run_of("order_monitor"))
    read = READS[name]
    with store.reading() as connection:
        asked = {key: GIVEN[key] for key in read.statement.compile(connection).params if key in GIVEN}
        assert read.rows(connection, asked) == [tuple(row) for row in connection.execute(read.statement, asked)]
