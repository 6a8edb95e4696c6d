"""When an alert begins, is repeated, is told and ends, by plain values."""

import json
from datetime import timedelta

import pytest

from lib.domain.alerts import AlertRows
from lib.domain.facts import Problem
from lib.domain.records import Control
from lib.domain.results import PassResult
from lib.domain.story import Event
from lib.planning.alerts import after_pass, concerns, delivered, standing_alerts, to_tell
from tests.builders import NOW

UNCOVERED = Problem(code="UNCOVERED", message="trade 7 AAPL: 10 shares without a stop", symbol="AAPL")
ABSENT = Problem(code="POSITION_ABSENT", message="AAPL: fewer shares than the books", symbol="AAPL")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def a_pass(*problems, stage="order_monitor", saw_all=True, **changes):
    outcome = "incomplete" if problems else "done"
    values = {"outcome": outcome, "problems": problems, "saw_all": saw_all} | changes
    return PassResult(stage=stage, account="main", run_id="r", **values)


class Trail:
    """Events as the store would keep and read them, numbered from 1; `all` is the whole table."""

    def __init__(self):
        self.all = ()

    @property
    def rows(self):
        after = json.loads(self.all[-1].columns)["after"] if self.all else 0
        return AlertRows(events=tuple(each for each in self.all if each.id > after))

    def write(self, changes, now):
        for change in changes:
            self.all += (
                Event(
                    id=len(self.all) + 1,
                    account="main",
                    at=now,
                    run_id="r",
                    table_name="alert",
                    row_id=1,
                    op=change.op,
                    columns=json.dumps(change.columns),
                ),
            )

    def passes(self, result, now):
        self.write(after_pass(result, self.rows, now), now)

    def tell(self, now):
        told = to_tell(self.rows.events, now)
        if told:
            self.write(delivered(told, self.rows.events, now), now)
        return [(each.key, each.is_open) for each in told]

    def ops(self):
        return [each.op for each in self.all]


@pytest.fixture
def trail():
    return Trail()


def keys(result, rows=None):
    return [each.key for each in concerns(result, rows or AlertRows())]


# What a pass leaves for a person


def test_each_problem_is_a_concern_named_by_its_code_and_symbol():
    assert keys(a_pass(UNCOVERED, ABSENT)) == ["UNCOVERED AAPL", "POSITION_ABSENT AAPL"]


def test_two_problems_of_one_code_in_one_symbol_are_one_concern_with_both_messages():
    other = Problem(code="UNCOVERED", message="trade 8 AAPL: 5 shares without a stop", symbol="AAPL")
    (one,) = concerns(a_pass(UNCOVERED, other, UNCOVERED), AlertRows())
    assert one.message == "trade 7 AAPL: 10 shares without a stop; trade 8 AAPL: 5 shares without a stop"


@pytest.mark.parametrize(("exit_code", "code"), [(1, "INCOMPLETE"), (2, "PERSON_NEEDED"), (3, "BUG")])
def test_an_error_that_ended_a_pass_is_a_concern_of_its_stage(exit_code, code):
    (one,) = concerns(a_pass(outcome="incomplete", notes=("no answer",), error=exit_code), AlertRows())
    assert (one.key, one.message) == (f"{code} order_monitor", "no answer")


def test_a_pass_that_left_something_undone_without_a_problem_is_a_concern():
    assert keys(a_pass(outcome="incomplete", notes=("left: AAPL has no stop",))) == ["INCOMPLETE order_monitor"]


@pytest.mark.parametrize(
    ("skipped_before", "expected"),
    [(set(), []), ({"order_executor"}, []), ({"order_monitor"}, ["SKIPPED order_monitor"])],
)
def test_the_second_pass_in_a_row_that_does_not_get_its_account_is_a_concern(skipped_before, expected):
    result = a_pass(outcome="skipped", notes=("another pass holds the account main",), saw_all=False)
    assert keys(result, AlertRows(skipped=frozenset(skipped_before))) == expected


def test_a_stop_that_the_system_set_is_a_concern_of_its_scope():
    halted = Control(id=1, account="main", version=1, scope="account:main", state="HALTED", reason="two vanished")
    (one,) = concerns(a_pass(), AlertRows(stopped=(halted,)))
    assert (one.key, one.message) == ("HALTED account:main", "account:main is HALTED: two vanished")


def test_a_clean_pass_leaves_nothing():
    assert keys(a_pass()) == []


# Beginning and end


def test_a_problem_that_stays_is_raised_once(trail):
    for minute in (0, 5, 10):
        trail.passes(a_pass(UNCOVERED), NOW + minute * MINUTE)
    assert trail.ops() == ["raised"]


def test_the_message_may_change_and_it_is_still_the_same_alert(trail):
    trail.passes(a_pass(UNCOVERED), NOW)
    trail.passes(a_pass(Problem(code="UNCOVERED", message="now 4 shares", symbol="AAPL")), NOW + MINUTE)
    assert trail.ops() == ["raised"]


def test_it_ends_with_the_first_pass_that_sees_everything_but_it_and_can_begin_again(trail):
    trail.passes(a_pass(UNCOVERED), NOW)
    trail.passes(a_pass(), NOW + 5 * MINUTE)
    trail.passes(a_pass(), NOW + 10 * MINUTE)
    trail.passes(a_pass(UNCOVERED), NOW + 15 * MINUTE)
    assert trail.ops() == ["raised", "ended", "raised"]
    assert standing_alerts(trail.all)["UNCOVERED AAPL"].since == NOW + 15 * MINUTE


