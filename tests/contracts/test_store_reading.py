"""What every store must give a pass to read, and a command."""

from datetime import timedelta
from decimal import Decimal

import pytest

from lib.domain.actions import Update
from lib.domain.records import Account, Rows
from lib.errors import ConfigError, StaleRow
from lib.store import queries
from tests.store.build import (
    DATABASES,
    NAMESPACE,
    NOW,
    events,
    insert_account,
    insert_change,
    insert_control,
    insert_decision,
    insert_fill,
    insert_position,
    run_of,
    write,
    write_trade,
)


@pytest.fixture(params=DATABASES)
def database(request, tmp_path):
    database = request.param(tmp_path)
    yield database
    database.store.close()


@pytest.fixture
def store(database):
    return database.store


# What a pass reads


def test_an_empty_account_has_empty_rows(store):
    account = Account(id=1, account="main", version=1, namespace=NAMESPACE)
    assert store.rows("main") == Rows(account=account)
    assert store.account("main") == account


@pytest.mark.parametrize("read", ["rows", "account"])
def test_an_account_that_is_not_there_is_an_error_that_says_how_to_make_it(store, read):
    with pytest.raises(ConfigError, match=r"lib\.store init --account nobody"):
        getattr(store, read)("nobody")


def test_a_broker_account_names_the_accounts_that_are_pinned_to_it(store):
    write(store, insert_account("swing", "s1s2s3"), insert_account("other", "o1o2o3"))
    for name, number in (("main", "PA1"), ("swing", "PA2"), ("other", "PA2")):
        row = store.account(name)
        write(store, Update(table="account", id=row.id, version=row.version, values={"account_number": number}))
    assert [store.pinned_to(number) for number in ("PA1", "PA2", "PA3")] == [("main",), ("swing", "other"), ()]


def test_the_last_clean_pass_is_the_newest_that_ended_done_of_this_stage_and_account(store):
    for run in (
        run_of("order_monitor", 1),
        run_of("order_monitor", 2),
        run_of("order_monitor", 3, outcome="incomplete"),
        run_of("order_monitor", 4, outcome="skipped"),
        run_of("position_monitor", 5),
        run_of("order_monitor", 6, account="swing"),
    ):
        store.record_run(run)
    assert store.last_clean("main", "order_monitor") == NOW + timedelta(minutes=2)
    assert store.last_clean("main", "order_executor") is None


def test_a_trade_is_read_until_it_has_ended(store):
    words = ["ORDERED", "POSITION", "A_NEW_WORD", "ZZZ", "CH", ""]
    trades = [write_trade(store, number, status=word) for number, word in enumerate(words)]
    write_trade(store, 98, status="CLOSED")
    write_trade(store, 99, status="CANCELLED")
    assert [row.id for row in store.rows("main").trades] == trades


@pytest.mark.parametrize("status", ["CLOSED", "CANCELLED"])
def test_an_ended_trade_whose_orders_have_ended_is_not_read(store, status):
    for number, word in enumerate(["filled", "rejected"]):
        trade = write_trade(store, number, word, status=status)
        write(store, insert_fill(trade, 1, f"f-{number}"), insert_change(trade_id=trade))
    rows = store.rows("main")
    assert (rows.trades, rows.orders, rows.fills, rows.changes) == ((), (), (), ())


@pytest.mark.parametrize("status", ["CLOSED", "CANCELLED"])
def test_an_ended_trade_is_read_while_an_order_of_it_may_live(store, status):
    words = ["pending", "new", "held", "pending_cancel", "a_new_word", "", "zzz"]
    trades = [write_trade(store, number, "filled", word, status=status) for number, word in enumerate(words)]
    rows = store.rows("main")
    assert [row.id for row in rows.trades] == trades
    assert [row.order_status for row in rows.orders if row.order_status != "filled"] == words


def test_every_unsent_order_is_watched_where_no_run_tells_the_time(store):
    trade = write_trade(store, 1, "unsent", status="CANCELLED", created_at=NOW - timedelta(days=300))
    assert [row.id for row in store.rows("main").trades] == [trade]


@pytest.mark.parametrize("word", ["unsent", "cancelled", "expired", "replaced"])
def test_an_order_that_may_yet_fill_late_is_watched_for_three_days_of_clean_runs(store, word):
    store.record_run(run_of("order_monitor", started_at=NOW, finished_at=NOW))
    recent = write_trade(store, 1, word, status="CANCELLED", created_at=NOW - timedelta(days=3))
    old = write_trade(store, 2, word, status="CANCELLED", created_at=NOW - timedelta(days=3, seconds=1))
    assert old != recent
    assert [row.id for row in store.rows("main").trades] == [recent]


