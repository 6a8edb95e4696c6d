"""Whether a grid may go on: other hands, splits, prices that jump, orders that grow old, quantities that drift."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from lib.domain.alerts import AlertRows
from lib.domain.facts import Announcement
from lib.domain.money import D
from lib.domain.results import PassResult
from lib.planning.alerts import concerns
from lib.planning.grid.health import plan_drift, plan_health, plan_price, told
from lib.planning.grid.holdings import holdings
from tests.builders import CLOSE, MINUTE, NOW, OPEN, broker_order, codes, context, kinds, rows, snapshot, values_of
from tests.grids.rows import RESTING, grid_order, priced, sheet, shown

LIVE = tuple(shown(row) for row in RESTING)
SPLIT = Announcement(kind="forward_split", symbol="AAPL", ex_date=date(2026, 11, 23), old_rate=D("1"), new_rate=D("4"))


def plan(each, *, live=LIVE, now=NOW, **seen):
    mine = rows(grids=(each.strategy,), orders=each.orders, fills=each.fills)
    return plan_health(each, mine, snapshot(live=live, **seen), context(now=now))


def written(step):
    return values_of(step[0], "grid_strategy")


def test_a_grid_whose_orders_are_all_its_own_goes_on():
    assert plan(sheet(*RESTING), quotes=priced("104")) is None


def test_an_order_of_another_hand_pauses_it_and_takes_the_tick_away():
    foreign = broker_order(id="X1", client_order_id="by-hand")
    step = plan(sheet(*RESTING), live=(*LIVE, foreign))
    assert kinds(step[0]) == ["Write"]
    assert (written(step)["status"], written(step)["approve"]) == ("PAUSED", False)
    assert written(step)["reason"] == "GRID_FOREIGN: the order by-hand in AAPL is not ours"


@pytest.mark.parametrize(
    "order",
    [
        broker_order(id="B1", client_order_id="ns-d12-entry-1"),
        broker_order(id="X1", client_order_id="by-hand", symbol="MSFT"),
        broker_order(id="X2", client_order_id="f00d", replaces="G2"),
    ],
    ids=["a trade of ours", "another symbol", "one of ours that was edited, which booking follows"],
)
def test_other_orders_do_not_pause_it(order):
    assert plan(sheet(*RESTING), live=(*LIVE, order)) is None


JUMPS = [
    ("100", "50.01", True),  # 2 for 1
    ("100", "25.5", True),  # 4 for 1
    ("100", "201", True),  # 1 for 2
    ("100", "5.05", True),  # 20 for 1
    ("645.57", "92.69", True),  # AAPL on 2014-06-09: 7 for 1
    ("100", "60", False),
    ("100", "120", False),
    ("100", "53.1", False),  # 1.88 is more than three per cent from 2
]


@pytest.mark.parametrize(("before", "now", "pauses"), JUMPS)
def test_a_price_that_jumps_as_by_a_split_pauses_it_and_is_the_last_price_from_then_on(before, now, pauses):
    step = plan(sheet(*RESTING, last_price=D(before)), quotes=priced(now))
    assert (step is not None) is pauses
    if pauses:
        assert written(step)["reason"].startswith("GRID_SPLIT: the price went from")
        assert (written(step)["status"], written(step)["last_price"]) == ("PAUSED", D(now))


def test_no_jump_is_seen_by_an_old_quote_or_in_coins():
    assert plan(sheet(*RESTING), quotes=priced("50", at=OPEN - MINUTE)) is None
    coin = sheet(first=False, fills=(), symbol="BTC/USD", last_price=D("64000"))
    quotes = {"BTC/USD": replace(priced("32000")["AAPL"], symbol="BTC/USD")}
    assert plan(coin, live=(), quotes=quotes) is None


def test_before_the_night_of_a_split_it_is_paused_and_then_everything_is_withdrawn():
    evening = CLOSE - timedelta(minutes=5)
    seen = {"announcements": (SPLIT,), "announcements_read": True}
    assert plan(sheet(*RESTING, checked_at=evening), now=CLOSE - timedelta(minutes=20), **seen) is None
    step = plan(sheet(*RESTING), now=evening, **seen)
    assert written(step)["reason"] == "GRID_SPLIT: 1 of its shares become 4 on 2026-11-23; its prices are from before"
    paused = sheet(*RESTING, status="PAUSED", reason=written(step)["reason"])
    assert [action.order.id for action in plan(paused, now=evening)[0]] == [2, 3, 4, 5]


def test_a_grid_that_is_paused_for_something_else_is_withdrawn_before_a_split_too():
    evening = CLOSE - timedelta(minutes=5)
    drifts = sheet(*RESTING, status="PAUSED", reason="GRID_DRIFT: so much fewer")
    assert plan(drifts, now=evening) is None
    assert written(plan(drifts, now=evening, announcements=(SPLIT,)))["reason"].startswith("GRID_SPLIT")


def test_a_split_before_its_approval_is_nothing_to_a_grid():
    later = sheet(*RESTING, approved_seen_at=OPEN + timedelta(days=3), checked_at=OPEN + timedelta(days=3, minutes=5))
    monday = OPEN + timedelta(days=3, minutes=10)
    assert plan(later, now=monday, announcements=(SPLIT,)) is None


def test_orders_that_the_broker_will_end_within_three_days_are_cancelled_while_others_can_take_their_place():
    old = replace(RESTING[0], expires_at=NOW + timedelta(days=3))
    young = replace(RESTING[1], expires_at=NOW + timedelta(days=3, seconds=1))
    for_the_day = grid_order(6, "sell", "110", 2, time_in_force="day", expires_at=CLOSE)
    step = plan(sheet(old, young, for_the_day, *RESTING[2:]))
    assert [(type(a).__name__, a.order.id) for a in step[0]] == [("Cancel", 2)]
    evening = sheet(old, young, checked_at=CLOSE + MINUTE)
    assert plan(evening, now=CLOSE + MINUTE) is None


@pytest.mark.parametrize(
    ("checked", "due"),
    [(None, True), (NOW - timedelta(minutes=61), True), (NOW - timedelta(minutes=29), False), (OPEN - MINUTE, True)],
    ids=["never", "an hour ago", "not long ago", "before the open"],
)
def test_each_grid_is_looked_through_hourly_and_each_morning(checked, due):
    step = plan(sheet(*RESTING, checked_at=checked))
    assert (None if step is None else written(step)) == ({"checked_at": NOW} if due else None)


def test_the_last_price_is_the_middle_of_a_quote_written_once_a_pass():
    (write,) = plan_price(sheet(*RESTING), snapshot(quotes=priced("104")), context())
    assert values_of([write], "grid_strategy") == {"last_price": D("104"), "quote_time": NOW}
    again = sheet(*RESTING, quote_time=NOW)
    assert plan_price(again, snapshot(quotes=priced("105", at=NOW + MINUTE)), context()) == ()


def test_a_jump_that_position_monitor_sees_first_is_not_lost_by_writing_the_price():
    (write,) = plan_price(sheet(*RESTING), snapshot(quotes=priced("50")), context())
    assert values_of([write], "grid_strategy")["status"] == "PAUSED"


def holding(**changes):
    each = sheet(*RESTING, **changes)
    return holdings(rows(grids=(each.strategy,), orders=each.orders, fills=each.fills))["AAPL"]


def drift(delta, **changes):
    return plan_drift("AAPL", D(delta), holding(**changes), context())


def test_a_difference_is_marked_by_one_look_and_pauses_by_another_a_minute_later():
    marked, lasts = drift("-2")
    assert (values_of(marked, "grid_strategy"), lasts) == ({"drift_since": NOW}, False)
    assert drift("-2", drift_since=NOW - timedelta(seconds=59)) == ([], False)
    paused, lasts = drift("-2", drift_since=NOW - timedelta(seconds=60))
    assert lasts
    assert values_of(paused, "grid_strategy")["reason"].startswith("GRID_DRIFT: the broker holds 2 AAPL fewer than")


def test_a_difference_that_is_gone_is_forgotten():
    cleared, lasts = drift("0", drift_since=NOW - timedelta(seconds=59))
    assert (values_of(cleared, "grid_strategy"), lasts) == ({"drift_since": None}, False)
    assert drift("0") == ([], False)


def test_a_grid_that_is_paused_already_is_not_written_again_while_the_difference_lasts():
    assert drift("3", status="PAUSED", drift_since=NOW - timedelta(minutes=9)) == ([], True)


def test_a_paused_grid_is_an_alert_and_no_failure_of_a_pass():
    result = PassResult(stage="order_monitor", account="main", run_id="r")
    paused = sheet(status="PAUSED", reason="GRID_DRIFT: 2 fewer").strategy
    assert codes(told(rows(grids=(paused, sheet().strategy)))) == ["GRID_PAUSED"]
    result.waiting = told(rows(grids=(paused,)))
    assert [each.key for each in concerns(result, AlertRows())] == ["GRID_PAUSED AAPL"]
    assert result.exit_code == 0
