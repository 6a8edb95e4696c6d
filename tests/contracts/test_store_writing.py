"""What every store must keep when it writes: versions, all or nothing, uniqueness, events."""

from decimal import Decimal

import pytest

from lib.domain.actions import Delete, Insert, Ref, Update
from lib.errors import ConfigError, StaleRow
from lib.store import queries
from tests.store.build import (
    DATABASES,
    NOW,
    events,
    insert_account,
    insert_change,
    insert_control,
    insert_fill,
    insert_order,
    insert_position,
    insert_trade,
    run_of,
    write,
)


@pytest.fixture(params=DATABASES)
def database(request, tmp_path):
    database = request.param(tmp_path)
    yield database
    database.store.close()


@pytest.fixture
def store(database):
    return database.store


# Versions, references, transactions


def test_a_new_row_has_version_1_and_each_update_adds_one(store):
    trade = write(store, insert_trade(1))["trade"]
    write(store, Update(table="trade_journal", id=trade, version=1, values={"note": "a"}))
    write(store, Update(table="trade_journal", id=trade, version=2, values={"note": "b"}))
    (row,) = store.rows("main").trades
    assert (row.version, row.note) == (3, "b")


@pytest.mark.case("fail-G2")
def test_an_update_of_a_version_that_is_gone_is_stale_and_changes_nothing(store):
    trade = write(store, insert_trade(1))["trade"]
    write(store, Update(table="trade_journal", id=trade, version=1, values={"note": "first"}))
    with pytest.raises(StaleRow):
        write(store, Update(table="trade_journal", id=trade, version=1, values={"note": "second"}))
    assert store.rows("main").trades[0].note == "first"


def test_an_update_of_a_row_that_is_gone_is_stale(store):
    with pytest.raises(StaleRow):
        write(store, Update(table="trade_journal", id=99, version=1, values={"note": "a"}))


@pytest.mark.parametrize(("row_id", "version"), [(1, 2), (2, 1)])
def test_a_delete_of_a_row_or_version_that_is_gone_is_stale(store, row_id, version):
    write(store, insert_trade(1), insert_position(Ref("trade")))
    with pytest.raises(StaleRow):
        write(store, Delete(table="position_tracking", id=row_id, version=version))
    assert len(store.rows("main").positions) == 1


def test_a_stale_change_takes_the_whole_transaction_with_it(store):
    trade = write(store, insert_trade(1))["trade"]
    with pytest.raises(StaleRow):
        write(
            store,
            insert_order(trade, "a"),
            Update(table="trade_journal", id=trade, version=1, values={"status": "POSITION"}),
            Update(table="trade_journal", id=trade, version=1, values={"note": "stale by now"}),
        )
    rows = store.rows("main")
    assert (rows.orders, rows.trades[0].status, rows.trades[0].version) == ((), "ORDERED", 1)
    assert [op for op, _ in events(store, "trade_journal", trade)] == ["insert"]


def test_a_failure_that_is_no_exception_of_ours_leaves_nothing_either(store):
    def changes():
        yield insert_trade(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write(changes(), run_id="run-1", at=NOW)
    assert store.rows("main").trades == ()


def test_references_stand_for_ids_in_values_and_in_updates(store):
    ids = write(
        store,
        insert_trade(1),
        insert_order(Ref("trade"), "parent", ref="parent"),
        insert_order(Ref("trade"), "leg", ref="leg", parent_id=Ref("parent")),
        Update(table="trade_journal", id=Ref("trade"), version=1, values={"note": "with orders"}),
    )
    rows = store.rows("main")
    assert set(ids) == {"trade", "parent", "leg"}
    assert {row.client_order_id: row.trade_id for row in rows.orders} == dict.fromkeys(("parent", "leg"), ids["trade"])
    assert rows.orders[1].parent_id == ids["parent"]
    assert rows.trades[0].note == "with orders"


@pytest.mark.parametrize(
    "change",
    [
        Insert(table="trade_jornal", values={"account": "main"}),
        insert_trade(1, colour="red"),
        Update(table="account", id=1, version=1, values={"colour": "red"}),
        Update(table="account", id=1, version=1, values={"version": 7}),
        Update(table="account", id=1, version=1, values={}),
        insert_trade(1, symbol=None),
        insert_order(Ref("nobody"), "a"),
    ],
    ids=["table", "column", "column of update", "version", "nothing", "null", "reference"],
)
def test_a_change_that_makes_no_sense_is_a_mistake_in_the_code_and_not_a_stale_row(store, change):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any, but not one of the answers
        write(store, change)
    assert not isinstance(caught.value, StaleRow | ConfigError)


def test_an_id_is_never_used_twice(store):
    first = write(store, insert_trade(1), insert_position(Ref("trade")))
    write(store, Delete(table="position_tracking", id=first["position"], version=1))
    second = write(store, insert_trade(2), insert_position(Ref("trade")))
    assert second["position"] > first["position"]


# Uniqueness


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (insert_order(1, "same"), insert_order(2, "same", account="other")),
        (insert_fill(1, 1, "same"), insert_fill(2, 2, "same")),
        (insert_trade(1), insert_trade(1, symbol="MSFT")),
        (insert_position(1), insert_position(1)),
        (insert_control("all"), insert_control("all", "ACTIVE")),
        (insert_account("second"), insert_account("second", "zzzzzz")),
        (insert_change(activity_id="x", trade_id=1), insert_change(activity_id="x", trade_id=1)),
        (insert_change(activity_id="x"), insert_change(activity_id="x")),
    ],
    ids=["order", "fill", "trade", "position", "control", "account", "change of a trade", "external change"],
)
def test_what_must_be_there_once_is_stale_the_second_time(store, first, again):
    write(store, first)
    with pytest.raises(StaleRow):
        write(store, insert_trade(77), again)
    assert 77 not in [trade.decision_id for trade in queries.journal(store, "main")]


