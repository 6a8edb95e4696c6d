"""Grids through the real stages and the paper broker: what the page's tables do not tell; those are in acceptance/."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from lib.domain.actions import Insert
from lib.intake.control_desk import Desk, stop
from lib.paper_broker.options import Options
from lib.paper_broker.prices import ScriptedFeed
from lib.planning.grid.books import grid_books
from lib.planning.grid.levels import levels
from lib.simulation.evidence import Watch
from lib.simulation.points import Points, with_points
from lib.simulation.world import world
from tests.grids.catalogue import ROWS
from tests.grids.tables import NUMBERS, rows

pytestmark = pytest.mark.slow

BEGIN = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LOOKS_APART = timedelta(seconds=35)
"""Two looks so far apart tell that an order was never there."""

S1 = ROWS["S1"]
WHOLE = Options(partial_fill_rate=Decimal(0), cash=Decimal(1_000_000))
COLUMNS = [name for name in NUMBERS if name != "trips"]


class Play:
    """A world with one grid, and what it has come to."""

    def __init__(self, made, scenario, watch):
        self.world, self.scenario, self.watch = made, scenario, watch
        self.price = Decimal(scenario.start)

    def run(self, stage):
        return self.world.run(stage)

    def settle(self, stage):
        """Run a stage until it ends well, as often as it takes; each time the price is quoted anew."""
        for _ in range(5):
            ran = self.run(stage)
            if ran.exit_code == 0:
                return
            self.wait(LOOKS_APART)
        raise AssertionError(ran.error or ran.result.problems or ran.result.notes)

    def wait(self, time):
        self.world.clock.sleep(time.total_seconds())
        self.quote(self.price)

    def quote(self, price):
        self.price = price
        self.world.price(self.scenario.symbol, str(price), str(price))

    def go(self, price):
        """Let the price go a minute later, through every level on the way unless it jumps."""
        self.world.clock.sleep(MINUTE.total_seconds())
        way = sorted(levels(self.scenario.grid), reverse=price < self.price)
        passed = [each for each in way if min(self.price, price) < each < max(self.price, price)]
        for each in () if self.scenario.gap else passed:
            self.quote(each)
        self.quote(price)

    @property
    def strategy(self):
        (found,) = self.world.store.rows("main").grids
        return found

    @property
    def book(self):
        symbol = self.scenario.symbol
        assets = {symbol: self.world.tools.broker.asset(symbol)}
        (found,) = grid_books(self.world.store.rows("main"), self.world.tools.limits, assets)
        return found

    @property
    def live(self):
        """(side, price, what is left) of every live order at the broker."""
        found = self.world.tools.broker.live_orders()
        return sorted((o.side, o.limit_price, o.qty - o.filled_qty) for o in found)

    def sql(self, text):
        with self.world.store.writing() as connection:
            connection.execute(sa.text(text))

    def differences(self, row):
        """Return by column what rows and broker have, and what the table says."""
        ledger = self.book.ledger
        has = {name: getattr(ledger, name) for name in ("cash", "matched", "initial", "interval_gross", "fees")}
        has |= {"inv": ledger.inventory, "unreal": ledger.unrealised(row.price), "equity": ledger.equity(row.price)}
        has |= {"trips": ledger.arbitrages, "live": self.live}
        says = {name: getattr(row, name) for name in NUMBERS}
        says["live"] = sorted(
            [("buy", o.price, o.qty) for o in row.buys] + [("sell", o.price, o.qty) for o in row.sells]
        )
        return {name: (has[name], says[name]) for name in says if has[name] != says[name]}


@contextmanager
def play(tmp_path, scenario=S1, *, points=None, watched=True, database=None, **columns):
    """Open a world with the grid of a scenario, approved and not started."""
    feed = ScriptedFeed({scenario.symbol: [(BEGIN - timedelta(hours=2), Decimal(scenario.start))]})
    fee = "grid_fee_bps_coin" if "/" in scenario.symbol else "grid_fee_bps_stock"

    def wrap(tools):
        tools = replace(tools, limits=replace(tools.limits, **{fee: Decimal(scenario.fee_bps)}))
        return tools if points is None else with_points(tools, points)

    with world(tmp_path, BEGIN, feed, options=WHOLE, wrap=wrap, database=database) as made:
        watch = Watch()
        made.observers.append(watch)
        if points is not None:
            points.papers["main"] = made.paper
        found = Play(made, scenario, watch)
        found.quote(found.price)
        row = {
            "account": "main",
            "symbol": scenario.symbol,
            "kind": scenario.kind,
            "lower_price": scenario.lower,
            "upper_price": scenario.upper,
            "levels": str(scenario.levels),
            "spacing": scenario.spacing,
            "quantity_per_grid": scenario.qty,
            "capital": scenario.capital,
            "straddle": scenario.straddle,
            "approve": True,
        } | columns
        made.store.write((Insert(table="grid_strategy", values=row),), run_id="person", at=made.clock.now())
        yield found
        if watched:
            assert [str(violation) for violation in watch.violations] == []


def start(found):
    found.settle("order_executor")
    found.settle("order_monitor")
    assert found.strategy.status == "RUNNING"


def plays(found, table):
    """Play a table to its end and compare every row."""
    start(found)
    wrong = {}
    for number, row in enumerate(table):
        if number:
            found.go(row.price)
        found.settle("order_monitor")
        if differs := found.differences(row):
            wrong[row.step] = differs
    assert wrong == {}


def test_round_trips_are_in_their_table_with_what_they_made(tmp_path):
    with play(tmp_path) as found:
        plays(found, rows("S1")[:5])  # down to 80 and back to 100
        with found.world.store.reading() as connection:
            trips = connection.execute(sa.text("SELECT cell, qty, net, policy FROM round_trip ORDER BY id")).all()
        assert [(cell, Decimal(qty), Decimal(net), policy) for cell, qty, net, policy in trips] == [
            (0, 5, 50, "matched"),
            (1, 5, 50, "matched"),
        ]


def calls_of(tmp_path, table):
    """Return the numbers of the calls in which the broker is asked for a change."""
    points = Points()
    with play(tmp_path, points=points) as found:
        plays(found, table)
    return [number for number, call in enumerate(points.calls, 1) if call in {"broker.submit", "broker.cancel"}]


def test_a_pass_that_dies_after_the_first_order_sends_no_second_one(tmp_path):
    (tmp_path / "calm").mkdir()
    first = calls_of(tmp_path / "calm", rows("S1")[:1])[0]
    with play(tmp_path, points=Points(plan={first: "crash_after"})) as found:
        plays(found, rows("S1")[:1])
        assert found.world.history[0].error is not None


def test_an_order_cancelled_in_the_app_is_placed_again(tmp_path):
    with play(tmp_path) as found:
        start(found)
        before = found.live
        found.world.user_cancels_all()
        found.settle("order_monitor")
        assert found.live == before
        assert found.strategy.status == "RUNNING"


def test_an_order_edited_in_the_app_pauses_the_grid_until_it_is_approved_again(tmp_path):
    with play(tmp_path) as found:
        start(found)
        (lowest,) = [o for o in found.world.tools.broker.live_orders() if o.limit_price == 80]
        found.world.tools.broker.replace(lowest.id, {"limit_price": "81"})
        found.run("order_monitor")
        assert (found.strategy.status, found.strategy.approve) == ("PAUSED", False)
        assert "was changed outside this system" in found.strategy.reason
        assert ("buy", Decimal(81), Decimal(5)) in found.live

        found.wait(MINUTE)
        found.sql('UPDATE grid_strategy SET "Approve" = 1')
        found.settle("order_monitor")
        assert found.strategy.status == "RUNNING"
        assert [price for side, price, _ in found.live if side == "buy"] == [80, 90]


def test_a_strategy_edited_while_it_runs_is_paused_and_goes_on_once_it_is_put_back_and_approved(tmp_path):
    with play(tmp_path) as found:
        start(found)
        found.sql("UPDATE grid_strategy SET quantity_per_grid = '7'")
        found.run("order_monitor")
        assert found.strategy.status == "PAUSED"
        assert found.strategy.reason.startswith("EDITED_AFTER_APPROVAL")
        assert {qty for _, _, qty in found.live} == {5}

        found.sql("UPDATE grid_strategy SET quantity_per_grid = '5', \"Approve\" = 1")
        found.wait(MINUTE)
        found.settle("order_monitor")
        assert found.strategy.status == "RUNNING"
        assert len(found.live) == 4


def test_a_strategy_that_nobody_can_read_any_more_is_paused_and_nothing_fails(tmp_path):
    with play(tmp_path) as found:
        start(found)
        found.sql("UPDATE grid_strategy SET levels = 'many'")
        found.settle("order_monitor")
        assert found.strategy.status == "PAUSED"
        assert found.strategy.reason.startswith("GRID_UNREADABLE: GRID_NUMBERS: levels 'many' is not a plain")
        assert len(found.live) == 4

        found.sql("UPDATE grid_strategy SET levels = '5', \"Approve\" = 1")
        found.go(Decimal(90))
        found.settle("order_monitor")
        assert found.differences(rows("S1")[1]) == {}


def test_a_halt_ends_what_would_buy_and_leaves_what_sells(tmp_path):
    with play(tmp_path) as found:
        start(found)
        desk = Desk(store=found.world.store, state_dir=tmp_path, now=found.world.clock.now())
        stop(desk, "halt", "main", None, reason="a person", sure=True)
        found.wait(MINUTE)
        found.settle("order_monitor")
        assert found.live == [("sell", 110, 5), ("sell", 120, 5)]


def test_a_first_order_that_the_broker_refuses_ends_the_strategy_in_its_words(tmp_path):
    with play(tmp_path) as found:
        found.world.asset(symbol="SPY", halted=True)
        found.run("order_executor")
        found.run("order_monitor")
        with found.world.store.reading() as connection:
            status, reason = connection.execute(sa.text("SELECT status, reason FROM grid_strategy")).one()
        assert status == "REJECTED"
        assert reason.startswith("BROKER: the broker refused the first order")


def test_parts_of_a_share_are_placed_again_in_each_session(tmp_path):
    scenario = replace(S1, qty="0.5", capital="200")
    with play(tmp_path, scenario) as found:
        start(found)
        assert [(side, price) for side, price, _ in found.live] == [
            ("buy", 80),
            ("buy", 90),
            ("sell", 110),
            ("sell", 120),
        ]
        at_rest = found.live
        found.wait(timedelta(hours=7))  # after the close
        found.settle("order_monitor")
        assert found.live == []
        found.wait(timedelta(days=2, hours=17))  # Monday, 15:00
        found.settle("order_monitor")
        assert found.live == at_rest
