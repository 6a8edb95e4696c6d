"""A pass is as fast on the ten-thousandth trade as on the tenth."""

import re
from dataclasses import fields, replace
from datetime import timedelta

import pytest
from sqlalchemy import insert

from lib.domain.alerts import AlertChange, AlertOp
from lib.store import tables
from lib.store.sqlite import open_store
from tests.store.build import (
    NOW,
    insert_account,
    insert_change,
    insert_decision,
    insert_fill,
    insert_order,
    insert_trade,
    run_of,
    write,
    write_grid,
    write_trade,
)

ALERT = AlertChange(op=AlertOp.RAISED, columns={"key": "A", "after": 0})
SMALL_TABLES = {"account", "control"}


@pytest.fixture
def store(tmp_path):
    store = open_store("sqlite://", tmp_path, durable=False, create=True)
    write(store, insert_account())
    yield store
    store.close()


def test_no_read_of_a_pass_goes_through_a_whole_table(store):
    write_trade(store, 1, "new", "unsent")
    write_grid(store, "g", "new", "filled")
    write(store, insert_decision(approve=True))
    store.record_run(run_of("order_monitor"), (ALERT,))
    reads = []
    with store.reading() as connection:
        driver = connection.connection.driver_connection
    driver.set_trace_callback(lambda sql: reads.append(sql) if sql.lstrip().startswith("SELECT") else None)
    store.rows("main")
    store.known("main", broker_order_ids=["a"], activity_ids=["b"])
    store.alerts("main")
    store.trades_since("main", NOW)
    driver.set_trace_callback(None)
    assert len(reads) > 5
    with store.reading() as connection:
        for sql in reads:
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()
            for step in steps:
                scanned = re.match(r"SCAN (\w+)", step.detail)
                assert scanned is None or scanned[1] in SMALL_TABLES, f"{step.detail}: {sql}"


def steps_of_rows(store):
    """Count the instructions of SQLite's machine, which no busy computer makes more."""
    with store.reading() as connection:
        driver = connection.connection.driver_connection
    count = 0

    def step():
        nonlocal count
        count += 1

    driver.set_progress_handler(step, 10)
    store.rows("main")
    store.known("main", broker_order_ids=["b-2", "b-x"], activity_ids=["fill-2", "fill-x"])
    store.alerts("main")
    driver.set_progress_handler(None, 0)
    return count


@pytest.mark.slow
def test_a_pass_reads_no_more_when_the_journal_is_long(store):
    live = write_trade(store, 1, "filled", "new", "held", status="POSITION")
    store.record_run(run_of("order_monitor"))
    done = {"version": 1, "created_at": NOW - timedelta(days=30)}
    executed = insert_decision(approve=True, executed=True, execution_status="DONE").values | {"version": 1}
    history = range(2, 3002)
    with store.writing() as connection:
        add_rows(connection, tables.decision, (executed for _ in history))
        add_rows(connection, tables.journal, (insert_trade(n, status="CLOSED").values | done for n in history))
        for word in ("filled", "cancelled", "unsent"):
            orders = (
                insert_order(n, f"{word}-{n}", order_status=word, alpaca_order_id=f"b-{n}").values | done
                for n in history
            )
            add_rows(connection, tables.order, orders)
        add_rows(connection, tables.fill, (insert_fill(n, n, f"fill-{n}").values for n in history))
        add_rows(connection, tables.quantity_change, (insert_change(trade_id=n).values for n in history))
        add_rows(connection, tables.stage_run, (insert_run(run_of("order_executor", n)) for n in history))
    store.record_alerts("main", [ALERT for _ in history], run_id="r", at=NOW)
    newest = store.alerts("main").events[-1].id
    store.record_alerts("main", [replace(ALERT, columns={"after": newest})], run_id="r", at=NOW)
    long = steps_of_rows(store)
    with store.writing() as connection:
        for table in ("analysis_decision", "trade_journal", "order_execution", "fill", "quantity_change"):
            old = "order_status <> 'new' AND trade_id > 1" if table == "order_execution" else "id > 10"
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE {old}")  # noqa: S608
        connection.exec_driver_sql("DELETE FROM stage_run WHERE id BETWEEN 10 AND 2990")
        connection.exec_driver_sql(f"DELETE FROM event WHERE table_name = 'alert' AND id < {newest}")  # noqa: S608
    short = steps_of_rows(store)
    assert [trade.id for trade in store.rows("main").trades] == [live]
    assert long <= 1.2 * short


def add_rows(connection, table, rows):
    connection.execute(insert(table), list(rows))


def insert_run(run):
    return {field.name: getattr(run, field.name) for field in fields(run) if field.name != "id"}
