"""Rows that were lost or changed by hand, built again from the broker's history.

Each trade is lived through the real stages first, then its rows are damaged by SQL, as a person or an older copy of the
database would leave them. What comes back has to be what was there.
"""

from datetime import date
from decimal import Decimal

import pytest

from lib.backfill import backfill
from lib.planning.booking.backfill import rebuild
from lib.simulation.evidence import at_rest
from lib.simulation.faults import Crash, Faults, Kind
from lib.simulation.lifecycles import at
from lib.store import queries
from tests.builders import broker_order, fill, order, rows, snapshot
from tests.simulation.damage import (
    ALL_CANCELLED,
    ALL_LIVE,
    FALLING,
    NO_FILLS,
    NO_RESULTS,
    NOTHING_FILLED,
    OPEN_AGAIN,
    ORDERED_AGAIN,
    SINCE,
    TOO_MUCH_FILLED,
    WRONG_RESULTS,
    damage,
    edited,
    events,
    look,
    never_filled,
    ordered,
    rows_of,
    stop,
    target,
    worlds,
)


@pytest.fixture
def make(tmp_path):
    with worlds(tmp_path) as begin:
        yield begin


def assert_rebuilt(made, before):
    """Run a backfill: the rows are what they were; run another: nothing is written."""
    sent = made.tools.broker.orders_since(at(1, 0))
    report = backfill(made.tools, since=SINCE)
    assert (report.result.outcome, report.result.problems) == ("done", ())
    assert report.differences
    assert rows_of(made) == before
    written, runs = events(made), len(queries.runs(made.store, "main"))
    again = backfill(made.tools, since=SINCE)
    assert (again.result.outcome, again.result.rounds, again.differences) == ("done", 1, [])
    assert (events(made), len(queries.runs(made.store, "main"))) == (written, runs)
    assert made.tools.broker.orders_since(at(1, 0)) == sent


DAMAGES = {
    "fills deleted": (NO_FILLS,),
    "results blanked": (NO_RESULTS,),
    "results wrong": (WRONG_RESULTS,),
    "orders as if nothing had filled": (NOTHING_FILLED, NO_FILLS),
    "orders live again": (ALL_LIVE, OPEN_AGAIN),
    "orders all cancelled, too much filled": (ALL_CANCELLED, TOO_MUCH_FILLED),
    "back to the start": (NO_FILLS, NO_RESULTS, NOTHING_FILLED, ALL_LIVE, ORDERED_AGAIN),
}


@pytest.mark.parametrize(
    ("life", "name"),
    [
        (stop, "back to the start"),
        (stop, "results wrong"),
        *(pytest.param(life, name, marks=pytest.mark.slow) for life in (stop, target) for name in DAMAGES),
    ],
)
def test_a_closed_trade_is_what_it_was(make, life, name):
    made = life(make)
    before = rows_of(made)
    assert before["trades"][0]["status"] == "CLOSED"
    damage(made, *DAMAGES[name])
    assert rows_of(made) != before
    assert_rebuilt(made, before)


def test_a_trade_that_never_filled_is_cancelled_again(make):
    made = never_filled(make)
    before = rows_of(made)
    assert before["trades"][0]["status"] == "CANCELLED"
    damage(made, ALL_LIVE, "UPDATE trade_journal SET status='POSITION', note=NULL")
    assert_rebuilt(made, before)


@pytest.mark.sample
def test_an_open_trade_keeps_what_it_owns_and_its_cover(make):
    made = ordered(make, FALLING)
    look(made, at(16, 15, 5))
    before = rows_of(made)
    assert (before["trades"][0]["status"], before["positions"][0]["covered_qty"]) == ("POSITION", Decimal(10))
    damage(
        made,
        NO_FILLS,
        NOTHING_FILLED,
        "UPDATE order_execution SET order_status='cancelled', ended_at=created_at",
        "UPDATE trade_journal SET status='CLOSED', exit_price='3', exit_qty='10', actual_pnl='5', exit_reason='X'",
        "UPDATE position_tracking SET qty='3', covered_qty='0', stop_loss_order_id=NULL",
    )
    assert_rebuilt(made, before)
    look(made, at(16, 15, 10))
    assert at_rest(made) == ()


def test_orders_that_were_edited_in_the_app_are_rebuilt_with_each_its_own_part(make):
    made = edited(make)
    before = rows_of(made)
    # four bought at 149.51, six at 148.51, sold at 161: 4 x 11.49 + 6 x 12.49
    assert before["trades"][0]["actual_pnl"] == Decimal("120.90")
    assert [o["filled_qty"] for o in before["orders"] if o["side"] == "buy"] == [Decimal(4), Decimal(6)]
    # The broker has no time for the end of an order that was replaced: it is when the other began.
    before["orders"][0]["ended_at"] = at(16, 15, 2)
    damage(made, NO_FILLS, NO_RESULTS, NOTHING_FILLED, ALL_LIVE, OPEN_AGAIN)
    assert_rebuilt(made, before)


def test_edits_of_which_every_row_is_gone_are_followed_again(make):
    made = edited(make)
    before = rows_of(made)
    (second,) = [o["alpaca_order_id"] for o in before["orders"] if o["replaces"] is not None]
    damage(made, NO_FILLS, NO_RESULTS, OPEN_AGAIN, "DELETE FROM order_execution WHERE replaces IS NOT NULL")
    report = backfill(made.tools, since=SINCE)
    assert (report.result.outcome, report.result.problems) == ("done", ())
    told = rows_of(made)
    assert told["trades"] == before["trades"]
    (heir,) = [o for o in told["orders"] if o["alpaca_order_id"] == second]
    assert (heir["filled_qty"], heir["replaces"], heir["order_status"]) == (Decimal(6), 1, "filled")
    assert [f["order_id"] for f in told["fills"]].count(heir["id"]) == 1
    assert backfill(made.tools, since=SINCE).differences == []


