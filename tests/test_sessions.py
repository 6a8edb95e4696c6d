"""The session table and the ways to ask it."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from lib import sessions
from lib.sessions import TABLE, Session, Sessions
from tests.tools import make_sessions


@pytest.fixture(scope="module")
def nyse():
    return sessions.load()


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def session(day, opening, closing):
    return Session(date(2026, 11, day), utc(2026, 11, day, opening), utc(2026, 11, day, closing))


@pytest.mark.slow
def test_the_table_is_exchange_calendars_over_its_whole_range():
    assert TABLE.read_text(encoding="ascii").splitlines() == make_sessions.lines()


def test_the_table_agrees_with_itself_line_by_line(nyse):
    every = nyse.between(date.min, date.max)
    assert len(every) == len(nyse) > 7_000
    for each, following in pairwise(every):
        assert each.close < following.open
    for each in every:
        assert nyse.on(each.date) == each
        assert nyse.at(each.open) == each == nyse.last_before(each.close)
        assert nyse.next_after(each.open - timedelta(seconds=1)) == each


@pytest.mark.parametrize(
    "day",
    [
        date(2026, 11, 21),
        date(2026, 11, 22),
        date(2026, 1, 1),
        date(2026, 11, 26),
        date(2012, 10, 29),
        date(2012, 10, 30),
        date(2018, 12, 5),
        date(2025, 1, 9),
        date(2001, 9, 11),
    ],
    ids=["Saturday", "Sunday", "New Year", "Thanksgiving", "Sandy", "Sandy's second", "Bush", "Carter", "2001-09-11"],
)
def test_the_exchange_rests(nyse, day):
    assert nyse.on(day) is None
    assert nyse.at(utc(day.year, day.month, day.day, 16)) is None


@pytest.mark.parametrize(
    ("day", "closing"),
    [
        (date(2026, 11, 20), utc(2026, 11, 20, 21)),
        (date(2026, 7, 1), utc(2026, 7, 1, 20)),
        (date(2026, 11, 27), utc(2026, 11, 27, 18)),
        (date(2026, 12, 24), utc(2026, 12, 24, 18)),
        (date(2024, 7, 3), utc(2024, 7, 3, 17)),
    ],
    ids=["winter", "summer", "day after Thanksgiving", "Christmas Eve", "half day in summer"],
)
def test_the_exchange_closes(nyse, day, closing):
    assert nyse.on(day).close == closing
    assert nyse.at(closing - timedelta(seconds=1)) == nyse.on(day)
    assert nyse.at(closing) is None


def test_a_session_is_on_from_its_opening_to_the_moment_before_its_close(nyse):
    friday = nyse.on(date(2026, 11, 20))
    assert nyse.at(friday.open - timedelta(microseconds=1)) is None
    assert nyse.at(friday.open) == nyse.at(friday.close - timedelta(microseconds=1)) == friday


def test_next_and_last_look_over_weekend_and_holiday(nyse):
    thanksgiving = utc(2026, 11, 26, 16)
    assert nyse.last_before(thanksgiving).date == date(2026, 11, 25)
    assert nyse.next_after(thanksgiving).date == date(2026, 11, 27)
    assert nyse.next_after(utc(2026, 11, 27, 14, 30)).date == date(2026, 11, 30)
    assert nyse.last_before(utc(2026, 11, 27, 14, 30)).date == date(2026, 11, 27)


def test_the_zone_of_the_question_does_not_matter(nyse):
    from zoneinfo import ZoneInfo

    asked = utc(2026, 11, 22, 23, 30)
    answers = {
        nyse.next_after(asked.astimezone(ZoneInfo(name))) for name in ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago")
    }
    assert [answer.date for answer in answers] == [date(2026, 11, 23)]


def test_the_ends_of_the_table_are_said_clearly(nyse):
    with pytest.raises(LookupError, match="ends before"):
        nyse.next_after(utc(2031, 1, 1))
    with pytest.raises(LookupError, match="begins after"):
        nyse.last_before(utc(2000, 1, 1))
    assert nyse.at(utc(1999, 12, 31, 16)) is None
    assert nyse.at(utc(2031, 1, 2, 16)) is None


def test_between_counts_both_ends(nyse):
    days = [each.date.day for each in nyse.between(date(2026, 11, 25), date(2026, 11, 30))]
    assert days == [25, 27, 30]
    assert nyse.between(date(2026, 11, 28), date(2026, 11, 29)) == ()


def test_a_window_begins_with_the_session_that_opened_last(nyse):
    days = [each.date.day for each in nyse.window(utc(2026, 11, 26, 16), 2)]
    assert days == [25, 27, 30]
    assert [each.date for each in nyse.window(utc(2030, 12, 31, 16), 30)] == [date(2030, 12, 31)]
    assert [each.date for each in nyse.window(utc(2000, 1, 1), 1)] == [date(2000, 1, 3)]


def test_a_table_is_made_of_sessions_in_any_order():
    monday, tuesday = session(23, 14, 21), session(24, 14, 21)
    table = Sessions.of([tuesday, monday])
    assert table.on(date(2026, 11, 24)) == tuesday
    assert table.next_after(utc(2026, 11, 20)) == monday
    assert table.between(date(2026, 11, 1), date(2026, 11, 30)) == (monday, tuesday)


def test_a_table_of_days_that_never_close_has_no_gap():
    days = [Session(date(2026, 11, n), utc(2026, 11, n), utc(2026, 11, n + 1)) for n in (21, 22, 23)]
    table = Sessions.of(days)
    assert table.at(utc(2026, 11, 21, 23, 59)) == days[0]
    assert table.at(utc(2026, 11, 22)) == days[1]
    assert table.next_after(utc(2026, 11, 22)) == days[2]


def test_a_table_of_none_answers_no():
    table = Sessions.of([])
    assert table.at(utc(2026, 11, 20, 16)) is None
    assert table.on(date(2026, 11, 20)) is None
    assert table.window(utc(2026, 11, 20), 30) == ()


@pytest.mark.parametrize(
    ("first", "second"), [(session(23, 14, 21), session(23, 14, 21)), (session(23, 14, 21), session(23, 20, 22))]
)
def test_sessions_that_overlap_are_refused(first, second):
    with pytest.raises(ValueError, match="overlap"):
        Sessions.of([first, second])


def test_a_session_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="before it opens"):
        session(23, 21, 14)
    with pytest.raises(ValueError, match="in UTC"):
        Session(date(2026, 11, 23), datetime(2026, 11, 23, 14), datetime(2026, 11, 23, 21))  # noqa: DTZ001


def test_the_table_is_read_without_pandas_or_the_calendar_library():
    probe = (
        "import sys; from lib import sessions; sessions.load(); print(sorted({'pandas', 'numpy'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