def test_a_trade_is_read_for_three_days_after_its_exit_for_an_order_that_rested_long_may_fill_late(store):
    store.record_run(run_of("order_monitor", started_at=NOW, finished_at=NOW))
    trades = [
        write_trade(store, number, "filled", "cancelled", status="CLOSED", created_at=NOW - timedelta(days=40))
        for number in (1, 2)
    ]
    for trade, exited in zip(trades, (NOW - timedelta(days=3), NOW - timedelta(days=3, seconds=1)), strict=True):
        write(store, Update(table="trade_journal", id=trade, version=1, values={"exit_time": exited}))
    rows = store.rows("main")
    assert [row.id for row in rows.trades] == trades[:1]
    assert [row.order_status for row in rows.orders] == ["filled", "cancelled"]


def test_all_rows_of_a_live_trade_are_read_and_none_of_another(store):
    live = write_trade(store, 1, "filled", "cancelled", "held", status="POSITION")
    done = write_trade(store, 2, "filled", "filled", status="CLOSED")
    write(
        store,
        insert_fill(live, 1, "live-1"),
        insert_fill(live, 2, "live-2"),
        insert_fill(done, 4, "done-1"),
        insert_position(live),
        insert_change(trade_id=done),
        insert_change(trade_id=live),
        insert_change(symbol="MSFT"),
    )
    rows = store.rows("main")
    assert [row.id for row in rows.orders] == [1, 2, 3]
    assert [row.activity_id for row in rows.fills] == ["live-1", "live-2"]
    assert [row.trade_id for row in rows.positions] == [live]
    assert [(row.trade_id, row.symbol) for row in rows.changes] == [(live, "AAPL"), (None, "MSFT")]


def test_another_accounts_rows_are_not_read(store):
    write(store, insert_account("other", "zzzzzz"))
    trade = write_trade(store, 1, "new", account="other")
    write(
        store,
        insert_fill(trade, 1, "f", "other"),
        insert_position(trade, "other"),
        insert_change("other"),
        insert_decision("other", approve=True),
        insert_control("account:other", account="other"),
    )
    store.record_run(run_of("order_monitor", account="other"))
    assert store.rows("main") == Rows(account=store.account("main"))
    assert len(store.rows("other").orders) == 1


def test_the_controls_of_the_account_and_those_for_all_are_read(store):
    write(store, insert_control("account:main"))
    write(store, insert_control("all", account="other"))
    write(store, insert_control("account:other", account="other"))
    assert [control.scope for control in store.controls("main")] == ["account:main", "all"]
    assert store.rows("main").controls == store.controls("main")


def test_the_newest_clean_run_of_each_stage_and_the_newest_complete_one_of_the_executor_are_read(store):
    store.record_run(run_of("order_executor", 1, complete=True))
    store.record_run(run_of("order_executor", 2, complete=True))
    store.record_run(run_of("order_executor", 3))
    store.record_run(run_of("order_executor", 4, outcome="incomplete"))
    store.record_run(run_of("order_monitor", 5))
    store.record_run(run_of("order_monitor", 6, outcome="skipped"))
    store.record_run(run_of("position_monitor", 7, outcome="incomplete"))
    runs = [run.run_id for run in store.rows("main").last_runs]
    assert runs == ["order_executor-2", "order_executor-3", "order_monitor-5"]


def test_orders_and_activities_of_trades_long_closed_are_known(store):
    closed = write_trade(store, 1, "filled", status="CLOSED", alpaca_order_id="b-1")
    write_trade(store, 2, "new", alpaca_order_id="b-2")
    write_trade(store, 3, "new", account="other", alpaca_order_id="b-3")
    write(
        store,
        insert_fill(closed, 1, "a-1"),
        insert_change(activity_id="a-2"),
        insert_fill(closed, 1, "a-3", account="other"),
    )
    known = store.known(
        "main", broker_order_ids=["b-1", "b-2", "b-3", "b-4"], activity_ids=["a-1", "a-2", "a-3", "a-4"]
    )
    assert known == ({"b-1", "b-2"}, {"a-1", "a-2"})
    assert store.known("main", broker_order_ids=[], activity_ids=[]) == (frozenset(), frozenset())


# Decisions


TICKED = [True, 1, 2, "true", "yes", "1", 1.5]
UNTICKED = [None, False, 0, "", "false", "FALSE", "False"]


