"""What every store must do with grids: read what still works, keep what was, and take rows that people wrote."""

from datetime import timedelta
from decimal import Decimal

import pytest

from lib.domain.actions import Update
from lib.domain.grids import RoundTrip, Strategy
from lib.domain.states import BROKER_LIVE, ENDED, PARTIALLY_FILLED, PENDING
from lib.errors import StaleRow
from lib.store import queries
from tests.store.build import (
    DATABASES,
    NOW,
    events,
    insert_account,
    insert_fill,
    insert_grid_order,
    insert_strategy,
    insert_trip,
    run_of,
    write,
    write_grid,
    write_trade,
)

MONITORING = """
SELECT * FROM grid_orders
WHERE status IN ('pending', 'partially_filled')
ORDER BY created_at DESC;

SELECT * FROM grid_orders
WHERE status = 'filled'
ORDER BY filled_at DESC
LIMIT 100;

SELECT strategy_id,
       COUNT(*) FILTER (WHERE status = 'filled') as filled,
       COUNT(*) FILTER (WHERE status = 'pending') as pending
FROM grid_orders
GROUP BY strategy_id;
"""
"""The three queries of the specification's page, word for word."""


@pytest.fixture(params=DATABASES)
def database(request, tmp_path):
    database = request.param(tmp_path)
    yield database
    database.store.close()


@pytest.fixture
def store(database):
    return database.store


def grids_of(store, account="main"):
    return [row.id for row in store.rows(account).grids]


def asked(store, sql):
    with store.reading() as connection:
        return connection.exec_driver_sql(sql).mappings().all()


# A person's row


def test_a_row_of_an_sql_client_with_its_five_numbers_alone_is_read(store, database):
    database.foreign(
        "INSERT INTO grid_strategy (symbol, kind, lower_price, upper_price, levels, quantity_per_grid) "
        "VALUES ('SPY', 'SPOT', 95, 105.5, 11, 10)"
    )
    (grid,) = store.rows("main").grids
    assert grid == Strategy(
        id=1,
        account="main",
        version=1,
        symbol="SPY",
        kind="SPOT",
        lower_price="95",
        upper_price="105.5",
        levels="11",
        spacing=None,
        quantity_per_grid="10",
        capital=None,
    )
    write(store, Update(table="grid_strategy", id=1, version=1, values={"status": "WAITING"}))
    assert store.rows("main").grids[0].status == "WAITING"


def test_whatever_stands_in_a_strategys_cells_is_read_and_stops_nobody(store, database):
    sound = write(store, insert_strategy())["grid"]
    database.foreign(
        'INSERT INTO grid_strategy (symbol, kind, lower_price, levels, status, "Approve", start_price, started_at, '
        "shift, last_price, version) VALUES (7, x'ff', 'much', 'ten', '', 'yes', 'none', 'soon', 'one', '', 'x')"
    )
    good, bad = store.rows("main").grids
    assert good.id == sound
    assert (bad.symbol, bad.kind, bad.lower_price, bad.levels) == ("7", "b'\\xff'", "much", "ten")
    assert (bad.approve, bad.start_price, bad.started_at, bad.shift, bad.last_price) == ("yes", None, None, 0, None)
    with pytest.raises(StaleRow):
        write(store, Update(table="grid_strategy", id=bad.id, version=bad.version, values={"reason": "no"}))


def test_what_the_system_writes_of_a_strategy_comes_back_exactly(store):
    values = {
        "approve": True,
        "approved_digest": "d1",
        "approved_seen_at": NOW,
        "reason": "why",
        "start_price": Decimal("100.01"),
        "started_at": NOW,
        "stopped_at": NOW + timedelta(hours=1),
        "shift": -3,
        "wanted": "keep",
        "drift_since": NOW,
        "checked_at": NOW,
        "last_price": Decimal("99.5"),
        "quote_time": NOW,
    }
    grid = queries.grid(store, write(store, insert_strategy(**values))["grid"])
    assert {name: getattr(grid, name) for name in values} == values
    assert queries.grid(store, 99) is None


def test_each_look_at_a_grid_leaves_no_event_and_each_change_of_it_does(store):
    row = write(store, insert_strategy())["grid"]
    looks = {"last_price": Decimal(101), "quote_time": NOW, "checked_at": NOW}
    write(store, Update(table="grid_strategy", id=row, version=1, values=looks))
    write(store, Update(table="grid_strategy", id=row, version=2, values={"status": "PAUSED", **looks}))
    told = events(store, "grid_strategy", row)
    assert [(op, columns["status"]) for op, columns in told] == [("insert", "RUNNING"), ("update", "PAUSED")]
    assert all(looks.keys().isdisjoint(columns) for _, columns in told)
    assert queries.grid(store, row).last_price == Decimal(101)


