"""Grids beside trades and their user: who may have a symbol, what is at stake, whose shares are whose."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from lib import due, sessions
from lib.domain.facts import Activity
from lib.domain.limits import Limits
from lib.domain.money import D
from lib.domain.wanted import Wanted, write_wanted
from lib.invariants import grids as judged
from lib.invariants.evidence import Books, Evidence, Ledger
from lib.leaving import grids_left
from lib.planning.deciding.broker_rules import wash_trade
from lib.planning.deciding.checks import symbol_free
from lib.planning.deciding.entries import is_unfinished
from lib.planning.deciding.exposure import result_today, world_of
from lib.planning.deciding.sharing import OCO, grid_refused_beside, neighbours, sides_to_leave
from lib.planning.outside.corporate import plan_corporate_actions
from lib.planning.outside.reconcile import plan_reconciliation
from lib.render.text import page_text
from lib.views.leaving import LeavingPage, account_left
from tests.builders import (
    MINUTE,
    NOW,
    OPEN,
    activity,
    bought,
    codes,
    context,
    exit_order,
    held,
    market,
    new_trade,
    position,
    rows,
    snapshot,
    trade,
    values_of,
)
from tests.grids.rows import BOUGHT, RESTING, folded, grid_fill, initial, sheet, shown, strategy

LONG_AGO = NOW - timedelta(hours=5)


def kept(*sheets, **more):
    """Return the rows of a pass with these grids."""
    orders = (*(o for each in sheets for o in each.orders), *more.pop("orders", ()))
    fills = (*(f for each in sheets for f in each.fills), *more.pop("fills", ()))
    return rows(grids=tuple(each.strategy for each in sheets), orders=orders, fills=fills, **more)


def world(mine, *, sharing="", **seen):
    return world_of(mine, market(**seen), context(limits=Limits(symbol_sharing=sharing)))


# Who may have a symbol.


def test_a_decision_in_the_symbol_of_a_grid_is_refused_by_its_name():
    refused = symbol_free(new_trade(), D("10"), world(kept(sheet(*RESTING))))
    assert (refused.code, refused.reason, refused.final) == ("SYMBOL_BUSY", "AAPL belongs to grid 3", False)


@pytest.mark.parametrize("status", ["WAITING", "STOPPED", "REJECTED"])
def test_a_grid_that_has_not_begun_or_has_ended_keeps_nobody_out(status):
    mine = kept(sheet(first=False, fills=(), status=status, started_at=None))
    assert symbol_free(new_trade(), D("10"), world(mine)) is None


@pytest.mark.parametrize("status", ["STARTING", "PAUSED", "STOPPING"])
def test_a_grid_keeps_its_symbol_from_its_start_to_its_end(status):
    assert symbol_free(new_trade(), D("10"), world(kept(sheet(*RESTING, status=status)))).code == "SYMBOL_BUSY"


def test_where_sharing_is_allowed_a_swing_of_whole_shares_may_stand_beside_a_spot_grid():
    shared = world(kept(sheet(*RESTING)), sharing=OCO)
    assert symbol_free(new_trade(), D("10"), shared) is None
    assert symbol_free(new_trade(style="RUNNER"), D("10"), shared).code == "SYMBOL_BUSY"
    short = new_trade(side="short", stop=D("155"), target=D("140"))
    assert "long and short are never mixed" in symbol_free(short, D("10"), shared).reason


@pytest.mark.parametrize("changes", [{"kind": "REVERSE"}, {"quantity_per_grid": "0.5"}, {"levels": "no number"}])
def test_beside_a_reverse_grid_or_one_of_fractions_nobody_stands(changes):
    shared = world(kept(sheet(first=False, fills=(), **changes)), sharing=OCO)
    assert symbol_free(new_trade(), D("10"), shared).code == "SYMBOL_BUSY"


def test_an_entry_that_would_meet_a_sell_of_the_grid_is_a_wash_trade():
    shared = world(kept(sheet(*RESTING)), sharing=OCO)  # sells at 110 and 120
    assert wash_trade(new_trade(entry=D("110")), D("10"), shared).code == "WASH_TRADE"
    assert wash_trade(new_trade(entry=D("109.99")), D("10"), shared) is None


def sides(*orders, **changes):
    owner, entry, filled = bought(**changes)
    return sides_to_leave(rows(trades=(owner,), orders=(entry, *orders), fills=(filled,)), "AAPL")


def test_a_grid_leaves_the_side_that_a_trade_has_to_go_at_market_against():
    refused = exit_order(order_status="rejected", reject_reason="WASH_TRADE: opposite side limit order exists")
    closing = write_wanted(Wanted(close_by=30))
    assert sides() == frozenset()
    assert sides(refused) == {"buy"}
    assert sides(refused, exit_order(id=3)) == frozenset()  # it has its cover by now
    assert sides(exit_order(), wanted=closing) == {"buy"}
    assert sides(exit_order(), wanted=write_wanted(Wanted(close_by=30, close_price=D("155")))) == frozenset()


GRID = folded(sheet(status="WAITING")).grid
SWING = trade(status="POSITION")


def start(grid=GRID, *, trades=(), grids=(), at_broker=None, sharing=""):
    others = neighbours(trades, grids).get("AAPL", ())
    refused = grid_refused_beside(grid, others, at_broker, sharing)
    return None if refused is None else refused.reason


def test_a_grid_is_refused_where_a_trade_or_another_grid_or_its_user_has_the_symbol():
    assert start() is None
    assert start(trades=(SWING,)) == "AAPL belongs to trade 7"
    assert start(grids=(strategy(id=4),)) == "AAPL belongs to grid 4"
    assert start(at_broker=held("1")) == "the account already holds AAPL outside this system"


def test_where_sharing_is_allowed_a_spot_grid_of_whole_shares_may_start_beside_swings():
    assert start(trades=(SWING,), at_broker=held("10"), sharing=OCO) is None
    assert "is short" in start(trades=(replace(SWING, side="short"),), sharing=OCO)
    assert "has no OCO" in start(trades=(replace(SWING, trade_style="RUNNER"),), sharing=OCO)
    assert "is a grid too" in start(grids=(strategy(id=4),), sharing=OCO)
    halves = folded(sheet(status="WAITING", quantity_per_grid="0.5")).grid
    assert "only a spot grid of whole shares" in start(halves, trades=(SWING,), sharing=OCO)


def test_who_leaves_is_shown_its_grids_too():
    left = account_left(rows().account, "paper", (), (), (), grids=grids_left(kept(sheet(*RESTING))))
    assert [(g.id, g.symbol, g.status, g.qty) for g in left.grids] == [(3, "AAPL", "RUNNING", D("10"))]
    assert "grids that have not stopped: 1" in page_text(LeavingPage(accounts=(left,)))


# What is at stake.


def test_a_grid_counts_with_what_it_holds_at_its_last_price_and_with_its_resting_entries():
    counted = world(kept(sheet(*RESTING, last_price=D("104")))).exposures
    assert [(e.value, e.resting) for e in counted] == [(D("1040"), False), (D("850"), True)]  # 5 x 80 + 5 x 90


def test_the_first_order_of_a_grid_counts_before_it_has_filled():
    first = initial(filled_qty=D("0"), order_status="new")
    counted = world(kept(sheet(first, first=False, fills=(), status="STARTING", last_price=None))).exposures
    assert [(e.value, e.resting) for e in counted] == [(D("1900"), True)]  # 5 x (80 + 90 + 100 + 110)


def test_a_grid_that_starts_counts_for_what_comes_after_it_in_the_same_run():
    after = world(rows()).started(GRID, D("1900"))
    assert symbol_free(new_trade(), D("10"), after).reason == "AAPL belongs to grid 3"
    assert (after.buying_power, [e.value for e in after.exposures]) == (D("98100"), [D("1900")])


def test_the_round_trips_of_today_and_a_fresh_price_are_part_of_the_days_result():
    sold = grid_fill(2, 4, "sell", "5", "110", transaction_time=NOW - MINUTE)
    filled = replace(RESTING[2], order_status="filled", filled_qty=D("5"))
    each = sheet(*RESTING[:2], filled, RESTING[3], fills=(BOUGHT, sold), last_price=D("96"))
    assert result_today(kept(each), context()) == D("30")  # 5 x 10, less 5 x 4
    stale = replace(each, strategy=replace(each.strategy, quote_time=NOW - timedelta(minutes=16)))
    assert result_today(kept(stale), context()) == D("50")


# Whose shares are whose.


def reconcile(mine, *seen, foreign=(), now=NOW, **more):
    return plan_reconciliation(mine, snapshot(*seen, **more), context(now=now), foreign, first_look=False)


def owned(**changes):
    return sheet(*RESTING, fills=(replace(BOUGHT, transaction_time=LONG_AGO),), **changes)


def test_the_shares_of_a_grid_explain_the_brokers_position():
    assert reconcile(kept(owned()), held("10")) == ([], [])


def test_a_trade_and_a_grid_explain_it_together():
    owner, entry, filled = bought()
    mine = kept(owned(), trades=(owner,), orders=(replace(entry, id=50),), positions=(position(),))
    mine = replace(mine, fills=(*mine.fills, replace(filled, id=50, order_id=50)))
    assert reconcile(mine, held("20")) == ([], [])


def test_shares_that_are_missing_pause_the_grid_after_a_minute_and_are_told_until_they_are_explained():
    (mark,), problems = reconcile(kept(owned()), held("8"))
    assert (values_of([mark], "grid_strategy"), problems) == ({"drift_since": NOW}, [])
    (pause,), problems = reconcile(kept(owned(drift_since=NOW - MINUTE)), held("8"))
    assert values_of([pause], "grid_strategy")["status"] == "PAUSED"
    assert codes(problems) == ["UNEXPLAINED"]


def test_nothing_is_judged_while_an_order_of_the_grid_is_of_unknown_outcome_or_its_fills_lag():
    unknown = replace(RESTING[0], order_status="pending", alpaca_order_id=None)
    assert reconcile(kept(sheet(unknown, *RESTING[1:])), held("15")) == ([], [])
    lagging = replace(RESTING[1], filled_qty=D("5"))
    assert reconcile(kept(sheet(RESTING[0], lagging, *RESTING[2:])), held("15")) == ([], [])


def test_a_trade_of_this_minute_is_not_booked_yet_and_no_difference():
    fresh = activity(id="X9", transaction_time=NOW - timedelta(seconds=59))
    assert reconcile(kept(owned()), held("8"), fills=(fresh,)) == ([], [])


def test_what_its_user_trades_in_its_symbol_goes_to_the_users_own_shares_and_pauses_the_grid():
    sale = activity(id="X9", order_id="X1", side="sell", qty=D("3"), price=D("101"), transaction_time=LONG_AGO)
    (write,), problems = reconcile(kept(owned()), held("7"), foreign=(sale,))
    row = values_of([write], "quantity_change")
    assert (row["trade_id"], row["delta"], row["activity_id"]) == (None, D("-3"), "X9")
    assert values_of([write], "grid_strategy")["reason"] == "GRID_FOREIGN: AAPL was traded outside this system"
    assert problems == []


def coin(at_broker, **changes):
    first = initial(qty="0.02", symbol="BTC/USD")
    fills = (grid_fill(1, 1, "buy", "0.02", "64000", symbol="BTC/USD", transaction_time=LONG_AGO, **changes),)
    each = sheet(first, first=False, fills=fills, symbol="BTC/USD", lower_price="60000", upper_price="68000")
    place = held(at_broker, symbol="BTC/USD", asset_class="crypto")
    return reconcile(kept(each), positions={"BTC/USD": place})


def test_the_fee_that_a_coin_lacks_is_no_difference_until_and_after_it_is_posted():
    assert coin("0.01995") == ([], [])
    assert coin("0.01995", fee=D("0.00005"), commission_asset="BTC") == ([], [])
    assert values_of(coin("0.019")[0], "grid_strategy") == {"drift_since": NOW}
    assert values_of(coin("0.019949", fee=D("0.00005"), commission_asset="BTC")[0], "grid_strategy") != {}


def test_shares_that_a_split_brought_are_the_users_and_the_grid_is_paused():
    came = Activity(id="A1", kind="SPLIT", date=date(2026, 11, 20), symbol="AAPL", qty=D("30"))
    plan = plan_corporate_actions(kept(owned()), snapshot(held("40"), activities=(came,)), context())
    row = values_of(plan.writes, "quantity_change")
    assert (row["trade_id"], row["delta"], row["cause"]) == (None, D("30"), "SPLIT")
    assert values_of(plan.writes, "grid_strategy")["reason"].startswith("GRID_SPLIT")


# When the stages look.


def test_order_executor_looks_on_while_an_approved_grid_waits_for_its_start():
    waiting = sheet(first=False, fills=(), status="WAITING", started_at=None)
    assert is_unfinished(kept(waiting))
    assert not is_unfinished(kept(replace(waiting, strategy=replace(waiting.strategy, approve=None))))
    assert not is_unfinished(kept(replace(waiting, strategy=replace(waiting.strategy, wanted="keep"))))


def test_a_monitor_that_sees_a_grid_to_start_wakes_order_executor_after_the_sessions_claim(tmp_path):
    now = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    window = sessions.load().window(now, due.AHEAD)
    claimed = datetime(2026, 11, 20, 14, 46, tzinfo=UTC)
    write = {"directory": tmp_path, "account": "main", "sessions": window, "durable": False}
    due.write(**write, stage="order_executor", started_at=claimed, unfinished=False)
    due.write(**write, stage="order_monitor", started_at=now - MINUTE, unfinished=False)
    assert not due.is_due("order_executor", now, due.read(tmp_path))
    due.write(**write, stage="order_monitor", started_at=now, unfinished=False, wakes_executor=True)
    assert due.is_due("order_executor", now, due.read(tmp_path))


# What must hold, judged.


def evidence(each, *, live=None, **ledger):
    books = Books(namespace="ns", orders=each.orders, fills=each.fills, grids=(each.strategy,))
    orders = tuple(shown(o) for o in each.orders) if live is None else live
    return Evidence(now=NOW, books=books, ledger=Ledger(orders=orders, positions={"AAPL": held("10")}, **ledger))


def test_a_healthy_grid_breaks_nothing():
    seen = evidence(sheet(*RESTING))
    judges = (
        judged.cells_work_once,
        judged.own_orders_never_meet,
        judged.exits_come_after_the_start,
        judged.names_are_single,
        judged.nothing_rests_after_the_end,
    )
    assert [words for judge in judges for words in judge(seen)] == []


def test_two_orders_of_one_cell_and_exits_beyond_what_is_held_are_named():
    twice = replace(RESTING[2], id=6, attempt=6, alpaca_order_id="G6", client_order_id="ns-g3-c2-sell-6")
    assert list(judged.cells_work_once(evidence(sheet(*RESTING, twice)))) == [
        "grid 3, cell 2: 10 rest to sell, its lot is 5",
        "grid 3: exits for 15 rest against 10 held",
    ]


def test_orders_that_meet_are_named_and_a_target_of_a_trade_is_left_out():
    crossing = replace(RESTING[1], limit_price=D("110"))
    each = sheet(RESTING[0], crossing, *RESTING[2:])
    assert list(judged.own_orders_never_meet(evidence(each))) == ["AAPL: our buy at 110 meets our sell at 110"]
    target = replace(shown(exit_order()), kind="limit", order_class="oco", limit_price=D("85"))
    beside = evidence(sheet(*RESTING), live=(*map(shown, RESTING), target))
    assert list(judged.own_orders_never_meet(beside)) == []


def test_an_exit_that_was_made_before_the_start_was_over_is_named():
    early = replace(RESTING[2], created_at=OPEN)
    assert len(list(judged.exits_come_after_the_start(evidence(sheet(*RESTING[:2], early))))) == 1
    not_over = sheet(initial(ended_at=None, order_status="new"), *RESTING, first=False)
    assert len(list(judged.exits_come_after_the_start(evidence(not_over)))) == 2


def test_a_number_given_twice_and_an_order_after_the_end_are_named():
    assert (
        len(
            list(
                judged.names_are_single(
                    evidence(sheet(*RESTING, replace(RESTING[0], id=9, attempt=5, client_order_id="x")))
                )
            )
        )
        == 1
    )
    assert len(list(judged.nothing_rests_after_the_end(evidence(sheet(*RESTING, status="STOPPED"))))) == 4
