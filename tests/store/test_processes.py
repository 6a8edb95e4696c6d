"""Several programs at one file: nothing is lost, nothing is halved, one holds the account."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

import pytest

from lib.domain.actions import Update
from lib.errors import ConfigError, StaleRow, StoreUnavailable
from lib.store import queries
from lib.store.sqlite import open_store
from tests.store.build import insert_account, insert_control, write, write_trade

REPOSITORY = Path(__file__).resolve().parents[2]

CHILD = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from lib.domain.actions import Update
from lib.errors import StaleRow
from lib.store import queries
from lib.store.sqlite import open_store
from tests.store.build import insert_order, insert_trade, write
folder, name = Path(sys.argv[1]), sys.argv[2]
store = open_store(f"sqlite:///{folder / 'trading.db'}", folder)
def tell(word):
    print(word, flush=True)
"""


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


@pytest.fixture
def child(folder):
    children = []

    def start(code, name="child"):
        program = [sys.executable, "-c", CHILD + textwrap.dedent(code), str(folder), name]
        process = subprocess.Popen(program, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        children.append(process)
        return process

    yield start
    for process in children:
        process.kill()
        process.wait()
        process.stdout.close()


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_a_reader_sees_one_state_while_another_program_writes(store, folder):
    write_trade(store, 1, "new")
    with store.reading() as connection:
        count = "SELECT count(*) FROM order_execution"
        before = connection.exec_driver_sql(count).scalar_one()
        with closing(sqlite3.connect(folder / "trading.db")) as other, other:
            other.execute("DELETE FROM order_execution")
        assert connection.exec_driver_sql(count).scalar_one() == before == 1
    assert store.rows("main").orders == ()


@pytest.mark.case("fail-H2")
def test_a_database_that_another_program_keeps_locked_is_unavailable(store, folder):
    with store.reading() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(folder / "trading.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="kept it locked"):
            write(store, insert_account("second"))
        assert store.rows("main").trades == ()
        other.execute("ROLLBACK")
    write(store, insert_account("second"))


@pytest.mark.case("fail-H3")
def test_a_full_disk_is_unavailable_and_leaves_nothing_half_done(store):
    with store.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreUnavailable, match="disk is full"):
        write(store, *(insert_control(f"symbol:main:{number}" + "x" * 5000, ref=str(number)) for number in range(20)))
    assert store.rows("main").controls == ()


WRITER = """
tell("ready")
for number in range(40):
    write(store, insert_trade(number, name), insert_order(1, f"{name}-{number}", name))
    while True:
        account = store.account("main")
        change = Update(table="account", id=1, version=account.version, values={"broker": name})
        try:
            write(store, change)
            break
        except StaleRow:
            pass
tell("done")
"""


@pytest.mark.case("fail-H1")
@pytest.mark.slow
def test_two_programs_that_write_at_once_lose_nothing(store, child):
    writers = [child(WRITER, "a"), child(WRITER, "b")]
    assert [writer.communicate()[0] for writer in writers] == ["ready\ndone\n"] * 2
    for name in ("a", "b"):
        assert [trade.decision_id for trade in queries.journal(store, name)] == list(range(40))
    assert store.account("main").version == 1 + 2 * 40
    assert len(queries.events_of(store, "account", 1)) == 1 + 2 * 40


@pytest.mark.slow
@pytest.mark.case("fail-H4")
def test_a_writer_killed_before_its_commit_leaves_nothing(store, child):
    writer = child(
        """
        def changes():
            for number in range(50):
                yield insert_trade(number)
            tell("in the middle")
            time.sleep(60)
        store.write(changes(), run_id="killed", at=datetime(2026, 11, 20, tzinfo=UTC))
        """
    )
    assert writer.stdout.readline() == "in the middle\n"
    kill(writer)
    assert store.rows("main").trades == ()
    write_trade(store, 7, "new")
    assert [trade.decision_id for trade in store.rows("main").trades] == [7]


@pytest.mark.slow
def test_a_writer_killed_anywhere_leaves_whole_transactions(store, child):
    writer = child(
        """
        tell("ready")
        for number in range(100_000):
            orders = (insert_order(number, f"{number}-{leg}") for leg in (1, 2))
            write(store, insert_trade(number), *orders)
        """
    )
    assert writer.stdout.readline() == "ready\n"
    time.sleep(0.3)
    kill(writer)
    with store.reading() as connection:
        trades, orders, events = (
            connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()  # noqa: S608
            for table in ("trade_journal", "order_execution", "event")
        )
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    assert trades > 0
    assert (orders, events) == (2 * trades, 1 + 3 * trades)


@pytest.mark.slow
def test_an_account_held_by_another_program_is_free_when_that_one_dies(store, child):
    holder = child(
        """
        with store.hold_account("main", wait_s=0) as held:
            tell(held)
            time.sleep(60)
        """
    )
    assert holder.stdout.readline() == "True\n"
    with store.hold_account("main", wait_s=0) as held:
        assert not held
    kill(holder)
    with store.hold_account("main", wait_s=5) as held:
        assert held


def test_a_lock_that_cannot_be_made_is_one_clear_line(folder, store):
    (folder / "locks").touch()
    with pytest.raises(ConfigError, match="locks/main"), store.hold_account("main", wait_s=0):
        pass


@pytest.mark.case("fail-G2")
def test_a_change_planned_before_another_program_wrote_is_stale_not_lost(store, folder):
    trade = write_trade(store, 1, "new")
    other = open_store(f"sqlite:///{folder / 'trading.db'}", folder)
    write(other, Update(table="trade_journal", id=trade, version=1, values={"note": "theirs"}))
    other.close()
    with pytest.raises(StaleRow):
        write(store, Update(table="trade_journal", id=trade, version=1, values={"note": "ours"}))
    assert store.rows("main").trades[0].note == "theirs"