# What a pass reads


def test_a_grid_is_read_until_it_has_stopped_or_was_rejected(store):
    words = [None, "WAITING", "STARTING", "RUNNING", "PAUSED", "STOPPING", "", "A_NEW_WORD", "ZZZ", "REP"]
    kept = [write_grid(store, f"g{n}", "filled", status=word) for n, word in enumerate(words)]
    ended = [write_grid(store, f"e{word}", "filled", "rejected", status=word) for word in ("STOPPED", "REJECTED")]
    assert grids_of(store) == kept
    assert [row.id for row in queries.grids(store, "main")] == kept + ended


def test_an_ended_grid_is_read_while_an_order_of_it_may_live_or_may_fill_late(store):
    store.record_run(run_of("order_monitor", started_at=NOW, finished_at=NOW))
    live = [write_grid(store, f"l{word}", "filled", word, status="STOPPED") for word in ("new", "pending_cancel", "q")]
    late = [write_grid(store, f"w{word}", word, status="REJECTED") for word in ("unsent", "cancelled", "expired")]
    long_ago = NOW - timedelta(days=3, seconds=1)
    write_grid(store, "old", "cancelled", status="STOPPED", created_at=long_ago)
    stopped = write_grid(store, "rested", "cancelled", status="STOPPED", created_at=NOW - timedelta(days=40))
    write(store, Update(table="grid_strategy", id=stopped, version=1, values={"stopped_at": NOW - timedelta(days=3)}))
    assert grids_of(store) == [*live, *late, stopped]
    assert len(store.rows("main").orders) == 10


def test_a_grids_orders_fills_and_trips_stand_beside_those_of_trades_and_of_no_other_grid(store):
    write(store, insert_account("other", "zzzzzz"))
    trade = write_trade(store, 1, "new", status="POSITION")
    grid = write_grid(store, "g", "filled", "new")
    over = write_grid(store, "over", "filled", status="STOPPED")
    theirs = write_grid(store, "theirs", "filled", account="other")
    for row, order, name, account in ((grid, 2, "f", "main"), (over, 4, "o", "main"), (theirs, 5, "t", "other")):
        write(
            store,
            insert_fill(None, order, f"{name}-1", account),
            insert_fill(None, order, f"{name}-2", account),
            insert_trip(row, f"{name}-1", f"{name}-2", account),
        )
    write(store, insert_fill(trade, 1, "mine"))
    rows = store.rows("main")
    assert ([row.id for row in rows.grids], [row.id for row in rows.trades]) == ([grid], [trade])
    assert [(o.id, o.trade_id, o.strategy_id, o.cell) for o in rows.orders] == [
        (1, trade, None, None),
        (2, None, grid, 4),
        (3, None, grid, 4),
    ]
    assert [(f.activity_id, f.trade_id, f.order_id) for f in rows.fills] == [
        ("mine", trade, 1),
        ("f-1", None, 2),
        ("f-2", None, 2),
    ]
    assert rows.round_trips == {("f-1", "f-2")}
    everything = queries.all_rows(store, "main")
    assert [row.id for row in everything.grids] == [grid, over]
    assert everything.round_trips == {("f-1", "f-2"), ("o-1", "o-2")}
    assert sorted(row.id for row in everything.orders) == [1, 2, 3, 4]
    of_one = queries.grid_rows(store, over)
    assert [row.id for row in of_one.orders] == [4]
    assert [row.activity_id for row in of_one.fills] == ["o-1", "o-2"]


def test_history_brings_an_ended_grid_back_by_an_order_or_a_late_fill_and_no_other(store):
    long_ago = {"status": "STOPPED", "created_at": NOW - timedelta(days=90)}
    named = write_grid(store, "n", "filled", alpaca_order_id="b-1", **long_ago)
    filled = write_grid(store, "f", "filled", **long_ago)
    write_grid(store, "x", "filled", **long_ago)
    write(store, insert_fill(None, 2, "late"))
    rows = store.history("main", since=NOW - timedelta(days=1), broker_order_ids=["b-1"])
    assert [row.id for row in rows.grids] == [named, filled]
    assert [row.id for row in rows.orders] == [1, 2]
    assert [row.activity_id for row in rows.fills] == ["late"]
    assert rows.trades == ()


# Round trips


