"""What a backfill tells: orders that no row knows, orders of other hands, what changed, and why nothing did."""

import json
import sqlite3
from contextlib import closing, nullcontext
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import text as sql

from lib.backfill import backfill
from lib.errors import ConfigError
from lib.passes import run_pass
from lib.render.backfill import backfill_json, backfill_text
from lib.simulation.lifecycles import STOPPED_OUT_BY_A_GAP, at
from lib.store import queries
from lib.store.sqlite import open_store
from tests.simulation.damage import FALLING, NO_RESULTS, SINCE, damage, look, ordered, rows_of, stop, worlds


@pytest.fixture
def make(tmp_path):
    with worlds(tmp_path) as begin:
        yield begin


@pytest.fixture
def copied(tmp_path):
    """Make a function that copies a world's database and returns tools that work on the copy."""
    stores = []

    def copy(made):
        path = tmp_path / "copy.db"
        with made.store.reading() as connection:
            raw = connection.connection.driver_connection
            with closing(sqlite3.connect(path)) as into:
                raw.backup(into)
        stores.append(open_store(f"sqlite:///{path}", tmp_path, durable=False))
        return replace(made.tools, store=stores[-1])

    yield copy
    for store in stores:
        store.close()


@pytest.mark.case("fail-H8")
def test_a_restored_copy_catches_up_and_names_the_orders_that_were_made_after_it(make, copied):
    made = ordered(make, STOPPED_OUT_BY_A_GAP.feed)
    restored = copied(made)
    look(made, at(16, 15, 5), at(17, 14, 35))
    report = backfill(restored, since=SINCE)
    (problem,) = report.result.problems
    assert problem.code == "UNKNOWN_ORDER"
    assert problem.message == (
        "sim-t1-exit-1: sell 10 AAPL limit, cancelled, filled 0: sent by this system, but no row knows it; "
        "its leg, stop at 145, was filled 10 of 10"
    )
    assert report.result.exit_code == 1
    (trade,) = queries.journal(restored.store, "main")
    assert (trade.status, trade.actual_qty, trade.actual_entry) == ("POSITION", Decimal(10), Decimal("149.51"))
    assert [o.client_order_id for o in queries.orders_of(restored.store, 1)] == ["sim-d1-entry-1"]
    assert backfill(restored, since=SINCE).differences == []


@pytest.mark.case("fail-J9")
def test_an_order_of_another_decision_of_the_same_number_is_not_taken_for_the_restored_one_s(make, copied):
    made = make(STOPPED_OUT_BY_A_GAP.feed)
    restored = copied(made)
    made.clock.advance_to(at(16, 14, 45))
    made.run("order_executor")
    with restored.store.writing() as connection:
        connection.execute(sql("UPDATE analysis_decision SET qty='7'"))
    run_pass("order_executor", restored)
    look(made, at(16, 15, 5))
    report = backfill(restored, since=SINCE)
    # The entry stands under an id of the restored database, and differs; its exits were never heard of there.
    assert [p.code for p in report.result.problems] == ["FOREIGN_ORDER_UNDER_OUR_ID", "UNKNOWN_ORDER"]
    (trade,) = queries.journal(restored.store, "main")
    (order,) = queries.orders_of(restored.store, trade.id)
    assert (trade.status, trade.actual_qty, order.alpaca_order_id) == ("ORDERED", None, None)
    assert [(c.scope, c.state) for c in queries.controls(restored.store)] == [("symbol:main:AAPL", "HALTED")]
    assert backfill(restored, since=SINCE).differences == []


def test_orders_of_a_database_that_was_given_a_new_namespace_are_still_its_own(make, copied):
    made = ordered(make, STOPPED_OUT_BY_A_GAP.feed)
    restored = copied(made)
    look(made, at(16, 15, 5))
    with restored.store.writing() as connection:
        connection.execute(sql("UPDATE account SET namespace='other'"))
    assert backfill(restored, since=SINCE).result.problems == ()
    orders = [(o.client_order_id, o.order_type) for o in queries.orders_of(restored.store, 1)]
    assert orders == [
        ("sim-d1-entry-1", "ENTRY"),
        ("sim-t1-exit-1", "TAKE_PROFIT"),
        ("sim-t1-exit-1-stop", "STOP_LOSS"),
    ]


def test_orders_of_other_hands_are_counted_and_no_problem(make):
    made = stop(make)
    for n in range(3):
        body = {
            "symbol": "AAPL",
            "qty": "1",
            "side": "buy",
            "type": "limit",
            "limit_price": "1",
            "time_in_force": "day",
        }
        assert made.user_order(body | {"client_order_id": f"mine-{n}"}).status == 200
    report = backfill(made.tools, since=SINCE)
    assert (report.result.outcome, len(report.others), report.differences) == ("done", 3, [])
    assert "note: 3 orders of other hands, left alone" in backfill_text(report, verbose=False)
    assert "mine-2: buy AAPL, new" in backfill_text(report, verbose=True)


def test_what_changed_is_told_by_trade_from_old_to_new(make):
    made = stop(make)
    damage(made, "UPDATE trade_journal SET actual_pnl='-46', exit_time=NULL", "DELETE FROM fill WHERE side='sell'")
    lines = backfill_text(backfill(made.tools, since=SINCE, dry_run=True), verbose=False).splitlines()
    assert lines[0].startswith("backfill since 2024-01-16 05:00 UTC: broker local paper account PA")
    assert lines[1] == "  trade 1 AAPL"
    assert lines[2].endswith(": new, sell 10 at 144.9, 2024-01-17 14:30:00 UTC")
    assert lines[3:] == [
        "    journal: exit time nothing → 2024-01-17 14:30:00 UTC",
        "    journal: P&L -46 → -46.1",
        "  done: 3 orders and 2 fills read, 2 rows would change",
    ]


def test_the_same_as_json_has_every_value_as_text(make):
    made = stop(make)
    damage(made, "UPDATE trade_journal SET actual_pnl='-46', exit_time=NULL")
    told = json.loads(backfill_json(backfill(made.tools, since=SINCE)))
    assert (told["done"], told["failed"], told["orders_read"], told["fills_read"]) == (1, 0, 3, 2)
    assert [action["do"] for action in told["actions"]] == ["write"]
    assert [(c["trade"], c["column"], c["old"], c["new"]) for c in told["changes"]] == [
        (1, "exit_time", None, "2024-01-17T14:30:00+00:00"),
        (1, "actual_pnl", "-46", "-46.1"),
    ]


def test_a_day_that_has_not_begun_is_refused(make):
    made = make(FALLING)
    with pytest.raises(ConfigError, match="has not begun in New York"):
        backfill(made.tools, since=date(2024, 1, 17))


class Taken:
    """A store whose account another pass holds for good."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def hold_account(self, account, *, wait_s):
        assert (account, wait_s) == ("main", 60)
        return nullcontext(False)


def test_an_account_that_another_pass_holds_is_left_alone(make):
    made = stop(make)
    damage(made, NO_RESULTS)
    before = rows_of(made)
    report = backfill(replace(made.tools, store=Taken(made.store)), since=SINCE)
    assert (report.result.outcome, report.result.exit_code) == ("skipped", 0)
    assert rows_of(made) == before