@pytest.mark.parametrize(
    "changes",
    [
        (insert_fill(1, 1, "same"), insert_fill(1, 1, "same", account="other")),
        (insert_trade(1), insert_trade(1, account="other")),
        (insert_control("all"), insert_control("all", account="other")),
        (insert_change(activity_id="x"), insert_change(activity_id="x", trade_id=1)),
        (insert_change(activity_id="x", trade_id=1), insert_change(activity_id="x", trade_id=2)),
        (insert_change(), insert_change()),
    ],
    ids=["fill", "trade", "control", "shared with external", "shared between trades", "no activity"],
)
def test_what_only_looks_alike_is_kept_twice(store, changes):
    write(store, *changes)


# Events


def test_each_change_leaves_one_event_with_the_columns_after_it(store):
    trade = write(store, insert_trade(1))["trade"]
    write(store, Update(table="trade_journal", id=trade, version=1, values={"status": "POSITION"}))
    (first, inserted), (second, updated) = events(store, "trade_journal", trade)
    assert (first, inserted["status"], inserted["planned_entry"]) == ("insert", "ORDERED", "150")
    assert (second, updated["status"], updated["planned_entry"]) == ("update", "POSITION", "150")


def test_the_event_of_a_delete_holds_what_the_row_held_last(store):
    ids = write(store, insert_trade(1), insert_position(Ref("trade"), covered_qty=Decimal(4)))
    write(store, Delete(table="position_tracking", id=ids["position"], version=1))
    op, columns = events(store, "position_tracking", ids["position"])[-1]
    assert (op, columns["covered_qty"]) == ("delete", "4")


def test_an_event_knows_run_time_and_account(store):
    store.write([insert_trade(1, account="other")], run_id="run-7", at=NOW)
    (event,) = queries.events_of(store, "trade_journal", 1)
    assert (event.run_id, event.at, event.account) == ("run-7", NOW, "other")


def test_position_values_change_without_an_event(store):
    ids = write(store, insert_trade(1), insert_position(Ref("trade")))
    values = {
        "current_price": Decimal(151),
        "market_value": Decimal(1510),
        "unrealized_pnl": Decimal("7.5"),
        "last_updated": NOW,
        "quote_time": NOW,
        "stale": True,
    }
    write(store, Update(table="position_tracking", id=ids["position"], version=1, values=values))
    (row,) = store.rows("main").positions
    assert (row.current_price, row.stale, row.version) == (Decimal(151), True, 2)
    ((op, columns),) = events(store, "position_tracking", ids["position"])
    assert op == "insert"
    assert not values.keys() & columns.keys()


def test_a_position_value_beside_another_column_does_leave_an_event(store):
    ids = write(store, insert_trade(1), insert_position(Ref("trade")))
    values = {"current_price": Decimal(151), "covered_qty": Decimal(10)}
    write(store, Update(table="position_tracking", id=ids["position"], version=1, values=values))
    op, columns = events(store, "position_tracking", ids["position"])[-1]
    assert (op, columns["covered_qty"]) == ("update", "10")


def test_what_a_person_wrote_in_the_journal_is_in_no_event(store, database):
    trade = write(store, insert_trade(1))["trade"]
    database.foreign("UPDATE trade_journal SET review_note = 'too early', tags = 'gap', rating = '2'")
    write(store, Update(table="trade_journal", id=trade, version=1, values={"note": "ours"}))
    _, columns = events(store, "trade_journal", trade)[-1]
    assert not {"review_note", "tags", "rating"} & columns.keys()


def test_a_run_is_recorded_without_an_event(store):
    before = len(queries.events(store, "main"))
    store.record_run(run_of("order_monitor", rounds=2, actions=3, failed=1, note="slow", complete=True))
    (run,) = queries.runs(store, "main")
    assert (run.rounds, run.actions, run.failed, run.note, run.complete) == (2, 3, 1, "slow", True)
    assert len(queries.events(store, "main")) == before