@pytest.mark.parametrize("cell", [4, None])
def test_a_round_trip_is_written_once_however_often_it_is_found(store, cell):
    grid = write(store, insert_strategy())["grid"]
    write(store, insert_trip(grid, cell=cell), insert_trip(grid, cell=5), insert_trip(grid, exit_fill="f-3", cell=cell))
    with pytest.raises(StaleRow):
        write(store, insert_trip(grid, cell=cell))
    assert [(row.cell, row.exit_fill) for row in queries.round_trips(store, "main", grid)] == [
        (cell, "f-2"),
        (5, "f-2"),
        (cell, "f-3"),
    ]


def test_round_trips_come_back_exactly_and_add_up_by_grid_and_policy(store):
    grid, other = (write(store, insert_strategy())["grid"] for _ in range(2))
    write(
        store,
        insert_trip(grid, "a", "b"),
        insert_trip(grid, "a", "c", gross=Decimal("0.1"), fees=Decimal("0.2"), net=Decimal("-0.1")),
        insert_trip(grid, "d", "e", policy="initial", closed_at=NOW),
        insert_trip(other, "f", "g"),
    )
    first, *_ = trips = queries.round_trips(store, "main", grid)
    assert [(row.entry_fill, row.exit_fill) for row in trips] == [("d", "e"), ("a", "b"), ("a", "c")]
    assert first == RoundTrip(
        id=3,
        account="main",
        strategy_id=grid,
        symbol="SPY",
        cell=4,
        entry_fill="d",
        exit_fill="e",
        qty=Decimal(10),
        entry_price=Decimal(99),
        exit_price=Decimal(100),
        gross=Decimal(10),
        fees=Decimal("0.5"),
        net=Decimal("9.5"),
        pnl_bps=Decimal("95.95"),
        opened_at=NOW,
        closed_at=NOW,
        hold_s=540,
        policy="initial",
    )
    sums = queries.trip_sums(store, "main")
    matched = sums[grid]["matched"]
    assert (matched.count, matched.gross, matched.fees, matched.net) == (
        2,
        Decimal("10.1"),
        Decimal("0.7"),
        Decimal("9.4"),
    )
    assert (sums[grid]["initial"].count, sums[other]["matched"].net) == (1, Decimal("9.5"))
    assert [op for op, _ in events(store, "round_trip", 3)] == ["insert"]


# The view that people watch


def test_every_live_word_is_pending_in_the_view_but_a_part_that_filled_and_every_end_is_itself(store):
    grid = write(store, insert_strategy())["grid"]
    words = sorted({PENDING, "a_new_word", *BROKER_LIVE, *ENDED})
    write(store, *(insert_grid_order(grid, f"g-{word}", order_status=word) for word in words))
    seen = {words[row["id"] - 1]: row["status"] for row in asked(store, "SELECT * FROM grid_orders")}
    ended = {word: word for word in (*ENDED, PARTIALLY_FILLED)}
    assert seen == dict.fromkeys(words, "pending") | ended


def test_the_view_shows_the_orders_of_grids_alone_each_at_the_level_where_it_rests(store):
    write_trade(store, 1, "new")
    grid = write(store, insert_strategy())["grid"]
    price = {"limit_price": Decimal("99.5"), "alpaca_order_id": "b-1"}
    write(store, insert_grid_order(grid, "buy", cell=4, **price))
    write(store, insert_grid_order(grid, "sell", cell=4, side="sell", order_status="filled", filled_at=NOW))
    write(store, insert_grid_order(grid, "start", cell=None, kind="market", limit_price=None))
    buy, sell, start = asked(store, "SELECT * FROM grid_orders ORDER BY id")
    assert dict(buy) == {
        "id": 2,
        "user_id": "main",
        "strategy_id": grid,
        "alpaca_order_id": "b-1",
        "symbol": "SPY",
        "side": "buy",
        "quantity": "10",
        "limit_price": "99.5",
        "grid_level": 4,
        "status": "pending",
        "filled_at": None,
        "created_at": "2026-11-20T15:00:00.000000Z",
    }
    assert (sell["grid_level"], sell["status"], sell["filled_at"]) == (5, "filled", "2026-11-20T15:00:00.000000Z")
    assert (start["grid_level"], start["limit_price"]) == (None, None)


def test_the_monitoring_queries_of_the_specification_work_as_written(store):
    first = write_grid(store, "a", "new", "partially_filled", "filled", "cancelled", "pending")
    second = write_grid(store, "b", "filled", "filled")
    active, filled, rate = (asked(store, sql) for sql in MONITORING.split(";")[:3])
    assert sorted(row["id"] for row in active) == [1, 2, 5]
    assert sorted(row["id"] for row in filled) == [3, 6, 7]
    assert [dict(row) for row in rate] == [
        {"strategy_id": first, "filled": 1, "pending": 2},
        {"strategy_id": second, "filled": 2, "pending": 0},
    ]