def add_ticked(store, column, ticks, **others):
    return [write(store, insert_decision(**{column: tick}, **others))["decision"] for tick in ticks]


def test_a_decision_with_anything_in_its_approval_is_read(store):
    decisions = add_ticked(store, "approve", TICKED)
    rows = store.rows("main")
    assert [row.id for row in rows.decisions] == decisions
    assert rows.traded_decision_ids == frozenset()


def test_a_decision_that_nobody_approved_is_not_read(store):
    add_ticked(store, "approve", UNTICKED)
    assert store.rows("main").decisions == ()


def test_an_approved_decision_is_read_while_it_is_not_ticked_as_executed(store):
    decisions = add_ticked(store, "executed", UNTICKED, approve=True)
    assert [row.id for row in store.rows("main").decisions] == decisions


def test_an_executed_decision_without_a_live_trade_is_not_read(store):
    add_ticked(store, "executed", [*TICKED, "what is this"], approve=True)
    assert store.rows("main").decisions == ()


@pytest.mark.parametrize(
    ("status", "count"), [("REJECTED", 0), ("EXPIRED", 0), ("WAITING", 1), ("strange", 1), ("", 1)]
)
def test_a_decision_refused_for_good_is_not_read_again(store, status, count):
    write(store, insert_decision(approve=True, execution_status=status))
    assert len(store.rows("main").decisions) == count


def test_the_decision_of_a_live_trade_is_read_whatever_its_ticks(store):
    decision = write(store, insert_decision(approve=False, executed=True, execution_status="ORDERED"))["decision"]
    write_trade(store, decision, "new")
    rows = store.rows("main")
    assert [row.id for row in rows.decisions] == [decision]
    assert rows.traded_decision_ids == {decision}


@pytest.mark.parametrize("status", ["CLOSED", "CANCELLED"])
def test_a_decision_that_was_traded_and_then_unticked_is_read_and_known_as_traded(store, status):
    decision = write(store, insert_decision(executed=False, execution_status="ORDERED"))["decision"]
    other = write(store, insert_decision(approve=True))["decision"]
    write_trade(store, decision, "filled", status=status)
    rows = store.rows("main")
    assert [row.id for row in rows.decisions] == [decision, other]
    assert [row.decision_id for row in rows.trades] == [decision]
    assert rows.traded_decision_ids == {decision}


@pytest.mark.parametrize(("status", "count"), [("ORDERED", 1), ("DONE", 0), ("REJECTED", 0), ("EXPIRED", 0)])
def test_an_ended_trade_is_read_until_its_decision_tells_the_end(store, status, count):
    decision = write(store, insert_decision(approve=True, executed=True, execution_status=status))["decision"]
    write_trade(store, decision, "rejected", status="CANCELLED")
    rows = store.rows("main")
    assert (len(rows.trades), len(rows.orders), len(rows.decisions)) == (count, count, count)


GARBAGE = {
    "a float": (150.1, "150.1"),
    "an integer": (150, "150"),
    "words": ("about 150", "about 150"),
    "nothing": (None, None),
    "an empty text": ("", ""),
    "a blob": (b"\x00\xff", "b'\\x00\\xff'"),
    "not a number": ("NaN", "NaN"),
    "a formula": ("=A1", "=A1"),
    "a comma": ("1.500,25", "1.500,25"),
}


@pytest.mark.case("fail-N5")
@pytest.mark.parametrize("column", ["planned_entry", "expires_at", "symbol"])
def test_whatever_another_program_wrote_in_a_decision_is_read_as_text(store, database, column):
    for written, _ in GARBAGE.values():
        sql = f'INSERT INTO analysis_decision ({column}, "Approve") VALUES (?, ?)'  # noqa: S608
        database.foreign(sql, [written, True])
    decisions = store.rows("main").decisions
    assert [getattr(decision, column) for decision in decisions] == [read for _, read in GARBAGE.values()]
    assert {(decision.account, decision.version, decision.approve) for decision in decisions} == {("main", 1, 1)}


def test_approval_comes_back_untouched(store, database):
    written = [True, 1, "true", "yes", 2, b"1", 0.5]
    for value in written:
        database.foreign('INSERT INTO analysis_decision ("Approve") VALUES (?)', [value])
    read = [decision.approve for decision in store.rows("main").decisions]
    assert [(type(value), value) for value in read] == [(int, 1)] + [(type(value), value) for value in written[1:]]