def test_a_dry_run_shows_the_same_changes_and_writes_nothing(make):
    made = target(make)
    damage(made, *DAMAGES["back to the start"])
    before, written = rows_of(made), events(made)
    would = backfill(made.tools, since=SINCE, dry_run=True)
    assert (rows_of(made), events(made)) == (before, written)
    assert would.result.planned is not None
    assert would.result.applied == []
    assert backfill(made.tools, since=SINCE).differences == would.differences != []


def test_only_what_history_has_otherwise_is_written(make):
    made = stop(make)
    damage(made, "UPDATE trade_journal SET actual_pnl='-46'")
    report = backfill(made.tools, since=SINCE)
    (difference,) = report.differences
    # 10 bought at 149.51, sold at 144.90
    assert (difference.table, difference.column, difference.trade_id) == ("trade_journal", "actual_pnl", 1)
    assert (difference.old, difference.new) == (Decimal(-46), Decimal("-46.10"))
    assert queries.events(made.store, "main", limit=1)[0].run_id == report.result.run_id


def test_a_trade_that_ended_before_the_day_is_left_alone(make):
    made = target(make)
    made.clock.advance_to(at(17, 15, 0))
    damage(made, WRONG_RESULTS, "UPDATE analysis_decision SET execution_status='DONE'")
    before = rows_of(made)
    report = backfill(made.tools, since=date(2024, 1, 17))
    assert (report.differences, report.orders_read) == ([], 0)
    assert rows_of(made) == before


@pytest.mark.slow
def test_a_trade_that_began_before_the_day_and_ended_since_is_rebuilt_whole(make):
    made = stop(make)
    before = rows_of(made)
    damage(made, *DAMAGES["back to the start"])
    report = backfill(made.tools, since=date(2024, 1, 17))
    assert report.result.problems == ()
    assert rows_of(made) == before


def test_a_position_sold_in_the_app_keeps_its_end(make):
    made = ordered(make, (*FALLING, (at(16, 15, 31), "152")))
    look(made, at(16, 15, 5), at(16, 15, 32))
    made.user_cancels_all()
    made.user_order({"symbol": "AAPL", "qty": "10", "side": "sell", "type": "market", "time_in_force": "day"})
    for minute in (34, 36, 40):  # looks twice before it believes, and the monitor closes what it found
        made.clock.advance_to(at(16, 15, minute))
        made.run("position_monitor")
    before = rows_of(made)
    assert before["trades"][0]["exit_reason"] == "MANUAL_EXIT"
    assert backfill(made.tools, since=SINCE).differences == []
    damage(made, NO_FILLS, NO_RESULTS)
    report = backfill(made.tools, since=SINCE)
    assert rows_of(made) == before
    assert [(o.side, o.symbol) for o in report.others] == [("sell", "AAPL")]


@pytest.mark.slow
def test_what_the_ledger_does_not_have_leaves_the_result_as_it_was(make):
    made = stop(make)
    before = rows_of(made)["trades"]
    damage(made, "UPDATE fill SET activity_id='gone-' || activity_id", "UPDATE fill SET qty='20' WHERE side='buy'")
    report = backfill(made.tools, since=SINCE)
    assert {p.code for p in report.result.problems} == {"FILL_DIFFERS"}
    assert report.result.exit_code == 1
    assert rows_of(made)["trades"] == before


@pytest.mark.case("fail-D9")
@pytest.mark.slow
def test_a_fill_with_another_price_than_the_brokers_is_named(make):
    made = stop(make)
    damage(made, "UPDATE fill SET price='1' WHERE side='sell'")
    (problem,) = backfill(made.tools, since=SINCE).result.problems
    assert problem.code == "FILL_DIFFERS"
    assert "is 10 at 1 in its row, 10 at 144.9 in the broker's ledger" in problem.message


def test_an_order_that_the_broker_does_not_have_is_named(make):
    made = never_filled(make)
    damage(made, "UPDATE order_execution SET alpaca_order_id='00000000-0000-0000-0000-000000000007'")
    before = rows_of(made)
    report = backfill(made.tools, since=SINCE)
    assert [p.code for p in report.result.problems] == ["ORDER_LOST"]
    assert rows_of(made) == before


@pytest.mark.parametrize("kind", [Kind.CRASH_AFTER, pytest.param(Kind.CRASH_BEFORE, marks=pytest.mark.slow)])
def test_a_backfill_that_dies_is_run_again(make, kind):
    faults = Faults({}, [])
    made = target(make, faults=faults)
    before = rows_of(made)
    damage(made, *DAMAGES["back to the start"])
    faults.plan = {len(faults.effects) + 1: kind}
    with pytest.raises(Crash):
        backfill(made.tools, since=SINCE)
    backfill(made.tools, since=SINCE)
    assert rows_of(made) == before


def test_orders_of_grids_are_left_to_the_passes_that_book_them():
    of_grid = order(trade_id=None, strategy_id=3, cell=4, order_type="GRID", client_order_id="ns-g3-c4-buy-1")
    stored = rows(orders=(of_grid,), fills=(fill(trade_id=None),))
    at_broker = broker_order(client_order_id="ns-g3-c4-buy-1", status="filled", filled_qty=Decimal(10))
    rebuilt = rebuild(stored, snapshot(live=(at_broker,)), at(1, 0), at(16, 15, 0))
    assert (rebuilt.steps, rebuilt.problems, rebuilt.others) == ((), (), ())