@pytest.mark.parametrize(
    "blind",
    [
        a_pass(saw_all=False),
        a_pass(outcome="incomplete", error=1, notes=("no answer",), saw_all=False),
        a_pass(stage="position_monitor"),
    ],
    ids=["not to its end", "ended by an error", "of another stage"],
)
def test_a_pass_that_cannot_know_ends_nothing(trail, blind):
    trail.passes(a_pass(UNCOVERED), NOW)
    trail.passes(blind, NOW + MINUTE)
    assert standing_alerts(trail.all)["UNCOVERED AAPL"].is_open


def test_what_two_stages_see_is_one_alert(trail):
    trail.passes(a_pass(UNCOVERED), NOW)
    trail.passes(a_pass(UNCOVERED, stage="position_monitor"), NOW + MINUTE)
    assert trail.ops() == ["raised"]


def test_while_it_lasts_it_is_raised_again_after_a_day_and_not_before(trail):
    for at in (NOW, NOW + DAY - MINUTE, NOW + DAY, NOW + DAY + MINUTE, NOW + 2 * DAY):
        trail.passes(a_pass(UNCOVERED), at)
    assert [(e.op, e.at) for e in trail.all] == [("raised", NOW), ("raised", NOW + DAY), ("raised", NOW + 2 * DAY)]
    assert standing_alerts(trail.rows.events)["UNCOVERED AAPL"].since == NOW


# What is told


@pytest.mark.case("fail-N2")
def test_it_is_told_once_when_it_begins_once_a_day_and_once_when_it_is_over(trail):
    said = []
    for n in range(300):  # every five minutes for a day and an hour
        trail.passes(a_pass(UNCOVERED), NOW + n * 5 * MINUTE)
        said += [(n, *each) for each in trail.tell(NOW + n * 5 * MINUTE)]
    end = NOW + 300 * 5 * MINUTE
    trail.passes(a_pass(), end)
    said += [(300, *each) for each in trail.tell(end) + trail.tell(end + MINUTE)]
    key = "UNCOVERED AAPL"
    assert said == [(0, key, True), (288, key, True), (300, key, False)]


def test_what_mends_itself_is_told_only_if_it_lasts(trail):
    trail.passes(a_pass(ABSENT), NOW)
    assert trail.tell(NOW + 11 * MINUTE) == []
    assert trail.tell(NOW + 12 * MINUTE) == [("POSITION_ABSENT AAPL", True)]


def test_what_mended_itself_in_time_is_never_told(trail):
    trail.passes(a_pass(ABSENT), NOW)
    trail.passes(a_pass(), NOW + 10 * MINUTE)
    assert trail.tell(NOW + 60 * MINUTE) == []


def test_what_was_over_before_it_could_be_told_is_told_as_over_for_a_week(trail):
    trail.passes(a_pass(UNCOVERED), NOW)
    trail.passes(a_pass(), NOW + MINUTE)
    assert to_tell(trail.rows.events, NOW + MINUTE + 7 * DAY) == ()
    assert trail.tell(NOW + MINUTE + 7 * DAY - MINUTE) == [("UNCOVERED AAPL", False)]


def test_an_alert_that_was_not_delivered_is_told_with_the_next_pass(trail):
    trail.passes(a_pass(UNCOVERED), NOW)
    assert len(to_tell(trail.rows.events, NOW)) == 1  # and the message is lost
    trail.passes(a_pass(UNCOVERED), NOW + 5 * MINUTE)
    assert trail.tell(NOW + 5 * MINUTE) == [("UNCOVERED AAPL", True)]
    assert trail.tell(NOW + 5 * MINUTE) == []


# What it costs, and what a person may have done to the rows


def test_old_alerts_are_read_no_more(trail):
    for n in range(100):
        trail.passes(a_pass(UNCOVERED), NOW + n * DAY)
        trail.tell(NOW + n * DAY)
        trail.passes(a_pass(), NOW + n * DAY + MINUTE)
        trail.tell(NOW + n * DAY + MINUTE)
    assert len(trail.all) == 400
    trail.passes(a_pass(ABSENT), NOW + 100 * DAY)
    assert [each.op for each in trail.rows.events] == ["raised"]


def test_an_alert_that_lasts_is_read_however_much_came_after_it(trail):
    trail.passes(a_pass(UNCOVERED), NOW)
    for n in range(1, 51):
        extra = (ABSENT,) if n % 2 else ()
        trail.passes(a_pass(UNCOVERED, *extra), NOW + n * MINUTE)
    assert [key for key, each in standing_alerts(trail.rows.events).items() if each.is_open] == ["UNCOVERED AAPL"]


def test_without_anybody_to_tell_the_alerts_of_past_weeks_are_still_not_read(trail):
    for n in range(100):
        trail.passes(a_pass(UNCOVERED), NOW + n * DAY)
        trail.passes(a_pass(), NOW + n * DAY + MINUTE)
    # Of the last week: seven days, each with its beginning and its end; the day of the oldest is just over.
    assert len(trail.rows.events) <= 16


@pytest.mark.parametrize("columns", ["", "[]", "{}", '{"key": 7}', '{"events": 3}', '{"key": "A", "since": "soon"}'])
def test_a_row_that_was_edited_until_nobody_can_read_it_stops_nothing(trail, columns):
    trail.passes(a_pass(UNCOVERED), NOW)
    edited = [
        Event(id=2 + n, account="main", at=NOW, run_id="x", table_name="alert", row_id=1, op=op, columns=columns)
        for n, op in enumerate(("raised", "ended", "delivered", "forged"))
    ]
    assert standing_alerts((*trail.all, *edited))["UNCOVERED AAPL"].is_open