def test_text_that_is_no_text_at_all_does_not_stop_the_reader(store, database):
    database.foreign("INSERT INTO analysis_decision (\"Approve\", symbol) VALUES (1, CAST(x'41ff' AS TEXT))")
    (decision,) = store.rows("main").decisions
    assert decision.symbol == "A\N{REPLACEMENT CHARACTER}"


def test_a_number_too_large_for_any_column_does_not_stop_the_reader(store, database):
    database.foreign('INSERT INTO analysis_decision ("Approve", qty) VALUES (1, 123456789012345678901234567890)')
    (decision,) = store.rows("main").decisions
    assert Decimal(decision.qty) > 10**29


def test_a_spoilt_machine_column_of_one_decision_stops_no_other(store, database):
    good = write(store, insert_decision(approve=True))["decision"]
    spoil = 'INSERT INTO analysis_decision ("Approve", version, approved_seen_at, executed_at) VALUES (1, ?, ?, ?)'
    database.foreign(spoil, ["x", "yesterday", b"now"])
    ours, spoilt = store.rows("main").decisions
    assert (ours.id, ours.version) == (good, 1)
    assert (spoilt.approved_seen_at, spoilt.executed_at) == (None, None)
    with pytest.raises(StaleRow):
        write(store, Update(table="analysis_decision", id=spoilt.id, version=spoilt.version, values={"executed": True}))


@pytest.mark.case("fail-N5")
def test_claiming_a_decision_full_of_garbage_leaves_an_event(store, database):
    sql = 'INSERT INTO analysis_decision ("Approve", qty, symbol) VALUES (?, ?, ?)'
    database.foreign(sql, [9e999, b"\xff", 1.5])
    change = Update(table="analysis_decision", id=1, version=1, values={"execution_status": "REJECTED"})
    write(store, change)
    ((op, columns),) = events(store, "analysis_decision", 1)
    assert (op, columns["execution_status"], columns["qty"]) == ("update", "REJECTED", "b'\\xff'")


# What commands ask


def test_a_decision_written_by_a_command_stands_as_given(store):
    values = {"account": "main", "symbol": "AAPL", "planned_entry": "150.00", "qty": "ten"}
    row_id = queries.add_decision(store, values, run_id="decide-1", at=NOW)
    decision = queries.decision(store, row_id)
    assert (decision.planned_entry, decision.qty, decision.approve) == ("150.00", "ten", None)
    assert [op for op, _ in events(store, "analysis_decision", row_id)] == ["insert"]


def test_several_decisions_are_written_all_or_none(store):
    with pytest.raises(Exception, match="colour"):
        queries.add_decisions(store, [{"account": "main"}, {"account": "main", "colour": "red"}], run_id="d", at=NOW)
    assert queries.decisions(store, "main") == ()
    assert queries.add_decisions(store, [{"account": "main"}] * 2, run_id="d", at=NOW) == (1, 2)


def test_approving_ticks_the_accounts_own_rows_and_tells_which(store):
    first, second = queries.add_decisions(store, [{"account": "main"}, {"account": "other"}], run_id="d", at=NOW)
    assert queries.approve(store, "main", [first, second, 99], run_id="d", at=NOW) == {first}
    assert queries.decision(store, first).approve == 1
    assert queries.decision(store, second).approve is None
    assert events(store, "analysis_decision", first)[-1][1]["approve"] == 1


def test_lists_are_in_the_order_that_people_expect(store):
    for number in (1, 2, 3):
        write_trade(store, number, "filled", "cancelled", status="CLOSED")
        store.record_run(run_of("order_monitor", number))
        write(store, insert_decision())
    store.record_run(run_of("order_executor", 4))
    assert [trade.decision_id for trade in queries.journal(store, "main")] == [1, 2, 3]
    assert [order.order_status for order in queries.orders_of(store, 2)] == ["filled", "cancelled"]
    assert [row.id for row in queries.decisions(store, "main", limit=2)] == [3, 2]
    assert [run.run_id for run in queries.runs(store, "main", stage="order_monitor", limit=1)] == ["order_monitor-3"]
    assert queries.events(store, "main", limit=1)[0].table_name == "analysis_decision"


def test_one_row_is_found_by_its_id_or_is_none(store):
    trade = write_trade(store, 5)
    write(store, insert_fill(trade, 1, "f"), insert_account("second", "zzzzzz"))
    assert queries.story(store, trade).trade.decision_id == 5
    assert [fill.activity_id for fill in queries.fills_of(store, trade)] == ["f"]
    assert [account.account for account in queries.accounts(store)] == ["main", "second"]
    assert queries.story(store, 99) is None
    assert queries.decision(store, 99) is None
