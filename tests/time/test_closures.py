"""Days on which the exchange does not do what a calendar said: no entries, and the watch goes on."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from lib.paper_broker.prices import ScriptedFeed
from lib.sessions import Session
from lib.simulation.lifecycles import SWING_AAPL, at, steps
from lib.simulation.world import world
from lib.store import queries

FEED = ScriptedFeed({"AAPL": steps((at(12, 14, 40), "151"), (at(16, 15, 2), "149.50"), (at(17, 15, 2), "155"))})
KING_DAY = Session(date(2024, 1, 15), at(15, 14, 30), at(15, 21, 0))  # a Monday on which New York rests


class AnotherCalendar:
    """A broker whose calendar and clock say something else than the paper broker does."""

    def __init__(self, broker):
        self._broker = broker
        self.closed = set()
        self.added = ()
        self.open = None

    def __getattr__(self, name):
        return getattr(self._broker, name)

    def sessions(self, first, last):
        listed = [day for day in self._broker.sessions(first, last) if day.date not in self.closed]
        return tuple(sorted((*listed, *self.added), key=lambda day: day.date))

    def is_open(self):
        return self._broker.is_open() if self.open is None else self.open


@pytest.fixture
def make(tmp_path):
    opened = []

    def begin(now):
        def other(tools):
            return replace(tools, broker=AnotherCalendar(tools.broker))

        opened.append(world(tmp_path, now, FEED, wrap=other))
        return opened[-1].__enter__()

    yield begin
    for entered in opened:
        entered.__exit__(None, None, None)


def decision(made):
    (row,) = queries.decisions(made.store, "main")
    return row


def nothing_was_sent(made):
    return made.tools.broker.live_orders() == () and queries.journal(made.store, "main") == ()


@pytest.mark.case("fail-I-6", "fail-A15")
def test_a_day_that_the_broker_lists_no_more_has_no_entries_and_the_decisions_for_it_expire(make):
    made = make(at(16, 14, 0))
    made.tools.broker.closed = {date(2024, 1, 16)}
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 10))
    made.run("order_executor")
    assert nothing_was_sent(made)
    assert {ran.exit_code for ran in made.history} == {0}
    assert decision(made).execution_status is None
    made.clock.advance_to(at(17, 14, 0))
    made.run_until(at(17, 14, 50))
    assert decision(made).execution_status == "EXPIRED"
    assert nothing_was_sent(made)


@pytest.mark.case("fail-I-6", "fail-A15")
@pytest.mark.sample
def test_a_day_that_only_the_broker_lists_has_no_entries_either(make):
    made = make(at(15, 14, 0))
    made.tools.broker.added, made.tools.broker.open = (KING_DAY,), True
    made.decide(**SWING_AAPL)
    made.run_until(at(15, 15, 10))
    assert nothing_was_sent(made)
    row = decision(made)
    assert row.execution_status == "WAITING"
    assert row.execution_note.startswith("CALENDAR: the broker's calendar and ours name different sessions")
    assert {ran.stage for ran in made.history} == {"order_executor", "order_monitor", "position_monitor"}


@pytest.mark.case("fail-I-6")
def test_what_is_owned_is_covered_again_on_a_day_that_the_calendars_dispute(make):
    made = make(at(16, 14, 43))
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 15, 5))
    made.tools.broker.closed = {date(2024, 1, 17)}
    made.clock.advance_to(at(17, 14, 35))
    made.user_cancels_all()
    assert made.run("order_monitor").exit_code == 0
    (position,) = made.store.rows("main").positions
    assert position.covered_qty == Decimal(10)
    assert [order.order_class for order in made.tools.broker.live_orders()] == ["oco"]


@pytest.mark.case("fail-I-6", "fail-A15")
def test_a_closure_that_no_calendar_tells_of_keeps_entries_back_until_the_broker_says_open(make):
    made = make(at(16, 14, 43))
    made.tools.broker.open = False
    made.decide(**SWING_AAPL)
    made.run_until(at(16, 14, 55))
    assert nothing_was_sent(made)
    note = "CALENDAR: the broker says that the market is closed now, and its calendar that it is open"
    assert (decision(made).execution_status, decision(made).execution_note) == ("WAITING", note)
    made.tools.broker.open = None
    made.run_until(at(16, 15, 10))
    assert decision(made).execution_status == "ORDERED"
    assert made.tools.broker.positions()["AAPL"].qty == 10


@pytest.mark.case("fail-I-6", "fail-A15")
def test_after_a_closure_for_the_rest_of_the_day_the_decision_is_expired_and_says_what_it_waited_for(make):
    made = make(at(16, 14, 30))
    made.decide(**SWING_AAPL)
    made.tools.broker.open = False
    made.run_until(at(16, 14, 50))
    made.clock.advance_to(at(16, 20, 31))
    made.run_until(at(16, 20, 40))
    assert nothing_was_sent(made)
    row = decision(made)
    assert (row.execution_status, "CALENDAR" in row.execution_note) == ("EXPIRED", True)


def test_the_calendar_is_asked_once_a_session_however_often_a_stage_looks(make):
    made = make(at(16, 14, 31))
    asked = []
    sessions = made.tools.broker._broker.sessions
    made.tools.broker._broker.sessions = lambda *days: asked.append(made.clock.now()) or sessions(*days)
    made.run_until(at(16, 15, 0))
    made.clock.advance_to(at(17, 14, 14))
    made.run_until(at(17, 14, 46))
    assert len(made.history) > 10
    assert [when.replace(second=0, microsecond=0) for when in asked] == [at(16, 14, 35), at(17, 14, 30)]
