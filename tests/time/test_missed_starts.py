"""A host that slept, half days, holidays and changes of clocks, through the real stages and the shipped crontab."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from lib.paper_broker.prices import ScriptedFeed
from lib.simulation.lifecycles import SWING_AAPL, at
from lib.simulation.world import world
from lib.store import queries

MONITOR, VALUER, EXECUTOR = "order_monitor", "position_monitor", "order_executor"


def utc(month, day, hour, minute=0, year=2024):
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def begin(tmp_path):
    opened = []

    def make(now):
        every_five = [now + timedelta(minutes=n) for n in range(-60, 9 * 60, 5)]
        feed = ScriptedFeed({"AAPL": [(when, Decimal("149.50")) for when in every_five]})
        opened.append(world(tmp_path, now, feed))
        return opened[-1].__enter__()

    yield make
    for entered in opened:
        entered.__exit__(None, None, None)


def asleep_until(made, when):
    made.clock.advance_to(when)


def starts(made, *stages):
    return [(ran.stage, ran.at.replace(second=0, microsecond=0)) for ran in made.history if ran.stage in stages]


def status_of(made):
    (row,) = queries.decisions(made.store, "main")
    return row.execution_status


@pytest.mark.case("fail-I-4")
@pytest.mark.parametrize("woken", [at(16, 15, 41), at(16, 20, 29)], ids=["an hour late", "a minute before its end"])
@pytest.mark.sample
def test_a_host_that_slept_through_the_start_enters_at_the_next_tick_inside_the_window(begin, woken):
    made = begin(at(16, 14, 40))
    made.decide(**SWING_AAPL)
    made.run(MONITOR)
    asleep_until(made, woken)
    made.run_until(woken + timedelta(minutes=4))
    tick = woken + timedelta(minutes=-woken.minute % 5)
    assert starts(made, EXECUTOR) == [(EXECUTOR, tick)]
    assert status_of(made) == "ORDERED"


@pytest.mark.case("fail-I-4", "fail-A15")
def test_a_host_that_slept_through_the_window_enters_nothing_late_and_the_decision_expires(begin):
    made = begin(at(16, 14, 40))
    made.decide(**SWING_AAPL)
    made.run(MONITOR)  # which stamps the approval: the decision is for this window
    asleep_until(made, at(16, 20, 31))
    made.run_until(at(16, 21, 5))
    asleep_until(made, at(17, 14, 30))
    made.run_until(at(17, 14, 50))
    assert status_of(made) == "EXPIRED"
    assert queries.journal(made.store, "main") == ()


@pytest.mark.case("fail-I-4")
def test_a_host_that_slept_past_the_evening_looks_makes_up_for_them_in_the_night(begin):
    made = begin(at(16, 20, 55))
    made.run_until(at(16, 21, 1))
    asleep_until(made, at(17, 3, 2))
    made.run_until(at(17, 4, 0))
    late = [(stage, when) for stage, when in starts(made, MONITOR, VALUER) if when > at(16, 22)]
    assert late == [(MONITOR, at(17, 3, 5)), (VALUER, at(17, 3, 10))]


@pytest.mark.case("fail-I-6")
def test_on_a_half_day_the_monitors_end_with_the_session_and_look_once_more_two_hours_later(begin):
    made = begin(utc(7, 3, 16, 46))  # New York closes at 13:00, 17:00 UTC
    made.run_until(utc(7, 3, 21, 0))
    assert [when for _, when in starts(made, MONITOR)] == [
        utc(7, 3, 16, 50),
        utc(7, 3, 16, 55),
        utc(7, 3, 17, 0),
        utc(7, 3, 19, 0),
    ]
    assert [when for _, when in starts(made, VALUER)] == [utc(7, 3, 16, 50), utc(7, 3, 17, 0), utc(7, 3, 19, 20)]


@pytest.mark.case("fail-I-6", "fail-A15")
@pytest.mark.parametrize(
    ("now", "status"),
    [
        (utc(7, 3, 16, 30), "ORDERED"),
        (utc(7, 3, 16, 31), None),
        (utc(7, 3, 17, 30, 2012), None),  # half an hour after an early close
        (utc(11, 23, 17, 30, 2012), "ORDERED"),  # 12:30 in winter
        (utc(11, 23, 17, 31, 2012), None),
    ],
)
def test_on_a_half_day_entries_end_half_an_hour_before_its_close(begin, now, status):
    made = begin(now - timedelta(minutes=5))
    made.decide(**SWING_AAPL)
    made.run(MONITOR)
    asleep_until(made, now)
    made.run(EXECUTOR)
    assert status_of(made) == status


@pytest.mark.case("fail-I-6", "fail-A15")
def test_on_a_holiday_nothing_is_due_from_the_evening_before_to_the_morning_after(begin):
    made = begin(utc(7, 3, 19, 21))
    for stage in (MONITOR, VALUER, EXECUTOR):
        made.run(stage)
    made.history.clear()
    made.run_until(utc(7, 4, 23, 0))
    assert made.history == []
    asleep_until(made, utc(7, 5, 13, 10))
    made.run_until(utc(7, 5, 13, 20))
    assert starts(made, MONITOR, VALUER, EXECUTOR) == [(MONITOR, utc(7, 5, 13, 15))]


@pytest.mark.case("fail-I-5")
@pytest.mark.parametrize(
    ("evening", "first_look", "entries"),
    [
        (utc(3, 8, 23, 20), utc(3, 11, 13, 15), utc(3, 11, 13, 45)),  # the clocks go forward: an hour earlier in UTC
        (utc(11, 1, 22, 20), utc(11, 4, 14, 15), utc(11, 4, 14, 45)),  # and back
        (utc(6, 14, 22, 20), utc(6, 17, 13, 15), utc(6, 17, 13, 45)),
    ],
    ids=["spring", "autumn", "summer"],
)
def test_over_a_weekend_the_first_look_is_at_9_15_and_entries_at_9_45_of_new_york(begin, evening, first_look, entries):
    made = begin(evening)
    for stage in (MONITOR, VALUER, EXECUTOR):
        made.run(stage)
    made.history.clear()
    asleep_until(made, first_look - timedelta(hours=2))
    made.run_until(entries + timedelta(minutes=1))
    assert starts(made, MONITOR)[0] == (MONITOR, first_look)
    assert starts(made, EXECUTOR) == [(EXECUTOR, entries)]
