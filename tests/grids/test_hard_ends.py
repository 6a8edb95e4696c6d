"""Grids that comparing orders brings no further: paused, edited, unreadable, with shares or rows that are gone."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from lib.domain.actions import Cancel, Submit
from lib.domain.facts import AccountFacts, Asset
from lib.domain.grids import Ending, GridStatus
from lib.domain.limits import GRID_REQUESTS_MAX
from lib.domain.money import D
from lib.domain.records import Control, QuantityChange
from lib.intake.grid_desk import Desk, approve, stop
from lib.planning.deciding.exposure import result_today
from lib.planning.grid.plan import plan_grids, plan_prices
from lib.planning.grid.starting import resumes_edited
from lib.store import queries
from tests.builders import NOW, context, fill, order, position, quote, trade, values_of
from tests.grids.builders import (
    at_broker,
    filled,
    grid_fill,
    grid_order,
    held,
    rows,
    snapshot,
    strategy,
    unsent,
    waiting,
)
from tests.grids.test_stages import MINUTE, play, start

FIRST = filled(1, "10")
BOUGHT = grid_fill(1, FIRST, price="100")
B80, B90 = grid_order(2, cell=0, price="80"), grid_order(3, cell=1, price="90")
S110, S120 = (grid_order(n, cell=c, side="sell", price=p) for n, c, p in ((4, 2, "110"), (5, 3, "120")))
ORDERS = (FIRST, B80, B90, S110, S120)
HALTED = Control(id=1, account="main", version=1, scope="account:main", state="HALTED", reason="a person")
RICH = AccountFacts(
    account_number="PA1", cash=D("100000"), equity=D("100000"), buying_power=D("200000"), shorting_enabled=True, at=NOW
)
COIN = {"symbol": "BTC/USD", "lower_price": "60000", "upper_price": "68000", "capital": "2500"}
BITCOIN = Asset(
    symbol="BTC/USD",
    tradable=True,
    min_order_size=D("0.000000001"),
    min_trade_increment=D("0.000000001"),
    price_increment=D("0.01"),
)


def plan(each, orders=ORDERS, fills=(BOUGHT,), position="10", seen=None, **others):
    live = tuple(at_broker(o) for o in orders if o.order_status in {"new", "partially_filled"})
    shown = {"live": live, "positions": held(position), **(seen or {})}
    return plan_grids(rows(each, orders=orders, fills=fills, **others), snapshot(**shown), context())


def cancelled(found):
    return [each.order.id for each in found.actions if isinstance(each, Cancel)]


def written(found):
    return values_of(found.actions, "grid_strategy")


def paused(reason="GRID_DRIFT: two fewer", **changes):
    return strategy(status="PAUSED", approve=False, reason=reason, **changes)


# What a paused grid may not leave.


def test_a_halt_takes_the_entries_of_a_paused_grid_and_leaves_its_exits():
    assert cancelled(plan(paused(), controls=(HALTED,))) == [2, 3]
    shorted = (filled(1, "10", side="sell"), *ORDERS[1:])
    sold = (replace(BOUGHT, side="sell"),)
    assert cancelled(plan(paused(kind="REVERSE"), shorted, sold, "-10", controls=(HALTED,))) == [4, 5]
    assert cancelled(plan(paused(levels="many"), controls=(HALTED,))) == [2, 3]
    assert cancelled(plan(paused(kind="REVERSE"), controls=(HALTED,))) == [2, 3]  # edited: its orders tell what it is
    assert cancelled(plan(paused(), controls=(replace(HALTED, state="REDUCING"),))) == []


def test_a_halt_takes_a_first_order_that_has_not_filled():
    first = grid_order(1, qty="10")
    starting = strategy(status="STARTING")
    assert cancelled(plan(starting, (first,), (), "0", controls=(HALTED,))) == [1]
    assert cancelled(plan(starting, (first,), (), "0")) == []


def test_an_order_of_a_paused_grid_that_the_broker_never_had_is_given_up_so_that_its_symbol_can_be_judged():
    lost = unsent(3, cell=1, price="90", missing_at=NOW - timedelta(hours=1))
    given_up = values_of(plan(paused(), (FIRST, lost)).actions, "order_execution")
    assert given_up["order_status"] == "unsent"
    once = replace(lost, missing_at=NOW - timedelta(seconds=1))
    assert plan(paused(), (FIRST, once)).actions == ()


@pytest.mark.slow
def test_a_grid_that_is_paused_makes_way_for_a_trade_that_is_to_close(tmp_path):
    with play(tmp_path) as found:
        limits = replace(found.world.tools.limits, symbol_sharing="oco", position_share_max=Decimal(1))
        found.world.tools = replace(found.world.tools, limits=limits)
        start(found)
        number = found.world.decide(symbol="SPY", planned_entry="100", planned_sl="95", planned_tp="115", qty="10")
        found.wait(MINUTE)
        found.world.run("order_executor", only_decision=number)
        found.settle("order_monitor")
        found.sql('UPDATE grid_strategy SET "Approve" = 0')
        found.wait(MINUTE)
        found.settle("order_monitor")
        assert found.strategy.status == "PAUSED"
        found.world.decide(action="CLOSE", target_decision_id=str(number), symbol="SPY", trade_style="")
        found.wait(MINUTE)
        found.run("order_executor")
        for _ in range(3):
            found.wait(MINUTE)
            found.settle("order_monitor")
        (trade,) = queries.journal(found.world.store, "main")
        assert (trade.status, trade.exit_reason) == ("CLOSED", "DECISION_EXIT")
        assert found.live == [("sell", 110, 5), ("sell", 120, 5)]


# Approved with other numbers.

EDITED = {"status": "PAUSED", "approved_digest": "as it was"}


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"quantity_per_grid": "2000", "capital": None}, "NOTIONAL: one of its orders costs 220000, the limit is 100"),
        # 10 held at 100 and 80 to come at 110; 90 each at 80, 90 and 100
        ({"quantity_per_grid": "90", "capital": None}, "POSITION: 34100 could"),
        ({"upper_price": "120.001"}, "GRID_PRICES: upper_price 120.001 is no multiple of 0.01"),
        ({"lower_price": "119.98"}, "GRID_LEVELS: 5 levels from 119.98 to 120 lie closer than a price step"),
        ({"stop_price": "85"}, "GRID_STOP: stop_price 85 is not below lower_price 80"),
        ({"capital": "100"}, "GRID_CAPITAL: all cells bought at their lower levels cost 1900, and capital is 100"),
    ],
)
def test_a_grid_approved_with_numbers_that_it_could_not_start_with_stays_paused_and_says_why(columns, says):
    found = plan(strategy(**EDITED, **columns), seen={"account": RICH})
    assert (written(found)["status"], written(found)["approve"]) == ("PAUSED", False)
    assert says in written(found)["reason"]
    assert not any(isinstance(each, Submit) for each in found.actions)


def test_a_grid_approved_with_numbers_that_hold_goes_on_with_them():
    each = strategy(**EDITED, stop_price="70")
    assert resumes_edited(rows(each))
    assert written(plan(each, seen={"account": RICH}))["status"] == GridStatus.RUNNING


def test_a_stop_is_judged_by_where_the_range_has_trailed_to():
    """By five cells of ten: from 130 to 170. All its cells cost 5 x (130 + ... + 160) there, which its cash has to."""
    first = filled(1, "10")
    sold = (
        filled(4, cell=2, side="sell", price="110"),
        filled(5, cell=3, side="sell", price="120"),
    )
    fills = (BOUGHT, grid_fill(2, sold[0], price="110"), grid_fill(3, sold[1], price="120"))
    trailed = {"shift": 5, "trailing": "yes"}
    for columns, goes_on in (
        ({"stop_price": "125"}, True),
        ({"take_profit_price": "175"}, True),
        ({"take_profit_price": "125"}, False),
        ({"trailing_limit": "125"}, True),
    ):
        found = plan(strategy(**EDITED, **trailed, **columns), (first, *sold), fills, "0", seen={"account": RICH})
        assert (written(found)["status"] == GridStatus.RUNNING) == goes_on, columns


def test_an_approval_whose_numbers_nobody_knows_any_more_is_judged_like_an_edit():
    emptied = {"approved_digest": None, "quantity_per_grid": "2000", "capital": None}
    assert "NOTIONAL: " in written(plan(strategy(status="PAUSED", **emptied), seen={"account": RICH}))["reason"]
    assert written(plan(strategy(**emptied), seen={"account": RICH}))["status"] == "PAUSED"


def test_before_the_account_was_asked_nothing_goes_on_with_other_numbers():
    assert plan(strategy(**EDITED, stop_price="70")).actions == ()
    assert not resumes_edited(rows(strategy(status="PAUSED"), strategy(**EDITED, id=4, approve=False)))


@pytest.mark.slow
def test_no_edit_of_a_started_grid_passes_the_limits_be_it_by_the_command_or_in_the_table(tmp_path):
    with play(tmp_path, capital=None) as found:
        start(found)
        at_rest = found.live
        found.sql("UPDATE grid_strategy SET quantity_per_grid = '600'")  # 2,400 for some 228,000 of 1,000,000
        found.run("order_monitor")
        desk = Desk(store=found.world.store, account="main", now=found.world.clock.now())
        assert approve(desk, 1).exit_code == 0
        found.wait(MINUTE)
        found.settle("order_monitor")
        assert "POSITION: " in found.strategy.reason
        found.sql("UPDATE grid_strategy SET quantity_per_grid = '2000', \"Approve\" = 1")
        assert "NOTIONAL: " in approve(replace(desk, now=found.world.clock.now()), 1).errors[0]
        found.wait(MINUTE)
        found.settle("order_monitor")
        assert "NOTIONAL: " in found.strategy.reason
        assert found.live == at_rest


# Stops of grids that something stands in the way of.


@pytest.mark.parametrize("status", ["RUNNING", "PAUSED"])
def test_a_grid_that_cannot_be_read_is_stopped_all_the_same(status):
    found = plan(strategy(status=status, levels="many", wanted="flatten"))
    assert (written(found)["status"], written(found)["wanted"]) == ("STOPPING", "flatten")
    stops = strategy(status="STOPPING", levels="many", wanted="flatten")
    assert cancelled(plan(stops)) == [2, 3, 4, 5]


def test_a_grid_whose_first_order_was_turned_away_unread_can_be_taken_back():
    refused = grid_order(1, order_status="rejected", reject_reason="RATE_LIMIT: 429", alpaca_order_id=None)
    found = plan(waiting(status="WAITING", wanted="keep"), (refused,), (), "0")
    assert written(found)["status"] == "STOPPED"


def test_a_large_grid_ends_within_the_requests_of_a_minute():
    """Of 400 orders the broker would refuse the second half, and whatever else asks it in that minute."""
    many = tuple(grid_order(n + 1, cell=n, price=str(80 + n * D("0.1")), qty="1") for n in range(400))
    stops = strategy(levels="401", quantity_per_grid="1", capital="50000", status="STOPPING", wanted="flatten")
    found = plan(stops, many, (), "0")
    assert len(cancelled(found)) == GRID_REQUESTS_MAX
    assert found.notes == ("300 requests of grids wait for the next pass: 100 a minute",)


def test_the_order_that_closes_a_grid_waits_for_no_budget():
    closes = strategy(status="STOPPING", wanted="flatten")
    busy = strategy(id=4, symbol="MSFT")
    lately = tuple(
        grid_order(100 + n, cell=0, price="80", qty="1", strategy_id=4, symbol="MSFT", submitted_at=NOW)
        for n in range(GRID_REQUESTS_MAX)
    )
    mine = rows(closes, busy, orders=(FIRST, *lately), fills=(BOUGHT,))
    live = tuple(at_broker(each) for each in lately)
    found = plan_grids(mine, snapshot(live=live, positions=held("10")), context())
    assert [each.body["side"] for each in found.actions if isinstance(each, Submit)] == ["sell"]
    assert not cancelled(found)


def sold_by_hand(delta):
    change = QuantityChange(
        id=1, account="main", symbol="AAPL", delta=D(delta), cause="FOREIGN_FILL", at=NOW, evidence="by hand"
    )
    return {"changes": (change,)}


def test_what_was_sold_by_hand_is_not_there_to_close_and_the_grid_ends_without_it():
    stops = strategy(status="STOPPING", wanted="flatten")
    found = plan(stops, (FIRST,), (BOUGHT,), "0", seen={"positions": {}}, **sold_by_hand("-10"))
    assert written(found)["status"] == "STOPPED"
    assert written(found)["reason"].endswith("; 10 closed outside this system")
    assert values_of(found.actions, "quantity_change")["delta"] == 10


def test_what_was_bought_back_by_hand_is_not_there_to_close_either():
    stops = strategy(kind="REVERSE", status="STOPPING", wanted="flatten")
    shorted, sold = (filled(1, "10", side="sell"),), (replace(BOUGHT, side="sell"),)
    found = plan(stops, shorted, sold, "0", seen={"positions": {}}, **sold_by_hand("10"))
    assert written(found)["status"] == "STOPPED"
    assert values_of(found.actions, "quantity_change")["delta"] == -10
    more = plan(stops, shorted, sold, "-20", **sold_by_hand("-10"))
    assert [each.body["qty"] for each in more.actions if isinstance(each, Submit)] == ["10"]


def test_what_was_sold_and_put_back_is_closed_though_only_the_sale_is_booked():
    stops = strategy(status="STOPPING", wanted="flatten")
    found = plan(stops, (FIRST,), (BOUGHT,), "10", **sold_by_hand("-10"))
    assert [each.body["qty"] for each in found.actions if isinstance(each, Submit)] == ["10"]


def test_no_share_of_a_trade_is_closed_in_the_place_of_one_that_was_sold_by_hand():
    """Ten of the grid, four of them sold by hand, ten of a trade that has no cover just now: sixteen are free."""
    entry = order(id=9, order_status="filled", filled_qty=D("10"))
    beside = {"trades": (trade(status="POSITION"),), "positions": (position(),)}
    stops = strategy(status="STOPPING", wanted="flatten")
    mine = (BOUGHT, fill(id=9, order_id=9))
    found = plan(stops, (FIRST, entry), mine, "16", **sold_by_hand("-4"), **beside)
    assert [each.body["qty"] for each in found.actions if isinstance(each, Submit)] == ["6"]


def test_a_position_that_is_missing_without_a_sale_in_the_books_ends_nothing():
    stops = strategy(status="STOPPING", wanted="flatten")
    found = plan(stops, (FIRST,), (BOUGHT,), "0", seen={"positions": {}}, **sold_by_hand("-4"))
    assert found.actions == ()
    assert [each.code for each in found.problems] == ["GRID_CLOSE"]
    assert "stop 3 --keep ends it" in found.problems[0].message


@pytest.mark.slow
def test_a_grid_of_which_a_part_was_sold_by_hand_is_flattened(tmp_path):
    with play(tmp_path) as found:
        start(found)
        found.settle("position_monitor")
        broker = found.world.tools.broker
        (highest,) = [o for o in broker.live_orders() if o.limit_price == 120]
        broker.cancel(highest.id)
        by_hand = {"client_order_id": "by-hand", "symbol": "SPY", "qty": "5", "side": "sell", "type": "limit"}
        broker.submit({**by_hand, "limit_price": "99", "time_in_force": "day"})
        found.wait(MINUTE)
        found.settle("position_monitor")
        found.settle("order_monitor")
        assert found.strategy.status == "PAUSED"
        stop(Desk(store=found.world.store, account="main", now=found.world.clock.now()), 1, Ending.FLATTEN)
        for _ in range(2):
            found.wait(MINUTE)
            found.run("order_monitor")
        found.settle("position_monitor")
        assert found.strategy.status == "STOPPED"
        assert found.strategy.reason.endswith("; 5 closed outside this system")
        assert broker.positions() == {}


# Rows that a hand has changed or taken away.


def test_a_grid_that_has_orders_and_by_its_row_never_started_is_told_of():
    found = plan(replace(strategy(), started_at=None))
    assert found.actions == ()
    assert [each.code for each in found.problems] == ["GRID_UNREADABLE"]
    assert "put its started_at and status back" in found.problems[0].message


def test_a_grid_whose_row_was_deleted_is_named_with_what_it_held():
    live = tuple(at_broker(o) for o in ORDERS[1:])
    found = plan_grids(rows(orders=ORDERS, fills=(BOUGHT,)), snapshot(live=live, positions=held("10")), context())
    assert cancelled(found) == [2, 3, 4, 5]
    assert "grid 3 was deleted while it held 10 AAPL" in found.problems[0].message
    sold = grid_fill(2, replace(S110, qty=D(10)), price="110")
    assert plan_grids(rows(orders=ORDERS, fills=(BOUGHT, sold)), snapshot(live=live), context()).problems == ()
    by_hand = rows(orders=ORDERS, fills=(BOUGHT,))  # what it held was sold in the app since
    assert plan_grids(by_hand, snapshot(live=live), context()).problems == ()


def test_what_a_grid_left_that_has_ended_is_in_no_day_s_result_and_has_no_price():
    """Ten bought at 100 and kept; the price is 60, which another grid of the symbol wants to know."""
    ended = strategy(status="STOPPED", last_price=D(60), quote_time=NOW)
    runs = strategy(id=4, last_price=D(60), quote_time=NOW - MINUTE)
    mine = rows(ended, runs, orders=(FIRST,), fills=(BOUGHT,))
    assert result_today(mine, context()) == 0
    assert result_today(rows(replace(ended, status="RUNNING"), orders=(FIRST,), fills=(BOUGHT,)), context()) == -400
    written_to = [each.changes[0].id for each in plan_prices(mine, snapshot(quotes={"AAPL": quote()}), context())]
    assert written_to == [4]


def test_a_shift_that_no_range_can_have_moved_by_stops_no_pass():
    found = plan(strategy(shift=100_000_000, spacing="GEOMETRIC"))
    assert "GRID_UNREADABLE: GRID_NUMBERS: shift 100000000" in written(found)["reason"]


@pytest.mark.slow
def test_a_late_fill_of_an_order_that_rested_long_is_read_for_days_after_its_end(tmp_path):
    with play(tmp_path) as found:
        start(found)
        found.sql("UPDATE order_execution SET created_at = replace(created_at, '2026-11-20', '2026-11-09')")
        stop(Desk(store=found.world.store, account="main", now=found.world.clock.now()), 1, Ending.KEEP)
        for _ in range(2):
            found.wait(MINUTE)
            found.settle("order_monitor")
        assert found.strategy.status == "STOPPED"
        assert len(found.world.store.rows("main").orders) == 5
        found.sql("UPDATE grid_strategy SET stopped_at = replace(stopped_at, '2026-11-20', '2026-11-16')")
        assert found.world.store.rows("main").orders == ()
