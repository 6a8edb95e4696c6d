"""The database is away, full, edited by hand or of another version: what has no row is not sent, cover stays."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import pytest

from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.evidence import at_rest
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.store import queries
from tests.lifecycles.opening import AAPL, at_entry, covered, exits_of, look_at, said, trade_of

TEN = Decimal(10)
NAMES = ("AAPL", "AMZN", "GOOG", "IBM", "MSFT", "NFLX", "NVDA", "TSLA")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "trading.db"


@pytest.fixture
def begin(make_world, file):
    """Make worlds on a database that other programs can open too."""

    def make(*pairs, names=("AAPL",)):
        feed = ScriptedFeed({name: steps((at(16, 14, 40), "151"), *pairs) for name in names})
        options = Options(partial_fill_rate=Decimal(0))
        made = make_world(at(16, 14, 46), feed, options=options, database=f"sqlite:///{file}")
        with made.store.reading() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 20")  # its one connection waits no ten seconds
        return made

    return make


@pytest.fixture
def sql(file):
    """Write to the database as another program does."""

    def run(statement, *values):
        with closing(sqlite3.connect(file)) as other, other:
            other.execute(statement, values)

    return run


def sent(made):
    """Name what the broker was ever sent, by our ids."""
    return sorted(o.client_order_id for o in made.tools.broker.orders_since(made.began - timedelta(minutes=1)))


@pytest.mark.case("fail-H2")
def test_while_another_program_keeps_the_database_locked_nothing_is_sent(begin, file):
    made = begin()
    made.decide(**SWING_AAPL)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ran = made.run("order_executor")
        assert "another program has kept it locked" in ran.error
        assert sent(made) == []
        other.execute("ROLLBACK")
    assert made.run("order_executor").exit_code == 0
    assert sent(made) == ["sim-d1-entry-1"]


@pytest.mark.case("fail-H4")
def test_while_the_database_is_away_the_stop_at_the_broker_protects_and_its_fill_is_booked_later(begin, file):
    made = begin((at(16, 15, 2), "149.50"), (at(16, 15, 8), "144"))
    at_entry(made, **AAPL)
    look_at(made, at(16, 15, 5))
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        look_at(made, at(16, 15, 10))
        assert made.history[-1].exit_code == 1
        other.execute("ROLLBACK")
    assert made.tools.broker.positions() == {}  # stopped out meanwhile
    look_at(made, at(16, 15, 15))
    trade = trade_of(made)
    assert (trade.exit_reason, trade.actual_pnl) == ("STOPPED_OUT", Decimal("-55.10"))  # 1440 - 1495.10
    assert at_rest(made) == ()


@pytest.mark.case("fail-H3")
def test_on_a_full_disk_what_has_no_row_is_not_sent_and_nothing_is_sent_twice(begin):
    made = begin(names=NAMES)
    for name in NAMES:
        made.decide(**(SWING_AAPL | {"symbol": name, "qty": "1"}))
    with made.store.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    ran = made.run("order_executor")
    assert "the disk is full" in ran.error
    entries = [o.client_order_id for o in made.store.rows("main").orders]
    assert set(sent(made)) <= set(entries)
    assert len(entries) < len(NAMES)
    with made.store.reading() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    look_at(made, at(16, 14, 50))
    assert made.run("order_executor").exit_code == 0
    assert sent(made) == [f"sim-d{n}-entry-1" for n in range(1, len(NAMES) + 1)]


@pytest.mark.case("fail-H12")
def test_only_a_tick_is_an_approval_whatever_another_program_writes_there(begin, sql):
    made = begin()
    written = ["true", "TRUE", "yes", "0", 0, None, 2, -1, 0.5, b"1", ""]
    for approve in written:
        sql(
            "INSERT INTO analysis_decision (account, version, symbol, action, trade_style, planned_entry, planned_sl, "
            "planned_tp, qty, executed, \"Approve\") VALUES ('main', 1, 'AAPL', 'NEW_TRADE', 'SWING', '150', '145', "
            "'160', '10', 0, ?)",
            approve,
        )
    assert made.run("order_executor").exit_code == 0
    assert sent(made) == []
    assert {d.execution_status for d in queries.decisions(made.store, "main")} == {None}
    sql('UPDATE analysis_decision SET "Approve" = 1 WHERE id = 1')
    made.clock.advance_to(at(16, 14, 50))
    made.run("order_executor", only_decision=1)
    assert sent(made) == ["sim-d1-entry-1"]


@pytest.mark.case("fail-H12")
@pytest.mark.parametrize("column", ['"Approve"', "execution_note"])
def test_a_column_that_somebody_renamed_needs_a_person_and_nothing_is_sent(begin, sql, column):
    made = begin()
    made.decide(**SWING_AAPL)
    made.observers.clear()  # who watches cannot read the table either
    sql(f"ALTER TABLE analysis_decision RENAME COLUMN {column} TO approval_of_mine")
    ran = made.run("order_executor")
    assert column.strip('"') in ran.error
    assert "a column was renamed or removed: put it back" in ran.error
    assert sent(made) == []
    sql(f"ALTER TABLE analysis_decision RENAME COLUMN approval_of_mine TO {column}")
    assert made.run("order_executor").exit_code == 0
    assert sent(made) == ["sim-d1-entry-1"]


@pytest.mark.case("fail-H13")
def test_a_status_written_by_hand_is_put_right_and_no_share_loses_its_stop(begin, sql):
    made = begin((at(16, 15, 2), "149.50"), (at(16, 15, 20), "152"))
    at_entry(made, **AAPL)
    look_at(made, at(16, 15, 5))
    sql("UPDATE trade_journal SET status = 'open'")
    sql("DELETE FROM position_tracking")
    look_at(made, at(16, 15, 10))
    assert (trade_of(made).status, covered(made), said(made)) == ("POSITION", [(TEN, TEN)], [])
    assert len(exits_of(made)) == 2
    assert at_rest(made) == ()


@pytest.mark.case("fail-H13")
def test_a_trade_called_closed_by_hand_is_told_of_and_its_stop_stays(begin, sql):
    made = begin((at(16, 15, 2), "149.50"))
    at_entry(made, **AAPL)
    look_at(made, at(16, 15, 5))
    made.observers.clear()  # the row that a hand has changed breaks what is watched
    sql("UPDATE trade_journal SET status = 'CLOSED'")
    look_at(made, at(16, 15, 10))
    assert said(made) == ["CLOSED_WITH_SHARES", "BROKEN_ROWS"]
    assert [o.qty for o in made.tools.broker.live_orders()] == [TEN]
    sql("UPDATE trade_journal SET status = 'POSITION'")
    look_at(made, at(16, 15, 15))
    assert (said(made), covered(made)) == ([], [(TEN, TEN)])
    assert at_rest(made) == ()


@pytest.mark.case("fail-H14")
@pytest.mark.parametrize("stage", ["order_executor", "order_monitor", "position_monitor"])
def test_a_database_of_another_version_is_left_alone(begin, sql, stage):
    made = begin()
    made.decide(**SWING_AAPL)
    sql("UPDATE alembic_version SET version_num = '9999'")
    ran = made.run(stage)
    assert "9999" in ran.error
    assert sent(made) == []
    assert queries.events(made.store, "main", limit=1)[0].run_id == "person"  # the newest write is the approval
