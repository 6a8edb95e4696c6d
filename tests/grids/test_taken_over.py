"""Grids after somebody else's doing: a backup put back, coins traded by hand, a split, a deleted row that fills."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from lib.backfill import backfill
from lib.domain.grids import Ending, GridStatus
from lib.domain.money import D
from lib.domain.records import QuantityChange
from lib.domain.states import Change
from lib.intake.grid_desk import Desk, stop
from lib.invariants.settled import quantities_agree
from lib.planning.deciding.exposure import result_today
from lib.planning.grid.plan import plan_grids
from lib.simulation.evidence import evidence
from lib.store.backups import backup
from lib.store.restoring import restore
from tests.builders import NOW, context, values_of
from tests.grids.builders import at_broker, filled, grid_fill, grid_order, held, rows, snapshot, strategy
from tests.grids.catalogue import ROWS
from tests.grids.test_stages import BEGIN, MINUTE, play, start

FIRST = filled(1, "10")
BOUGHT = grid_fill(1, FIRST, price="100")


@contextmanager
def on_file(tmp_path):
    """Open a world on a database file; return how to save and to put back a copy."""
    url = f"sqlite:///{tmp_path}/trading.db"
    with play(tmp_path, database=url, watched=False) as found:

        def save():
            return Path(backup(url, tmp_path, now=found.world.clock.now()).file)

        def put_back(file):
            found.wait(MINUTE)
            restore(file, url, tmp_path, now=found.world.clock.now(), wait_s=0)
            done = backfill(found.world.tools, since=BEGIN.date())
            assert [(p.code, p.message) for p in done.result.problems] == []

        yield found, save, put_back


def looks(found, count=2):
    for _ in range(count):
        found.wait(3 * MINUTE)
        for stage in ("order_executor", "order_monitor", "position_monitor"):
            ran = found.run(stage)
            assert (ran.error, ran.result.problems if ran.result else ()) == (None, ()), stage


def is_level(found):
    """Say whether books and broker have the same shares."""
    return list(quantities_agree(evidence(found.world))) == []


# A backup that is put back.


@pytest.mark.slow
@pytest.mark.parametrize(("how", "left"), [(Ending.KEEP, 10), (Ending.FLATTEN, 0)])
def test_a_grid_that_was_stopped_since_the_backup_sends_nothing_after_a_restore(how, left, tmp_path):
    with on_file(tmp_path) as (found, save, put_back):
        start(found)
        file = save()
        stop(Desk(store=found.world.store, account="main", now=found.world.clock.now()), 1, how)
        looks(found, 3)
        assert (found.strategy.status, found.live) == ("STOPPED", [])
        put_back(file)
        looks(found)
        assert found.strategy.reason.startswith("GRID_RESTORED")
        assert (found.strategy.status, found.live) == ("PAUSED", [])
        assert found.book.ledger.inventory == left
        assert is_level(found)


@pytest.mark.slow
@pytest.mark.parametrize("begun", [True, False], ids=["it ran at the backup", "it had not started"])
def test_orders_and_fills_since_the_backup_are_the_grids_own_after_a_restore(begun, tmp_path):
    with on_file(tmp_path) as (found, save, put_back):
        if begun:
            start(found)
        else:
            found.run("order_monitor")  # its approval is seen
        file = save()
        if not begun:
            start(found)
        found.go(Decimal(90))
        found.settle("order_monitor")
        before, holds = found.live, found.book.ledger.inventory
        assert holds == 15
        put_back(file)
        looks(found)
        assert (found.strategy.status, found.strategy.approve) == ("PAUSED", False)
        assert (found.live, found.book.ledger.inventory) == (before, holds)
        assert found.world.store.rows("main").changes == ()  # nothing of it is its user's
        assert is_level(found)

        found.sql('UPDATE grid_strategy SET "Approve" = 1')
        looks(found)
        assert (found.strategy.status, found.live) == ("RUNNING", before)


@pytest.mark.slow
def test_a_grid_that_waits_for_its_start_loses_its_tick_by_a_restore(tmp_path):
    with on_file(tmp_path) as (found, save, put_back):
        found.run("order_monitor")
        put_back(save())
        looks(found)
        assert (found.strategy.approve, found.strategy.reason[:13], found.live) == (False, "GRID_RESTORED", [])


# Coins that somebody trades by hand.


@pytest.mark.slow
def test_coins_bought_by_hand_beside_a_grid_disturb_it_once(tmp_path):
    with play(tmp_path, ROWS["C1"], watched=False) as found:
        start(found)
        by_hand = {"symbol": "BTC/USD", "side": "buy", "type": "limit", "limit_price": "65000", "qty": "0.01"}
        assert found.world.user_order({**by_hand, "time_in_force": "gtc"}).status == 200
        found.wait(2 * MINUTE)
        found.settle("position_monitor")
        assert found.strategy.reason.startswith("GRID_FOREIGN")
        found.sql('UPDATE grid_strategy SET "Approve" = 1')
        looks(found)
        found.world.clock.advance_to(BEGIN + timedelta(days=1, hours=10))  # the fees are posted
        found.quote(found.price)
        for _ in range(3):
            found.settle("order_monitor")
            found.settle("position_monitor")
            found.wait(3 * MINUTE)
        assert found.strategy.status == "RUNNING"


@pytest.mark.slow
def test_a_grid_whose_coins_were_sold_by_hand_ends_and_leaves_nothing_to_explain(tmp_path):
    with play(tmp_path, ROWS["C1"], watched=False) as found:
        start(found)
        found.world.user_cancels_all()
        by_hand = {"symbol": "BTC/USD", "side": "sell", "type": "market", "qty": "0.01995"}
        assert found.world.user_order({**by_hand, "time_in_force": "gtc"}).status == 200
        found.wait(2 * MINUTE)
        found.run("position_monitor")
        found.sql("UPDATE grid_strategy SET wanted = 'keep'")
        for _ in range(2):
            found.wait(MINUTE)
            found.run("order_monitor")
        assert found.strategy.status == "STOPPED"
        looks(found)


# Splits.


def split(delta, at=NOW):
    return QuantityChange(
        id=1, account="main", symbol="AAPL", delta=D(delta), cause=Change.SPLIT, at=at, evidence="4 for 1"
    )


def test_of_shares_that_were_split_the_day_has_no_result():
    """Ten bought at 100, and the price is 25: four for one, by which nobody has lost 750."""
    runs = strategy(last_price=D(25), quote_time=NOW)
    mine = {"orders": (FIRST,), "fills": (BOUGHT,)}
    assert result_today(rows(runs, **mine), context()) == -750
    assert result_today(rows(runs, **mine, changes=(split("30"),)), context()) == 0
    paused = replace(runs, status="PAUSED", reason="GRID_SPLIT: the price went from 100 to 25")
    assert result_today(rows(paused, **mine), context()) == 0
    before = split("30", at=runs.started_at - timedelta(days=1))
    assert result_today(rows(runs, **mine, changes=(before,)), context()) == -750


def test_a_grid_whose_shares_were_split_sells_none_of_what_may_be_its_users():
    """Of ten at the broker one is the grid's, after ten for one: nine are the user's."""
    stops = strategy(status="STOPPING", wanted="flatten")
    mine = rows(stops, orders=(FIRST,), fills=(BOUGHT,), changes=(split("-90"),))
    found = plan_grids(mine, snapshot(positions=held("10")), context())
    assert values_of(found.actions, "grid_strategy")["status"] == GridStatus.STOPPED
    assert values_of(found.actions, "quantity_change")["delta"] == 10


# Others.


@pytest.mark.slow
def test_what_fills_of_a_deleted_grid_is_counted_once_when_its_row_is_written_again(tmp_path):
    with play(tmp_path, watched=False) as found:
        start(found)
        found.sql("CREATE TABLE saved AS SELECT * FROM grid_strategy")
        found.sql("DELETE FROM grid_strategy")
        found.go(Decimal(110))  # five are sold before their order is cancelled
        found.wait(2 * MINUTE)
        found.run("order_monitor")
        found.sql("INSERT INTO grid_strategy SELECT * FROM saved")
        looks(found)
        assert (found.strategy.status, found.book.ledger.inventory) == ("RUNNING", 5)
        assert is_level(found)


@pytest.mark.slow
def test_a_grid_approved_again_after_its_shares_were_sold_is_paused_with_their_number(tmp_path):
    with play(tmp_path, watched=False) as found:
        start(found)
        found.world.user_cancels_all()
        by_hand = {"symbol": "SPY", "side": "sell", "type": "market", "time_in_force": "day", "qty": "5"}
        assert found.world.user_order(by_hand).status == 200
        found.wait(2 * MINUTE)
        found.settle("position_monitor")
        found.sql('UPDATE grid_strategy SET "Approve" = 1')
        looks(found)
        assert found.strategy.reason.startswith("GRID_DRIFT: 5 of its shares were traded elsewhere")


def test_a_row_that_a_hand_set_to_stopped_gives_its_user_nothing_twice():
    late = grid_order(4, cell=2, side="sell", price="110")
    shown = replace(late, order_status="filled", filled_qty=D(5))
    by_hand = strategy(status="STOPPED")
    mine = rows(by_hand, orders=(FIRST, late), fills=(BOUGHT,))
    told = at_broker(shown, filled_avg_price=D(110), filled_at=NOW)
    seen = snapshot(by_id={"B4": told}, positions=held("5"))
    tables = [change.table for action in plan_grids(mine, seen, context()).actions for change in action.changes]
    assert tables == ["order_execution"]
