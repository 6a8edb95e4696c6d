"""The clocks, and New York's time."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest

from lib import clock
from lib.clock import SimulatedClock, WallClock

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_the_wall_clock_is_aware_in_utc_and_goes_on():
    wall = WallClock()
    before = wall.now()
    wall.sleep(Decimal("0.01"))
    assert before.tzinfo is UTC
    assert wall.now() - before >= timedelta(seconds=0.01)


def test_a_simulated_clock_stands_still_until_it_is_moved():
    simulated = SimulatedClock(NOON)
    assert simulated.now() == simulated.now() == NOON
    simulated.advance_to(NOON + timedelta(hours=1))
    assert simulated.now() == NOON + timedelta(hours=1)


@pytest.mark.parametrize("seconds", [1.5, Decimal("1.5")])
def test_sleeping_moves_a_simulated_clock(seconds):
    simulated = SimulatedClock(NOON)
    simulated.sleep(seconds)
    assert simulated.now() == NOON + timedelta(seconds=1.5)


def test_a_simulated_clock_never_goes_back():
    simulated = SimulatedClock(NOON)
    with pytest.raises(ValueError, match="cannot go back"):
        simulated.advance_to(NOON - timedelta(microseconds=1))
    with pytest.raises(ValueError, match="cannot go back"):
        simulated.sleep(-1)
    assert simulated.now() == NOON


def test_a_simulated_clock_answers_in_utc_whatever_zone_it_was_set_in():
    berlin_winter = timezone(timedelta(hours=1))
    assert SimulatedClock(NOON.astimezone(berlin_winter)).now().tzinfo is UTC


def test_a_time_without_a_zone_is_refused():
    naive = NOON.replace(tzinfo=None)
    for use in (SimulatedClock, SimulatedClock(NOON).advance_to, clock.new_york, clock.show):
        with pytest.raises(ValueError, match="no time zone"):
            use(naive)


@pytest.mark.parametrize(
    ("day", "opening"),
    [
        (date(2027, 3, 12), datetime(2027, 3, 12, 14, 30, tzinfo=UTC)),
        (date(2027, 3, 15), datetime(2027, 3, 15, 13, 30, tzinfo=UTC)),
        (date(2026, 10, 30), datetime(2026, 10, 30, 13, 30, tzinfo=UTC)),
        (date(2026, 11, 2), datetime(2026, 11, 2, 14, 30, tzinfo=UTC)),
    ],
    ids=["winter's last Friday", "summer's first Monday", "summer's last Friday", "winter's first Monday"],
)
def test_half_past_nine_in_new_york_follows_the_change_of_clocks(day, opening):
    assert clock.from_new_york(day, time(9, 30)) == opening
    assert clock.from_new_york(day, time(9, 30)).tzinfo is UTC
    assert clock.new_york(opening).replace(tzinfo=None) == datetime.combine(day, time(9, 30))


@pytest.mark.parametrize(
    ("day", "at"), [(date(2027, 3, 14), time(2, 30)), (date(2026, 11, 1), time(1, 30))], ids=["skipped", "repeated"]
)
def test_a_wall_time_that_the_change_of_clocks_skips_or_repeats_is_refused(day, at):
    with pytest.raises(ValueError, match="twice or never"):
        clock.from_new_york(day, at)


def test_a_time_is_shown_as_new_york_has_it():
    assert clock.show(datetime(2026, 11, 21, 14, 45, tzinfo=UTC)) == "2026-11-21 09:45 ET"
    assert clock.show(datetime(2026, 7, 1, 13, 45, tzinfo=UTC)) == "2026-07-01 09:45 ET"
